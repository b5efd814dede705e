import FormatKit
import Registry
import Testing

@testable import GatewayServer

@Suite struct PackageRuleCallTests {
    private func text(_ answer: ManagementServer.Answer) -> String {
        let fields = [
            "package_name_pattern", "repository_path_pattern", "package_type",
            "minimum_access_level_for_push", "minimum_access_level_for_delete", "push_tokens",
            "delete_tokens",
        ]
        return fields.compactMap { answer[$0]?.text }.joined(separator: " ")
    }

    @Test func rulesAreMadeChangedAndRemoved() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let other = try await server.makeProject("other")
            let base = "projects/\(project)/packages/protection/rules"
            let made = try await server.post(
                base,
                [
                    "package_name_pattern": "@acme/*", "package_type": "npm",
                    "minimum_access_level_for_push": "maintainer",
                    "minimum_access_level_for_delete": "owner",
                ], as: .alice)
            #expect(made.status == 201)
            #expect(text(made) == #""@acme/*" "npm" "maintainer" "owner" [] []"#)
            #expect(try made.integer("project_id") == project)
            let id = try made.integer("id")
            let cases: [(JSONValue, String)] = [
                (["package_name_pattern": "w*"], #""w*" "npm" "maintainer" "owner" [] []"#),
                (["package_type": .null], #""w*" null "maintainer" "owner" [] []"#),
                (
                    ["package_type": "terraform_module"],
                    #""w*" "terraform_module" "maintainer" "owner" [] []"#
                ),
                (
                    ["minimum_access_level_for_push": "", "push_tokens": [7, "ci"]],
                    #""w*" "terraform_module" null "owner" ["7","ci"] []"#
                ),
                (
                    ["minimum_access_level_for_delete": .null, "delete_tokens": "8,9"],
                    #""w*" "terraform_module" null null ["7","ci"] ["8","9"]"#
                ),
                (["delete_tokens": []], #""w*" "terraform_module" null null ["7","ci"] []"#),
                (.object([]), #""w*" "terraform_module" null null ["7","ci"] []"#),
            ]
            for (change, expected) in cases {
                let answer = try await server.patch("\(base)/\(id)", change, as: .alice)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(text(answer) == expected, "\(change.text)")
            }
            #expect(try await server.get(base, as: .alice).list("id") == [String(id)])
            // The other list has none of them, and neither has another project.
            let images = "projects/\(project)/registry/protection/repository/rules"
            #expect(try await server.get(images, as: .alice).text == "[]")
            #expect(try await server.delete("\(images)/\(id)", as: .alice).status == 404)
            let elsewhere = "projects/\(other)/packages/protection/rules/\(id)"
            #expect(try await server.patch(elsewhere, .object([]), as: .alice).status == 404)
            #expect(try await server.delete(elsewhere, as: .alice).status == 404)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 204)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 404)
            let actions = try await server.listAuditActions().filter { $0.contains("_rule") }
            #expect(
                actions == ["package_rule.create"]
                    + Array(repeating: "package_rule.update", count: cases.count)
                    + ["package_rule.delete"])
        }
    }

    @Test func rulesOfRepositoriesBeginWithTheProject() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/registry/protection/repository/rules"
            let made = try await server.post(
                base,
                [
                    "repository_path_pattern": "alice/web/api*",
                    "minimum_access_level_for_push": "owner",
                ], as: .alice)
            #expect(made.status == 201, "\(made.text)")
            #expect(text(made) == #""alice/web/api*" "owner" null [] []"#)
            let id = try made.integer("id")
            let wrong = try await server.patch(
                "\(base)/\(id)", ["repository_path_pattern": "bob/web"], as: .alice)
            #expect(wrong.status == 400)
            #expect(wrong.text.contains("should start with the project's full path"))
            let changed = try await server.patch(
                "\(base)/\(id)", ["repository_path_pattern": "alice/web"], as: .alice)
            #expect(text(changed) == #""alice/web" "owner" null [] []"#)
            let packages = "projects/\(project)/packages/protection/rules"
            #expect(try await server.get(packages, as: .alice).text == "[]")
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 204)
        }
    }

    @Test func aRuleThatMakesNoSenseIsRefused() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/packages/protection/rules"
            let rule: JSONValue = [
                "package_name_pattern": "a", "minimum_access_level_for_push": "owner",
            ]
            #expect(try await server.post(base, rule, as: .alice).status == 201)
            let cases: [(JSONValue, Int, String)] = [
                (.object([]), 400, "package_name_pattern is missing"),
                (["package_name_pattern": "x"], 400, "can only be empty where"),
                (
                    [
                        "package_name_pattern": "x\ny", "minimum_access_level_for_push": "owner",
                    ], 400, "package_name_pattern"
                ),
                (
                    ["package_name_pattern": "x", "minimum_access_level_for_push": "admin"], 400,
                    "does not have a valid value"
                ),
                (
                    ["package_name_pattern": "x", "package_type": "cobol", "push_tokens": "7"],
                    400, "package_type does not have a valid value"
                ),
                (
                    ["package_name_pattern": "x", "push_tokens": ["a b"]], 400,
                    "numbers or usernames of tokens"
                ),
                (
                    ["package_name_pattern": "x", "push_tokens": true], 400,
                    "push_tokens is invalid"
                ),
                (rule, 422, "has a rule with this pattern"),
            ]
            for (draft, status, message) in cases {
                let answer = try await server.post(base, draft, as: .alice)
                #expect(answer.status == status, "\(draft.text): \(answer.text)")
                #expect(answer.text.contains(message), "\(answer.text)")
            }
            for number in 1..<PackageRule.limitCount {
                let answer = try await server.post(
                    base,
                    [
                        "package_name_pattern": .string("t\(number)"),
                        "minimum_access_level_for_delete": "owner",
                    ], as: .alice)
                try #require(answer.status == 201, "\(answer.text)")
            }
            let full = try await server.post(
                base, ["package_name_pattern": "z", "push_tokens": [1]], as: .alice)
            #expect(full.status == 422)
            #expect(full.text.contains("at most \(PackageRule.limitCount) rules"))
        }
    }

    @Test func deletionsObeyTheRules() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            try await server.addMember("bob", .maintainer, to: "projects/\(project)")
            let made = try await server.post(
                "projects/\(project)/packages/protection/rules",
                [
                    "package_name_pattern": "core*", "minimum_access_level_for_delete": "owner",
                ], as: .bob)
            #expect(made.status == 201, "\(made.text)")
            let image = try await server.push(
                .init(repository: "core", manifest: "m", tags: ["v1"]), in: project)
            let version = try await server.publish("core-lib", "1.0", in: project)
            let free = try await server.publish("tool", "1.0", in: project)
            let packages = "projects/\(project)/packages"
            let files = try await server.get("\(packages)/\(version)/package_files", as: .bob)
            let file = try #require(files.list("id").first)
            let repository = "projects/\(project)/registry/repositories/\(image.repository)"
            let targets = [
                "\(packages)/\(version)", "\(packages)/\(version)/package_files/\(file)",
                "\(packages)/\(image.version)", repository, "\(repository)/tags/v1",
            ]
            for target in targets {
                let refused = try await server.delete(target, as: .bob)
                #expect(refused.status == 403, "\(target): \(refused.text)")
                #expect(refused.text.contains("protected by the rule 'core*'"), "\(refused.text)")
            }
            let plan = try await server.delete(
                "\(repository)/tags?name_regex_delete=.*&dry_run=true", as: .bob)
            #expect(plan.text.contains(#""action":"keep","reason":"protected""#), "\(plan.text)")
            let cleaned = try await server.delete(
                "\(repository)/tags?name_regex_delete=.*", as: .bob)
            #expect(try cleaned.integer("deleted") == 0)
            #expect(try await server.delete("\(packages)/\(free)", as: .bob).status == 204)
            for target in [targets[1], targets[0], targets[4], targets[3]] {
                let answer = try await server.delete(target, as: .alice)
                #expect(answer.status < 300, "\(target): \(answer.text)")
            }
        }
    }

    @Test func onlyOwnersDeleteWhatIsWrittenOnce() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            try await server.addMember("bob", .maintainer, to: "projects/\(project)")
            let set = try await server.put(
                "projects/\(project)",
                [
                    "write_once": true,
                    "package_settings": ["generic": ["duplicates_allowed": true]],
                ], as: .bob)
            #expect(set["write_once"]?.text == "true")
            #expect(set["package_settings"]?["generic"]?["duplicates_allowed"]?.text == "false")
            let version = try await server.publish("tool", "1.0", in: project)
            let target = "projects/\(project)/packages/\(version)"
            let refused = try await server.delete(target, as: .bob)
            #expect(refused.status == 403)
            #expect(refused.text.contains("is written once"))
            #expect(try await server.delete(target, as: .alice).status == 204)
        }
    }
}
