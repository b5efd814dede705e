import FormatKit
import MetadataStorage
import Registry
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct RetentionCallTests {
    private static let newest: JSONValue = [
        "enabled": true, "cadence": "6h", "rules": [["keep": "newest", "count": 2]],
    ]

    @Test func policiesAreSetShownInheritedAndRemoved() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            let (above, below) = (
                "groups/\(group)/retention_policy", "projects/\(project)/retention_policy"
            )
            let none = try await server.get(below, as: .alice)
            #expect(none.status == 200)
            #expect(none["enabled"]?.text == "false" && none["rules"]?.text == "[]")
            #expect(none["source"]?.text == "null" && none["next_run_at"]?.text == "null")
            #expect(try await server.delete(below, as: .alice).status == 404)

            let set = try await server.put(above, Self.newest, as: .alice)
            #expect(set.status == 200, "\(set.text)")
            #expect(set["inherited"]?.text == "false")
            let inherited = try await server.get(below, as: .alice)
            #expect(inherited["inherited"]?.text == "true")
            #expect(inherited["source"]?["full_path"]?.text == "\"acme\"")
            #expect(inherited["rules"]?.text == #"[{"count":2,"keep":"newest"}]"#)
            #expect(inherited["cadence"]?.text == #""6h""#)

            let own = try await server.put(
                below, ["rules": [["keep": "protected"]], "enabled": true], as: .alice)
            #expect(own["inherited"]?.text == "false" && own["cadence"]?.text == #""1d""#)
            let tomorrow = server.clock.now().advanced(bySeconds: 86_400)
            #expect(own["next_run_at"]?.text == "\"\(tomorrow.iso8601)\"")
            #expect(try await server.delete(below, as: .alice).status == 204)
            #expect(
                try await server.get(below, as: .alice)["inherited"]?.text == "true")
            _ = try await server.put(below, Self.newest, as: .alice)
            let back = try await server.put(below, ["inherit": true], as: .alice)
            #expect(back["inherited"]?.text == "true", "\(back.text)")
            let actions = try await server.listAuditActions().filter { $0.hasPrefix("retention") }
            #expect(
                actions == [
                    "retention.set", "retention.set", "retention.remove", "retention.set",
                    "retention.set",
                ])
        }
    }

    @Test func whatIsWrongIsNamed() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/retention_policy"
            let cases: [(JSONValue, String)] = [
                (.object([]), "rules is missing"), (["rules": "x"], "rules is invalid"),
                (["rules": [], "cadence": "2d"], "cadence is invalid: '2d' is no cadence"),
                (["rules": [["keep": "all"]]], "rules[0].keep is none of"),
                (["rules": [["keep": "newest"]]], "rules[0].count is missing"),
                (
                    ["rules": [["keep": "protected", "format": "npn"]]],
                    "rules[0].format is none of generic"
                ),
                (
                    ["rules": [["keep": "matching", "pattern": "("]]],
                    "rules[0].pattern is invalid: the pattern '('"
                ),
            ]
            for (body, message) in cases {
                for path in [base, "\(base)/dry_run"] where path == base || body["cadence"] == nil {
                    if path != base, body["rules"] == nil { continue }
                    let answer =
                        path == base
                        ? try await server.put(path, body, as: .alice)
                        : try await server.post(path, body, as: .alice)
                    #expect(answer.status == 400, "\(path): \(answer.text)")
                    #expect(try answer.string("error").contains(message), "\(answer.text)")
                }
            }
            #expect(
                try await server.post("\(base)/dry_run", ["after": "x"], as: .alice).status == 400)
            let off = try await server.post("\(base)/run", as: .alice)
            #expect(off.status == 409 && off.text.contains("no policy is enabled"))
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            #expect(try await server.get(base, as: .bob).status == 403)
            #expect(try await server.put(base, Self.newest, as: .bob).status == 403)
        }
    }

    @Test func aDryRunExplainsEveryVersion() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            let other = try await server.makeProject("other", in: group)
            for version in ["1.0", "1.1", "1.2"] {
                server.clock.advance(bySeconds: 60)
                _ = try await server.publish("tool", version, in: project)
                _ = try await server.publish("lib", version, in: other)
            }
            _ = try await server.pushTags(["v1", "v2"], in: project)
            let base = "projects/\(project)/retention_policy"
            // Rules that are not set yet.
            let trial = try await server.post(
                "\(base)/dry_run",
                ["rules": [["keep": "newest", "count": 1, "format": "generic"]]], as: .alice)
            #expect(trial.status == 200, "\(trial.text)")
            #expect(lines(trial) == ["tool 1.2 keep 1", "tool 1.1 remove -", "tool 1.0 remove -"])
            #expect(try trial.integer("kept") == 1 && trial.integer("removed") == 2)
            #expect(trial["next"]?.text == "null")
            let set = try await server.put("groups/\(group)/retention_policy", Self.newest)
            #expect(set.status == 200)
            let whole = try await server.post(
                "groups/\(group)/retention_policy/dry_run", as: .alice)
            #expect(
                lines(whole) == [
                    "tool 1.2 keep 1", "tool 1.1 keep 1", "tool 1.0 remove -", "api v2 keep 1",
                    "api v1 keep 1", "lib 1.2 keep 1", "lib 1.1 keep 1", "lib 1.0 remove -",
                ])
            #expect(whole.text.contains("rule 1 keeps the 2 newest versions"))
            #expect(whole.text.contains("no rule keeps it"))
            // Behind a package the next one follows.
            guard case .array(let rows)? = whole["versions"], let first = rows.first else { return }
            #expect(first["project_path"]?.text == #""acme/web""#)
            #expect(first["package_type"]?.text == #""generic""#)
            let packages = try await server.store.read { tx in
                try tx.listRetentionPackages(projectID: project, after: 0, limit: 10).map(\.id)
            }
            let rest = try await server.post(
                "groups/\(group)/retention_policy/dry_run",
                ["after": .string("\(project)-\(packages[0])")], as: .alice)
            #expect(lines(rest).first == "api v2 keep 1")
            let last = try await server.post(
                "groups/\(group)/retention_policy/dry_run",
                ["after": .string("\(project)-\(packages[1])")], as: .alice)
            #expect(lines(last).first == "lib 1.2 keep 1")
        }
    }

    private func lines(_ answer: ManagementServer.Answer) -> [String] {
        guard case .array(let lines)? = answer["versions"] else { return [answer.text] }
        return lines.map { line in
            let words = ["package_name", "name", "action"].compactMap { line[$0]?.stringValue }
            let rule = line["rule"]?.text ?? "null"
            return (words + [rule == "null" ? "-" : rule]).joined(separator: " ")
        }
    }

    @Test func aRunThatIsAskedForIsDoneAndReported() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            _ = try await server.pushTags(["v1", "v2", "v3"], in: project)
            _ = try await server.put("groups/\(group)/retention_policy", Self.newest, as: .alice)
            let runner = RetentionRunner(
                metadata: server.store, clock: server.clock, formatRules: FormatRules([]))
            #expect(try await runner.runNext() == nil)
            let base = "projects/\(project)/retention_policy"
            for path in ["groups/\(group)/retention_policy/run", "\(base)/run"] {
                #expect(try await server.post(path, as: .alice).status == 202)
            }
            let started = server.clock.now()
            #expect(try await runner.runNext()?.outcome.removedCount == 1)
            #expect(try await runner.runNext() == nil)
            let shown = try await server.get(base, as: .alice)
            let last = shown["last_run"]
            #expect(last?["started_at"]?.stringValue == started.iso8601)
            #expect(last?["finished_at"]?.stringValue == started.iso8601)
            #expect(last?["kept"]?.text == "2" && last?["removed"]?.text == "1")
            #expect(last?["failure"]?.text == "null")
            #expect(shown["next_run_at"]?.stringValue.map { $0 > started.iso8601 } == true)
            // The group shows its projects together.
            let whole = try await server.get("groups/\(group)/retention_policy", as: .alice)
            #expect(whole["last_run"]?.text == last?.text)
            #expect(whole["next_run_at"]?.text == shown["next_run_at"]?.text)
        }
    }
}
