import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// Every client, with every kind of token, at every address; and the mistakes that people make with it.
@Suite(.serialized) struct NodeClientTests {
    @Test(.needs(.npm), .needsNodeWheels, arguments: NodeClient.allCases)
    func everyClientPublishesAndInstalls(_ client: NodeClient) async throws {
        guard try await client.program.isUsable() else { return }
        try await NPMSite.run { site in
            let scopes = ["read_package_registry", "write_package_registry"]
            let group = try await site.site.manage(
                "/groups/\(site.group)/deploy_tokens", ["name": "test", "scopes": scopes])
            let tokens = [
                "personal": try await site.site.createPersonalToken(scopes: scopes).password,
                "deploy": try #require(group["token"] as? String),
                "job": try await site.site.createJobToken(site.project).password,
            ]
            for (kind, token) in tokens.sorted(by: { $0.key < $1.key }) {
                // Short, and as GitLab has it.
                for (place, (project, group)) in zip(site.projectAddresses, site.groupAddresses)
                    .enumerated()
                {
                    let name = "@acme/\(client.rawValue)-\(kind)"
                    let home = try NPMHome(project, token: token)
                    try await client.publish(try home.package(name, "1.\(place).0"), home)
                    for address in [project, group] {
                        let reader = try NPMHome(address, token: token)
                        #expect(try await client.install(name, reader) == "\(name)@1.\(place).0")
                    }
                }
            }
        }
    }

    @Test(.needs(.npm), .needsNodeWheels, arguments: NodeClient.allCases)
    func whatAPersonReadsAfterAMistake(_ client: NodeClient) async throws {
        guard try await client.program.isUsable() else { return }
        try await NPMSite.run { site in
            let home = try site.home()
            try await client.publish(try home.package("@acme/tool", "1.0.0"), home)
            let duplicate = try await client.publishRefusal(
                try home.package("@acme/tool", "1.0.0", ["description": "other"]), home)
            #expect(duplicate.contains(client.wordsOfDuplicate), "\(duplicate)")

            let wrong = try site.home(token: "wrong")
            let denied = try await client.publishRefusal(
                try wrong.package("@acme/tool", "1.1.0"), wrong)
            #expect(denied.contains("the credential is wrong, expired or revoked"), "\(denied)")
            let unread = try await client.installRefusal("@acme/tool", wrong)
            #expect(
                unread.contains("401") || unread.contains("the credential is wrong"), "\(unread)")

            let bad = try await client.publishRefusal(
                try home.package("@acme/Tool", "1.0.0"), home)
            #expect(
                bad.lowercased().contains("name") || bad.contains("400"), "\(bad)")
            let missing = try await client.installRefusal("@acme/none", home)
            #expect(
                missing.contains("404") || missing.contains("there is no package '@acme/none'"),
                "\(missing)")
        }
    }

    /// deno installs; it publishes to a registry of its own alone.
    @Test(.needs(.npm), .needsNodeWheels) func denoInstalls() async throws {
        try await NPMSite.run { site in
            let home = try site.home()
            try await home.publish("@acme/denoed", "1.0.0")
            let deno = Program(
                "deno", location: NodeWheels.folder.path + "/bin/deno", wheel: "deno")
            for address in [site.projectAddresses[0], site.groupAddresses[0]] {
                let reader = try NPMHome(address, token: Site.rootToken)
                let said = try await deno.run(
                    // By itself it installs nothing that is younger than a day.
                    [
                        "eval", "--minimum-dependency-age=0",
                        "import it from 'npm:@acme/denoed@1.0.0'; console.log(it)",
                    ],
                    environment: reader.environment.merging(
                        ["DENO_DIR": reader.folder.path("deno"), "NPM_CONFIG_REGISTRY": address]
                    ) { $1 }, folder: reader.folder.path("."))
                #expect(said.contains("@acme/denoed@1.0.0"), "\(said)")
            }
        }
    }

    /// What npm 11 asks that npm 10 did not.
    @Test(.needs(.npm), .needsNodeWheels) func npm11DoesAsBefore() async throws {
        try await NPMSite.run { site in
            let home = try site.home()
            let npm = NodeClient.npm11.program
            func run(_ arguments: String...) async throws -> String {
                try await npm.run(
                    arguments, environment: home.environment, folder: home.folder.path("."))
            }
            #expect(try await run("--version").hasPrefix("11."))
            try await home.publish("@acme/tool", "1.0.0")
            try await home.publish("@acme/tool", "1.1.0")
            #expect(try await run("ping").contains("PONG"))
            #expect(try await run("whoami") == "root")
            #expect(try await run("view", "@acme/tool").contains("latest: 1.1.0"))
            #expect(try await run("view", "@acme/tool", "readme").contains("# @acme/tool"))
            _ = try await run("dist-tag", "add", "@acme/tool@1.0.0", "stable")
            #expect(try await run("dist-tag", "ls", "@acme/tool").contains("stable: 1.0.0"))
            _ = try await run("deprecate", "@acme/tool@1.0.0", "old")
            #expect(try await run("view", "@acme/tool@1.0.0", "deprecated") == "old")
            #expect(try await run("search", "tool", "--json").contains("@acme/tool"))
            #expect(
                try await run("access", "get", "status", "@acme/tool") == "@acme/tool: private")
            _ = try await run("unpublish", "@acme/tool@1.0.0")
            #expect(try await run("view", "@acme/tool", "versions", "--json").contains("1.1.0"))
        }
    }
}

extension NodeClient {
    /// What a person reads who publishes a version again with other content.
    fileprivate var wordsOfDuplicate: String {
        switch self {
        case .npm10, .yarn, .bun: "raise the version and publish again"
        // It looks first, and then says so itself.
        case .npm11: "cannot publish over the previously published versions"
        }
    }
}
