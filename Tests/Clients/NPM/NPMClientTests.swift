import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// npm against real servers. One after the other: each brings servers of its own.
@Suite(.serialized) struct NPMClientTests {
    @Test(.needs(.npm, .nginx), arguments: SiteKind.allCases)
    func everyKindOfTokenPublishesAndInstalls(_ kind: SiteKind) async throws {
        try await NPMSite.run(kind) { site in
            let scopes = ["read_package_registry", "write_package_registry"]
            let tokens = [
                "personal": try await site.site.createPersonalToken(scopes: scopes),
                "deploy": try await site.site.createDeployToken(site.project, scopes: scopes),
                "job": try await site.site.createJobToken(site.project),
            ]
            let groupToken = try await site.site.manage(
                "/groups/\(site.group)/deploy_tokens", ["name": "test", "scopes": scopes])
            for (number, (name, credential)) in tokens.sorted(by: { $0.key < $1.key }).enumerated()
            {
                // A proxy that decodes paths cannot pass on a project's path as one segment.
                for (place, address) in site.projectAddresses.prefix(kind == .single ? 3 : 2)
                    .enumerated()
                {
                    let home = try NPMHome(address, token: credential.password)
                    let version = "\(number + 1).\(place).0"
                    try await home.publish("@acme/\(name)", version)
                    try await home.publish(name, version)
                    let found = try await home.install("@acme/\(name)", name: "@acme/\(name)")
                    #expect(found == "@acme/\(name)@\(version)")
                }
                for address in site.groupAddresses + site.instanceAddresses {
                    let reader =
                        name == "deploy" ? groupToken["token"] as? String : credential.password
                    let home = try NPMHome(address, token: reader)
                    let version = "\(number + 1).\(kind == .single ? 2 : 1).0"
                    #expect(try await home.install(name, name: name) == "\(name)@\(version)")
                }
            }
        }
    }

    /// N-16; with npm 11, yarn and bun in `NodeClientTests`.
    @Test(.needs(.npm)) func whatPeopleDoWithAPackage() async throws {
        try await NPMSite.run { site in
            let home = try site.home()
            try await home.publish(
                "@acme/tool", "1.0.0", [],
                ["description": "Hammers nails", "keywords": ["hit"], "license": "MIT"])
            try await home.publish("@acme/tool", "1.1.0", [], ["description": "Hammers nails"])
            try await home.publish("@acme/tool", "2.0.0-rc.1", ["--tag", "next"])
            let view = try await home.npm("view", "@acme/tool")
            #expect(view.contains("@acme/tool@1.1.0"), "\(view)")
            #expect(view.contains("latest: 1.1.0"))
            #expect(view.contains("next: 2.0.0-rc.1"))
            #expect(view.contains("Hammers nails"))
            #expect(try await home.npm("view", "@acme/tool", "readme") == "# @acme/tool")
            #expect(try await home.npm("view", "@acme/tool", "readmeFilename") == "README.md")
            let versions = try await home.npm("view", "@acme/tool", "versions", "--json")
            #expect(versions.contains("2.0.0-rc.1"))
            #expect(try await home.npm("view", "@acme/tool@1.0.0", "license") == "MIT")

            try await home.npm("dist-tag", "add", "@acme/tool@1.0.0", "stable")
            #expect(
                try await home.npm("dist-tag", "ls", "@acme/tool")
                    == "latest: 1.1.0\nnext: 2.0.0-rc.1\nstable: 1.0.0")
            let stable = try await home.install("@acme/tool@stable", name: "@acme/tool")
            #expect(stable == "@acme/tool@1.0.0")
            try await home.npm("dist-tag", "rm", "@acme/tool", "stable")
            let latest = try await home.refusal("dist-tag", "rm", "@acme/tool", "latest")
            #expect(latest.contains("every package has the dist-tag 'latest'"), "\(latest)")

            try await home.npm("deprecate", "@acme/tool@<1.1.0", "use 1.1.0 or later")
            let place = try home.project()
            let install = try await home.npm("install", "@acme/tool@1.0.0", in: place)
            #expect(install.contains("use 1.1.0 or later"), "\(install)")
            try await home.npm("deprecate", "@acme/tool@1.0.0", "")
            let after = try await home.npm("view", "@acme/tool@1.0.0", "deprecated")
            #expect(after.isEmpty)

            let found = try await home.npm("search", "nails", "--json")
            #expect(found.contains(#""name":"@acme/tool""#), "\(found)")
            #expect(try await home.npm("search", "nails").contains("@acme/tool"))
            #expect(try await home.npm("search", "screws").contains("No matches found"))
            #expect(try await home.npm("owner", "ls", "@acme/tool").contains("root"))
            #expect(
                try await home.npm("access", "get", "status", "@acme/tool")
                    == "@acme/tool: private")

            try await home.npm("unpublish", "@acme/tool@1.1.0")
            let left = try await home.npm("view", "@acme/tool", "versions", "--json")
            #expect(!left.contains("1.1.0"))
            // The client itself names the highest that is left, prereleases included.
            #expect(try await home.npm("view", "@acme/tool", "version") == "2.0.0-rc.1")
            try await home.npm("unpublish", "@acme/tool", "--force")
            let gone = try await home.refusal("view", "@acme/tool")
            #expect(gone.contains("there is no package '@acme/tool' here"), "\(gone)")
        }
    }

    @Test(.needs(.npm, .python)) func whoOneIs() async throws {
        try await NPMSite.run { site in
            try await site.site.manage(
                "/users",
                [
                    "username": "zoe", "name": "Zoe", "email": "zoe@example.com",
                    "password": "correct horse battery",
                ])
            let nobody = try site.home(token: nil)
            #expect(try await nobody.npm("ping").contains("PONG"))
            let scopes = ["read_package_registry"]
            for credential in [
                try await site.site.createPersonalToken(scopes: scopes),
                try await site.site.createDeployToken(site.project, scopes: scopes),
            ] {
                let home = try site.home(token: credential.password)
                #expect(try await home.npm("whoami") == credential.username)
            }
            let profile = try await site.home().npm("profile", "get", "--json")
            #expect(profile.contains(#""email": "root@example.com""#) || profile.contains("root"))
            for flow in ["legacy", "web"] {
                let home = try site.home(token: nil)
                if flow == "web" {
                    _ = try await home.logInOnPage("zoe", "wrong", "correct horse battery")
                } else {
                    _ = try await home.logIn("--auth-type=legacy", "zoe", "correct horse battery")
                }
                #expect(home.token?.hasPrefix("phpat-") == true)
                let token = try #require(home.token)
                #expect(try await home.npm("whoami") == "zoe")
                try await home.npm("logout")
                #expect(home.token == nil)
                // It stood in the address.
                let log = site.site.servers.map(\.log).joined()
                #expect(log.contains("/-/user/token/(redacted)"))
                #expect(!log.contains(token))
                if flow == "web" {
                    #expect(log.contains("/-/v1/login/(redacted)"))
                    #expect(log.contains("/-/v1/done/(redacted)"))
                }
            }
            let home = try site.home(token: nil)
            let words = try await home.logIn("--auth-type=legacy", "zoe", "wrong")
            #expect(home.token == nil)
            print("npm login, wrong password:\n\(words)")
            #expect(words.contains("Incorrect or missing password"), "\(words)")
        }
    }

    /// The page, and what npm asks meanwhile, reach now the one process, now the other.
    @Test(.needs(.npm, .nginx, .curl), arguments: SiteKind.allCases)
    func loggingInWithABrowser(_ kind: SiteKind) async throws {
        try await NPMSite.run(kind) { site in
            try await site.site.manage(
                "/users",
                [
                    "username": "zoe", "name": "Zoe", "email": "zoe@example.com",
                    "password": "correct horse battery",
                ])
            for address in site.projectAddresses.prefix(kind == .single ? 3 : 2)
                + site.groupAddresses
            {
                let home = try NPMHome(address, token: nil)
                let words = try await home.logInOnPage("zoe", "correct horse battery")
                #expect(words.contains("Logged in on"), "\(words)")
                #expect(try await home.npm("whoami") == "zoe")
            }
        }
    }

    /// N-12
    @Test(.needs(.npm, .python)) func listingAndRevokingTokens() async throws {
        try await NPMSite.run { site in
            try await site.site.manage(
                "/users",
                [
                    "username": "zoe", "name": "Zoe", "email": "zoe@example.com",
                    "password": "correct horse battery",
                ])
            let home = try site.home(token: nil)
            _ = try await home.logIn("--auth-type=legacy", "zoe", "correct horse battery")
            let created = try await home.createToken("correct horse battery", "--read-only")
            #expect(created.contains("token phpat-"), "\(created)")
            let wrong = try await home.createToken("wrong")
            #expect(wrong.contains("the password is wrong"), "\(wrong)")
            let list = try await home.npm("token", "list")
            #expect(list.contains("Read only token") && list.contains("Publish token"), "\(list)")
            let tokens = try #require(
                try JSONSerialization.jsonObject(
                    with: Data(try await home.npm("token", "list", "--json").utf8))
                    as? [[String: Any]])
            #expect(tokens.count == 2)
            let reading = tokens.first { $0["readonly"] as? Bool == true }
            let key = try #require(reading?["key"] as? String)
            #expect(try await home.npm("token", "revoke", key).contains("Removed 1 token"))
            let left = try await home.npm("token", "list")
            #expect(!left.contains("Read only token"), "\(left)")
            let deploy = try await site.site.createDeployToken(
                site.project, scopes: ["read_package_registry"])
            let refused = try await site.home(token: deploy.password).refusal("token", "list")
            #expect(refused.contains("only a user has tokens"), "\(refused)")
        }
    }

    @Test(.needs(.npm)) func whatAPersonReadsAfterAMistake() async throws {
        try await NPMSite.run { site in
            let home = try site.home()
            try await home.publish("tool", "1.0.0")
            // The same again is no mistake: a job that is run again does not fail.
            let place = try home.package("again", "1.0.0")
            try await home.npm("publish", in: place)
            try await home.npm("publish", in: place)

            let duplicate = try await home.refusal(
                "publish", in: try home.package("tool", "1.0.0", ["description": "other"]))
            #expect(duplicate.contains("raise the version and publish again"), "\(duplicate)")

            let wrong = try await site.home(token: "wrong").refusal("view", "tool")
            #expect(wrong.contains("the credential is wrong, expired or revoked"), "\(wrong)")
            let none = try await site.home(token: nil).refusal("view", "tool")
            #expect(none.contains("a credential is needed to read packages"), "\(none)")

            let reader = try await site.site.createPersonalToken(scopes: ["read_package_registry"])
            let readOnly = try site.home(token: reader.password)
            let words = try await readOnly.refusal(
                "publish", in: try readOnly.package("tool", "1.1.0"))
            // N-15
            #expect(words.contains("lacks the scope 'write_package_registry'"), "\(words)")

            let tag = try await home.refusal(
                "publish", "--tag", "1.x", in: try home.package("tool", "1.1.0"))
            #expect(tag.lowercased().contains("semver range"), "\(tag)")
            let group = try NPMHome(site.groupAddresses[0], token: Site.rootToken)
            let union = try await group.refusal(
                "publish", in: try group.package("tool", "1.1.0"))
            #expect(union.contains("a read-only union of its projects"), "\(union)")

            let consumer = try home.project()
            try await home.npm("install", "tool", "--no-audit", in: consumer)
            // N-11
            let audit = try await home.refusal("audit", in: consumer)
            #expect(audit.contains("no source of advisories"), "\(audit)")
            #expect(!audit.contains("found 0 vulnerabilities"))
            let installed = try await home.npm("install", "again", in: consumer)
            #expect(!installed.contains("found 0 vulnerabilities"), "\(installed)")
        }
    }

    /// The deploy and job tokens of one project open no other.
    @Test(.needs(.npm)) func tokensStayInTheirProject() async throws {
        try await NPMSite.run { site in
            let other = try await site.site.createProject("other")
            let scopes = ["read_package_registry", "write_package_registry"]
            for credential in [
                try await site.site.createDeployToken(other, scopes: scopes),
                try await site.site.createJobToken(other),
            ] {
                let home = try site.home(token: credential.password)
                let words = try await home.refusal("publish", in: try home.package("tool", "1.0.0"))
                #expect(words.contains("E403") || words.contains("E404"), "\(words)")
            }
        }
    }

    @Test(.needs(.yarn, .npm)) func yarnPublishesAndInstalls() async throws {
        try await NPMSite.run { site in
            let home = try site.home()
            let place = try home.package("@acme/yarned", "1.0.0")
            try await Program.yarn.run(
                ["publish", "--non-interactive", "--registry", home.registry],
                environment: home.environment, folder: place)
            let consumer = try home.project()
            try await Program.yarn.run(
                ["add", "@acme/yarned", "--registry", home.registry, "--non-interactive"],
                environment: home.environment, folder: consumer)
            let lock = try String(contentsOfFile: consumer + "/yarn.lock", encoding: .utf8)
            #expect(lock.contains(home.registry + "@acme/yarned/-/yarned-1.0.0.tgz"), "\(lock)")
            try await Program.yarn.run(
                ["tag", "add", "@acme/yarned@1.0.0", "stable", "--registry", home.registry],
                environment: home.environment, folder: consumer)
            #expect(
                try await home.npm("dist-tag", "ls", "@acme/yarned").contains("stable: 1.0.0"))
        }
    }

    /// I7: a tarball of hundreds of megabytes passes through a server that stays small.
    @Test(.needs(.python, .curl)) func aLargeTarballNeedsNoMemory() async throws {
        try await NPMSite.run { site in
            let folder = try TemporaryFolder()
            let body = folder.path("body.json")
            try await Program.python.run(["-c", Self.largeBody, body, "200"])
            let server = try #require(site.site.servers.first)
            let before = try Self.peakMemoryBytes(of: server.processID)
            let output = try await Program.curl.run([
                "--silent", "--show-error", "--fail-with-body", "--upload-file", body,
                "--header", "Authorization: Bearer \(Site.rootToken)",
                "--header", "Content-Type: application/json", site.projectAddresses[0] + "large",
            ])
            #expect(output.contains(#""ok":true"#), "\(output)")
            let after = try Self.peakMemoryBytes(of: server.processID)
            print("peak memory: \(before >> 20) MiB before, \(after >> 20) MiB after 200 MiB")
            #expect(after - before < 64 << 20)
        }
    }

    /// Writes the body of a publish with a tarball of random bytes, of so many MiB.
    private static let largeBody = """
        import base64, io, json, os, sys, tarfile
        path, size = sys.argv[1], int(sys.argv[2]) << 20
        with tarfile.open(path + '.tgz', 'w:gz', compresslevel=0) as tar:
            for name, content in [
                ('package/package.json', b'{"name":"large","version":"1.0.0"}'),
                ('package/data', os.urandom(size)),
            ]:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        with open(path, 'wb') as out, open(path + '.tgz', 'rb') as tarball:
            out.write(b'{"_attachments":{"large-1.0.0.tgz":{"data":"')
            while chunk := tarball.read(3 << 20):
                out.write(base64.b64encode(chunk))
            out.write(b'"}},"name":"large","dist-tags":{"latest":"1.0.0"},"versions":')
            out.write(json.dumps({'1.0.0': {'name': 'large', 'version': '1.0.0'}}).encode())
            out.write(b'}')
        os.remove(path + '.tgz')
        """

    /// The most memory that a process ever had, as the system counts it.
    private static func peakMemoryBytes(of processID: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        let number = try #require(line.split { $0 == " " || $0 == "\t" }.dropFirst().first)
        return try #require(Int(number)) << 10
    }
}
