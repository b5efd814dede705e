import FormatKit
import HTTPTypes
import MetadataStorage
import Registry
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct TagCleanupTests {
    private static let tags = ["old", "v1", "v2", "pin", "latest", "stable", "dev"]

    /// A project of alice's with tags pushed a minute after the other, where bob is a maintainer.
    private func place(_ server: ManagementServer) async throws -> String {
        let project = try await server.makeProject("web")
        try await server.addMember("bob", .maintainer, to: "projects/\(project)")
        let id = try await server.pushTags(Self.tags, in: project)
        try await server.addTagRule("v1", delete: .owner, in: project)
        try await server.addTagRule("pin", immutable: true, in: project)
        return "projects/\(project)/registry/repositories/\(id)/tags"
    }

    private func rows(_ answer: ManagementServer.Answer) -> [String] {
        guard case .array(let tags)? = answer["tags"] else { return [answer.text] }
        return tags.map { tag in
            let words = ["name", "reason"].compactMap { tag[$0]?.stringValue }
            return (words + [tag["rule"]?.stringValue].compactMap(\.self)).joined(separator: " ")
        }
    }

    @Test func aDryRunSaysWhyOfEveryTag() async throws {
        try await ManagementServer.run { server in
            let base = try await place(server)
            let cases: [(String, [String])] = [
                (
                    "name_regex_delete=.*",
                    [
                        "old matched", "v1 protected v1", "v2 matched", "pin immutable pin",
                        "latest latest", "stable matched", "dev matched",
                    ]
                ),
                (
                    "name_regex=v.&name_regex_keep=.2",
                    [
                        "old not_matched", "v1 protected v1", "v2 name_regex_keep",
                        "pin not_matched", "latest latest", "stable not_matched",
                        "dev not_matched",
                    ]
                ),
                (
                    "name_regex_delete=.*&keep_n=3&include_latest=true",
                    [
                        "dev keep_n", "stable keep_n", "latest keep_n", "pin immutable pin",
                        "v2 matched", "v1 protected v1", "old matched",
                    ]
                ),
                (
                    "name_regex_delete=.*&name_regex_keep=dev&keep_n=1&older_than=5m",
                    [
                        "dev name_regex_keep", "stable keep_n", "latest latest", "pin older_than",
                        "v2 matched", "v1 protected v1", "old matched",
                    ]
                ),
                // Patterns are for whole names, and the newer parameter counts.
                (
                    "name_regex=.*&name_regex_delete=ol",
                    Self.tags.map { $0 == "latest" ? "latest latest" : "\($0) not_matched" }
                ),
            ]
            server.clock.advance(bySeconds: 60)
            for (query, expected) in cases {
                let answer = try await server.delete("\(base)?dry_run=true&\(query)", as: .bob)
                #expect(answer.status == 200)
                #expect(rows(answer) == expected, "\(query)")
                let count = expected.count { $0.hasSuffix(" matched") }
                #expect(try answer.integer("deleted") == Int64(count))
                #expect(try answer.integer("kept") == Int64(expected.count - count))
                #expect(answer["complete"]?.text == "true")
            }
            #expect(
                try await server.get(base, as: .alice).list("name") == Self.tags.sorted())
        }
    }

    @Test func aDryRunExplainsInWords() async throws {
        try await ManagementServer.run { server in
            let base = try await place(server)
            let answer = try await server.delete(
                "\(base)?dry_run=true&name_regex_delete=.*&name_regex_keep=dev&keep_n=1"
                    + "&older_than=4m", as: .bob)
            guard case .array(let tags)? = answer["tags"] else { return }
            #expect(
                tags.compactMap { $0["message"]?.stringValue } == [
                    "matches name_regex_keep 'dev'",
                    "is one of the 1 newest of those that match",
                    "'latest' is kept unless include_latest is true",
                    "was pushed less than 4m ago",
                    "matches name_regex_delete '.*', and nothing keeps it",
                    "the tag 'v1' is protected by the rule 'v1': you need at least the role "
                        + "'owner' to delete it",
                    "matches name_regex_delete '.*', and nothing keeps it",
                ])
        }
    }

    @Test func whatTheDryRunSaidIsDone() async throws {
        try await ManagementServer.run { server in
            let base = try await place(server)
            // As `curl --data` sends it.
            let answer = try await server.send(
                .delete, base, as: .bob, body: "name_regex_delete=.*&keep_n=1",
                type: "application/x-www-form-urlencoded")
            #expect(answer.status == 202)
            #expect(rows(answer) == ["stable matched", "v2 matched", "old matched"])
            #expect(try answer.integer("examined") == 7)
            #expect(try answer.integer("deleted") == 3)
            #expect(
                try await server.get(base, as: .alice).list("name")
                    == ["dev", "latest", "pin", "v1"])
            let again = try await server.delete(
                "\(base)?name_regex_delete=.*&keep_n=1", as: .bob)
            #expect(try again.integer("deleted") == 0)
            let all = try await server.delete(
                "\(base)?name_regex_delete=.*&include_latest=true", as: .alice)
            #expect(rows(all) == ["v1 matched", "latest matched", "dev matched"])
            let actions = try await server.listAuditActions().filter { $0 == "tag.delete" }
            #expect(actions.count == 6)
        }
    }

    @Test func manyTagsGoInBatches() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let names = (0..<2 * ManagementLimits.tagBatchCount + 50).map { "t\($0)" }
            let (id, _) = try await server.push(
                .init(manifest: "m", tags: names + ["keep"]), in: project)
            let base = "projects/\(project)/registry/repositories/\(id)/tags"
            let answer = try await server.delete("\(base)?name_regex_delete=t.*", as: .alice)
            #expect(answer.status == 202)
            #expect(try answer.integer("deleted") == Int64(names.count))
            #expect(try await server.get(base, as: .alice).list("name") == ["keep"])
        }
    }

    @Test func whatIsWrongIsNamed() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let id = try await server.pushTags(
                ["\(String(repeating: "a", count: 60))b"], in: project)
            let base = "projects/\(project)/registry/repositories/\(id)/tags"
            let cases: [(String, String)] = [
                ("", "name_regex, name_regex_delete are missing"),
                ("name_regex_delete=", "name_regex, name_regex_delete are missing"),
                ("name_regex_delete=(a", "name_regex_delete is invalid: the pattern '(a'"),
                ("name_regex=[a", "name_regex is invalid: the pattern '[a'"),
                (
                    "name_regex_delete=.*&name_regex_keep=*",
                    "name_regex_keep is invalid: the pattern '*'"
                ),
                (
                    "name_regex_delete=(a%2B)%2B",
                    "name_regex_delete is invalid: the pattern '(a+)+' takes too long to match"
                ),
                ("name_regex_delete=.*&older_than=soon", "older_than is invalid: 'soon'"),
                ("name_regex_delete=.*&keep_n=-1", "keep_n does not have a valid value"),
            ]
            for (query, message) in cases {
                let answer = try await server.delete("\(base)?\(query)", as: .alice)
                #expect(answer.status == 400, "\(query): \(answer.text)")
                #expect(try answer.string("error").contains(message), "\(answer.text)")
            }
            #expect(try await server.get(base, as: .alice).list("name").count == 1)
            #expect(try await server.delete("\(base)?name_regex_delete=.*", as: .bob).status == 404)
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            #expect(try await server.delete("\(base)?name_regex_delete=.*", as: .bob).status == 403)
        }
    }

    @Test func whatChangesMeanwhileStays() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let id = try await server.pushTags(
                ["again", "moved", "gone", "same", "kept"], in: project)
            let actor = Sample.actor
            let selection = TagCleanup.Selection(deletePattern: try NamePattern(".*"))
            let plan = try await server.store.read { tx in
                let package = try tx.requireRepositoryForTest(id)
                return try TagCleanupReport(
                    planning: TagCleanup(
                        selection, try tx.tagProtection(of: package, for: Authority(.owner)),
                        now: server.clock.now()),
                    of: package, isDryRun: false, tx)
            }
            #expect(plan.tags.count == 5)
            server.clock.advance(bySeconds: 1)
            try await server.push(
                .init(manifest: "manifest of again", tags: ["again"]), in: project)
            try await server.push(.init(manifest: "other", tags: ["moved"]), in: project)
            try await server.addTagRule("kept", immutable: true, in: project)
            let base = "projects/\(project)/registry/repositories/\(id)/tags"
            #expect(try await server.delete("\(base)/gone", as: .alice).status == 200)
            let outcome = try await server.store.write { tx in
                try TagCleanupReport.delete(
                    plan.tags[...], of: try tx.requireRepositoryForTest(id), actor: actor,
                    by: Authority(.owner), at: server.clock.now(), tx)
            }
            #expect(
                outcome.map { "\($0.name) \($0.verdict.reason.rawValue)" } == [
                    "again changed", "moved changed", "gone changed", "same matched",
                    "kept immutable",
                ])
            #expect(
                try await server.get(base, as: .alice).list("name") == ["again", "kept", "moved"])
        }
    }

    @Test func agesAreReadAsPeopleWriteThem() throws {
        let day: Int64 = 86_400
        let cases: [(String, Int64)] = [
            ("1h", 3600), ("2d", 2 * day), ("1month", 30 * day), ("90d", 90 * day),
            ("1 week 2 days", 9 * day), ("1w2d3h", 9 * day + 3 * 3600), ("15 MIN", 900),
            ("1y", 365 * day), ("30s", 30), ("2mo", 60 * day), (" 7d ", 7 * day), ("0d", 0),
        ]
        for (text, seconds) in cases {
            #expect(try TagAge(parsing: text).seconds == seconds, "\(text)")
        }
        for text in [
            "", " ", "d", "1", "1x", "-1d", "1d-", "1.5d", "d1", "101y", "99999999999d",
            "9999999999y 9999999999y", "１d",
        ] {
            #expect(throws: RegistryError.self, "\(text)") { try TagAge(parsing: text) }
        }
    }
}

extension PackageReading {
    fileprivate func requireRepositoryForTest(_ id: Int64) throws -> PackageRecord {
        try #require(try findRepository(id)).package
    }
}
