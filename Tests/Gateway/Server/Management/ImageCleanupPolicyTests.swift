import FormatKit
import HTTPTypes
import MetadataStorage
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// GitLab's clean-up policy for images, at the addresses and in the fields that it has there.
@Suite struct ImageCleanupPolicyTests {
    private func policy(_ answer: ManagementServer.Answer) -> JSONValue {
        answer["container_expiration_policy"] ?? .null
    }

    @Test func whatIsSentIsShownAgain() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)"
            let unset = policy(try await server.get(base, as: .alice))
            #expect(
                unset.text
                    == #"{"cadence":"1d","enabled":false,"keep_n":10,"name_regex":".*","#
                    + #""name_regex_delete":".*","name_regex_keep":null,"next_run_at":null,"#
                    + #""older_than":"90d"}"#)
            let set = try await server.put(
                base,
                [
                    "container_expiration_policy_attributes": [
                        "cadence": "1month", "enabled": true, "keep_n": 1, "older_than": "14d",
                        "name_regex": "", "name_regex_delete": ".*-dev", "name_regex_keep": "main",
                    ]
                ], as: .alice)
            #expect(set.status == 200, "\(set.text)")
            let next = server.clock.now().advanced(bySeconds: 30 * 86_400).iso8601
            let expected =
                #"{"cadence":"1month","enabled":true,"keep_n":1,"name_regex":".*-dev","#
                + #""name_regex_delete":".*-dev","name_regex_keep":"main","next_run_at":"\#(next)","#
                + #""older_than":"14d"}"#
            #expect(policy(set).text == expected)
            #expect(policy(try await server.get(base, as: .alice)).text == expected)
            // As `curl --data` sends it, and only what changes.
            let form = try await server.send(
                .put, base, as: .alice,
                body: "container_expiration_policy_attributes[keep_n]=&"
                    + "container_expiration_policy_attributes[cadence]=7d",
                type: "application/x-www-form-urlencoded")
            #expect(form.status == 200, "\(form.text)")
            #expect(policy(form)["keep_n"]?.text == "null")
            #expect(policy(form)["cadence"]?.text == #""7d""#)
            #expect(policy(form)["older_than"]?.text == #""14d""#)
            // It is a policy beside the project's own, in the same words.
            let shown = try await server.get("\(base)/retention_policy", as: .alice)
            #expect(shown["rules"]?.text == "[]" && shown["enabled"]?.text == "false")
            #expect(shown["image_rules"]?.text.contains(#""names":".*-dev""#) == true)
            let off = try await server.put(
                base, ["container_expiration_policy_attributes": ["enabled": false]], as: .alice)
            #expect(policy(off)["next_run_at"]?.text == "null")
            #expect(
                try await server.get("\(base)/retention_policy", as: .alice)["image_rules"]?.text
                    == "[]")
            let made = try await server.post(
                "projects",
                [
                    "path": "more",
                    "container_expiration_policy_attributes": ["enabled": true, "keep_n": 5],
                ], as: .alice)
            #expect(made.status == 201, "\(made.text)")
            #expect(policy(made)["enabled"]?.text == "true" && policy(made)["keep_n"]?.text == "5")
            #expect(policy(made)["next_run_at"]?.text != "null")
        }
    }

    @Test func whatIsWrongIsNamed() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let cases: [(JSONValue, String)] = [
                (["cadence": "2d"], "container_expiration_policy.cadence"),
                (["keep_n": "x"], "container_expiration_policy.keep_n"),
                (["keep_n": -1], "container_expiration_policy.keep_n"),
                (["older_than": "soon"], "container_expiration_policy.older_than"),
                (["name_regex": "("], "container_expiration_policy.name_regex"),
                (["name_regex_keep": "["], "container_expiration_policy.name_regex_keep"),
                (["enabled": true, "name_regex": .null], "can't be blank"),
                (["enabled": "maybe"], "container_expiration_policy.enabled"),
                (["keepn": 5], "container_expiration_policy.keepn"),
            ]
            for (attributes, words) in cases {
                let answer = try await server.put(
                    "projects/\(project)",
                    ["container_expiration_policy_attributes": attributes], as: .alice)
                #expect(answer.status == 400, "\(attributes.text): \(answer.text)")
                #expect(answer.text.contains(words), "\(answer.text)")
            }
            #expect(
                try await server.get("projects/\(project)", as: .alice)[
                    "container_expiration_policy"]?["enabled"]?.text == "false")
        }
    }

    @Test func itRunsAsGitLabsDoes() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let id = try await server.pushTags(
                ["old-1", "old-2", "latest", "keep-1", "pin-1", "dev-1", "dev-2", "dev-3"],
                in: project)
            try await server.addTagRule("pin-.*", immutable: true, in: project)
            server.clock.advance(bySeconds: 100 * 86_400)
            _ = try await server.pushTags(["new-1"], in: project)
            _ = try await server.put(
                "projects/\(project)",
                [
                    "container_expiration_policy_attributes": [
                        "enabled": true, "keep_n": 3, "older_than": "90d", "name_regex": ".*",
                        "name_regex_keep": "keep-.*",
                    ]
                ], as: .alice)
            let runner = RetentionRunner(
                metadata: server.store, clock: server.clock, formatRules: FormatRules([]))
            server.clock.advance(bySeconds: 2 * 86_400)
            #expect(try await runner.runNext()?.outcome.removedCount == 3)
            #expect(
                try await server.get("projects/\(project)/registry/repositories/\(id)/tags")
                    .list("name") == ["dev-2", "dev-3", "keep-1", "latest", "new-1", "pin-1"])
        }
    }

    /// The policy in rules removes what a clean-up with the same parameters removes.
    @Test func rulesMeanWhatTheParametersMean() throws {
        var generator = SeededGenerator.announced()
        let now = Timestamp(seconds: 1_800_000_000)
        let names = ["latest", "v1", "v2", "dev-1", "dev-2", "main", "pin"]
        let rules = [
            TagRule(
                id: 1, projectID: 1, format: .containerImages, pattern: try NamePattern("pin"),
                pushRole: nil, deleteRole: nil, isImmutable: true, createdAt: now)
        ]
        let protection = TagProtection(rules, role: .guest)
        let package = PackageRecord(
            id: 1, projectID: 1, format: .containerImages, name: "api", revision: 1,
            createdAt: now, updatedAt: now)
        for _ in 0..<2000 {
            var policy = ImageCleanupPolicy()
            policy.enabled = true
            policy.nameRegex = [".*", "dev-.*", "v.|main|latest"].randomElement(using: &generator)
            policy.nameRegexKeep = [nil, "v1", ".*1"].randomElement(using: &generator) ?? nil
            policy.keepCount = [nil, 0, 1, 3].randomElement(using: &generator) ?? nil
            policy.olderThan = [nil, "3d", "6d"].randomElement(using: &generator) ?? nil
            var selection = TagCleanup.Selection(
                deletePattern: try NamePattern(policy.nameRegex ?? ""))
            selection.keepPattern = try policy.nameRegexKeep.map { try NamePattern($0) }
            selection.keepCount = Int(policy.keepCount ?? 0)
            selection.age = try policy.olderThan.map { try TagAge(parsing: $0) }
            var cleanup = TagCleanup(selection, protection, now: now)
            var judge = try RetentionJudge(
                policy.translate().rules, of: package, isPrerelease: { _ in false },
                protection: protection, at: now)
            let tags = (0..<Int.random(in: 0...10, using: &generator)).map { _ in
                (
                    name: names.randomElement(using: &generator) ?? "v1",
                    at: now.advanced(
                        bySeconds: -Int64.random(in: 0...9, using: &generator) * 86_400)
                )
            }.sorted { $0.at > $1.at }
            for tag in tags {
                let verdict = judge.judge(
                    RetentionUnit(
                        kind: .tag, versionID: 1, name: tag.name, version: "sha256:1",
                        pushedAt: tag.at, pulledAt: nil))
                let expected = try cleanup.judge(tag.name, updatedAt: tag.at)
                #expect(
                    verdict.isRemoval == expected.isDeletion,
                    "\(tag.name): \(policy), \(verdict.reason), \(expected.reason)")
            }
        }
    }
}
