import FormatKit
import Registry
import Testing

@testable import GatewayServer

@Suite struct TagRuleCallTests {
    private func text(_ answer: ManagementServer.Answer) -> String {
        let fields = [
            "tag_name_pattern", "minimum_access_level_for_push",
            "minimum_access_level_for_delete", "immutable",
        ]
        return fields.map { answer[$0]?.text ?? "-" }.joined(separator: " ")
    }

    @Test func rulesAreMadeChangedAndRemoved() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let other = try await server.makeProject("other")
            let base = "projects/\(project)/registry/protection/tag/rules"
            let made = try await server.post(
                base,
                [
                    "tag_name_pattern": "v.*", "minimum_access_level_for_push": "maintainer",
                    "minimum_access_level_for_delete": "owner",
                ], as: .alice)
            #expect(made.status == 201)
            #expect(text(made) == #""v.*" "maintainer" "owner" false"#)
            #expect(try made.integer("project_id") == project)
            let id = try made.integer("id")
            let cases: [(JSONValue, String)] = [
                (["tag_name_pattern": "w"], #""w" "maintainer" "owner" false"#),
                (["minimum_access_level_for_push": ""], #""w" null "owner" false"#),
                (["minimum_access_level_for_push": "developer"], #""w" "developer" "owner" false"#),
                (["minimum_access_level_for_delete": .null], #""w" "developer" null false"#),
                (["immutable": true], #""w" "developer" null true"#),
                (["immutable": false], #""w" "developer" null false"#),
                // Without any role it is GitLab's rule of immutable tags.
                (["minimum_access_level_for_push": .null], #""w" null null true"#),
                (.object([]), #""w" null null true"#),
            ]
            for (change, expected) in cases {
                let answer = try await server.patch("\(base)/\(id)", change, as: .alice)
                #expect(answer.status == 200)
                #expect(text(answer) == expected, "\(change.text)")
            }
            let list = try await server.get(base, as: .alice)
            #expect(list.list("id") == [String(id)])
            let elsewhere = "projects/\(other)/registry/protection/tag/rules/\(id)"
            #expect(try await server.patch(elsewhere, .object([]), as: .alice).status == 404)
            #expect(try await server.delete(elsewhere, as: .alice).status == 404)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 204)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 404)
            #expect(try await server.get(base, as: .alice).text == "[]")
            let actions = try await server.listAuditActions().filter { $0.hasPrefix("tag_rule") }
            #expect(
                actions == ["tag_rule.create"]
                    + Array(repeating: "tag_rule.update", count: cases.count)
                    + ["tag_rule.delete"])
        }
    }

    @Test func aRuleWithoutRolesMakesTagsImmutable() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/registry/protection/tag/rules"
            let cases: [(JSONValue, String)] = [
                (["tag_name_pattern": "a"], #""a" null null true"#),
                (
                    [
                        "tag_name_pattern": "b", "minimum_access_level_for_push": .null,
                        "minimum_access_level_for_delete": .null,
                    ], #""b" null null true"#
                ),
                (
                    [
                        "tag_name_pattern": "c", "minimum_access_level_for_push": "owner",
                        "immutable": true,
                    ], #""c" "owner" null true"#
                ),
            ]
            for (draft, expected) in cases {
                let answer = try await server.post(base, draft, as: .alice)
                #expect(text(answer) == expected)
            }
        }
    }

    @Test func aRuleThatMakesNoSenseIsRefused() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/registry/protection/tag/rules"
            let made = try await server.post(base, ["tag_name_pattern": "a"], as: .alice)
            let other = try await server.post(base, ["tag_name_pattern": "b"], as: .alice)
            let cases: [(JSONValue, Int, String)] = [
                (.object([]), 400, "tag_name_pattern is missing"),
                (["tag_name_pattern": ""], 400, "tag_name_pattern is empty"),
                (["tag_name_pattern": "(x"], 400, "the pattern '(x' cannot be read"),
                (
                    ["tag_name_pattern": .string(String(repeating: "x", count: 256))], 400,
                    "too long"
                ),
                (
                    ["tag_name_pattern": "x", "minimum_access_level_for_push": "guest"], 400,
                    "minimum_access_level_for_push does not have a valid value"
                ),
                (
                    ["tag_name_pattern": "x", "minimum_access_level_for_delete": "admin"], 400,
                    "minimum_access_level_for_delete does not have a valid value"
                ),
                (["tag_name_pattern": "x", "immutable": false], 400, "can only be false"),
                (["tag_name_pattern": "a"], 422, "has a rule with this pattern"),
            ]
            for (draft, status, message) in cases {
                let answer = try await server.post(base, draft, as: .alice)
                #expect(answer.status == status, "\(draft.text): \(answer.text)")
                #expect(answer.text.contains(message), "\(answer.text)")
            }
            let taken = try await server.patch(
                "\(base)/\(try other.integer("id"))", ["tag_name_pattern": "a"], as: .alice)
            #expect(taken.status == 422)
            #expect(made.status == 201)
            for number in 2..<TagRule.limitCount {
                _ = try await server.post(
                    base, ["tag_name_pattern": .string("t\(number)")], as: .alice)
            }
            let full = try await server.post(base, ["tag_name_pattern": "z"], as: .alice)
            #expect(full.status == 422)
            #expect(full.text.contains("at most \(TagRule.limitCount) rules"))
        }
    }

    @Test func onlyWhoChangesSettingsSeesRules() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web", visibility: .public)
            let base = "projects/\(project)/registry/protection/tag/rules"
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            #expect(try await server.get(base, as: .bob).status == 403)
            #expect(try await server.get(base, as: .nobody).status == 401)
            let draft: JSONValue = ["tag_name_pattern": "a"]
            #expect(try await server.post(base, draft, as: .bob).status == 403)
            #expect(try await server.post(base, draft, as: .nobody).status == 401)
        }
    }
}
