import Foundation
import TestSupport
import Testing

/// The clients that people use, against the server that people run.
@Suite(.serialized) struct PyPIClientTests {
    /// Every client publishes as everybody who may, by both addresses, and what it published is
    /// installed from the project and from the group.
    @Test(arguments: Publisher.allCases)
    func publishesAndInstalls(_ publisher: Publisher) async throws {
        guard let clients = try await PythonClients.shared.value else { return }
        let home = try PythonHome()
        try await PythonSite.run { site in
            let credentials = try await site.makeCredentials()
            for (kind, credential) in credentials {
                let name = "My.\(publisher.rawValue)_by-\(kind)"
                let project = try await clients.makeProject(name, "1.0", in: home)
                // A job that runs again publishes the same bytes again; here by the other address.
                for path in kind == "job" ? site.projectPaths.reversed() : site.projectPaths {
                    let published = try await publisher.publish(
                        project, to: site.url(path), as: credential, with: clients, home)
                    try #require(
                        published.status == 0, "\(kind) to \(path): \(published.output)")
                }
                let normalized = "my-\(publisher.rawValue)-by-\(kind)"
                #expect(try await site.files(of: normalized).count == 2)
                let installer = Installer.allCases[
                    (kind.utf8.count + publisher.rawValue.utf8.count) % 2]
                for path in site.projectPaths + site.groupPaths {
                    let installed = try await installer.install(
                        name, from: site, path, as: credential, with: clients, home)
                    #expect(
                        installed.status == 0,
                        "\(installer) as \(kind) from \(path): \(installed.output)")
                }
            }
        }
    }

    @Test(arguments: Installer.allCases)
    func installsForEverybody(_ installer: Installer) async throws {
        guard let clients = try await PythonClients.shared.value else { return }
        let home = try PythonHome()
        try await PythonSite.run { site in
            let project = try await clients.makeProject("The.Tool", "1.0+local.1", in: home)
            let published = try await Publisher.uv.publish(
                project, to: site.url(site.projectPaths[0]), as: site.root, with: clients, home)
            try #require(published.status == 0, "\(published.output)")
            let credentials = try await site.makeCredentials()
            for (index, (kind, credential)) in credentials.sorted(by: { $0.key < $1.key })
                .enumerated()
            {
                // By the short addresses and by GitLab's in turn.
                for path in [site.projectPaths[index % 2], site.groupPaths[1 - index % 2]] {
                    let installed = try await installer.install(
                        "the-tool", from: site, path, as: credential, with: clients, home)
                    #expect(installed.status == 0, "\(kind) \(path): \(installed.output)")
                }
            }
            // A wrong token is told from a project that is not there, or at least not installed.
            let wrong = PythonCredential(username: "root", token: "wrong-token-of-nobody")
            let refused = try await installer.install(
                "the-tool", from: site, site.projectPaths[0], as: wrong, with: clients, home)
            #expect(refused.status != 0)
            let told = [
                "401", "credential", "No matching distribution", "Unable to find",
                // Poetry tells no more of an index that lets it not in.
                "Could not find a matching version of package the-tool",
            ]
            #expect(told.contains(where: refused.words.contains), "\(refused.output)")
            let unknown = try await installer.install(
                "nobody-made-this", from: site, site.projectPaths[0], as: site.root,
                with: clients, home)
            #expect(unknown.status != 0)
            #expect(unknown.words.contains("nobody-made-this"), "\(unknown.output)")
        }
    }

    /// Each client makes its mistakes, and a person can read what is wrong.
    @Test(arguments: Publisher.allCases)
    func mistakesAreTold(_ publisher: Publisher) async throws {
        guard let clients = try await PythonClients.shared.value else { return }
        let home = try PythonHome()
        try await PythonSite.run { site in
            let url = site.url(site.projectPaths[0])
            let name = "tool-of-\(publisher.rawValue)"
            let first = try await clients.makeProject(name, "1.0", in: home)
            let published = try await publisher.publish(
                first, to: url, as: site.root, with: clients, home)
            try #require(published.status == 0, "\(published.output)")

            let other = try await clients.makeProject(name, "1.0", text: "2", in: home)
            let duplicate = try await publisher.publish(
                other, to: url, as: site.root, with: clients, home)
            #expect(duplicate.status != 0)
            #expect(duplicate.words.contains("409"), "\(duplicate.output)")
            #expect(duplicate.words.contains("File already exists"), "\(duplicate.output)")

            let wrong = PythonCredential(username: "root", token: "wrong-token-of-nobody")
            let next = try await clients.makeProject(name, "2.0", in: home)
            let refused = try await publisher.publish(
                next, to: url, as: wrong, with: clients, home)
            #expect(refused.status != 0)
            #expect(refused.words.contains("401"), "\(refused.output)")
            #expect(
                refused.words.contains("the credential is wrong, expired or revoked"),
                "\(refused.output)")

            let long = try await clients.makeProject(
                String(repeating: "long", count: 33), "1.0", in: home)
            let badName = try await publisher.publish(
                long, to: url, as: site.root, with: clients, home)
            #expect(badName.status != 0)
            #expect(badName.words.contains("400"), "\(badName.output)")
            #expect(
                badName.words.contains("a project's name has 1 to 128 letters"),
                "\(badName.output)")

            let group = try await publisher.publish(
                next, to: site.url(site.groupPaths[0]), as: site.root, with: clients, home)
            #expect(group.status != 0)
            #expect(group.words.contains("405"), "\(group.output)")
            #expect(group.words.contains("read-only union"), "\(group.output)")
            #expect(try await site.files(of: name).count == 2)
        }
    }

    /// What is yanked is not chosen, unless its very version is asked for; by the command and by the
    /// management API.
    @Test func yankedReleasesAreNotChosen() async throws {
        guard let clients = try await PythonClients.shared.value else { return }
        let home = try PythonHome()
        try await PythonSite.run { site in
            let index = site.url("\(site.projectPaths[0])/simple", site.root)
            for version in ["1.0", "2.0"] {
                let project = try await clients.makeProject("Yanked.Tool", version, in: home)
                let published = try await Publisher.twine.publish(
                    project, to: site.url(site.projectPaths[0]), as: site.root, with: clients,
                    home)
                try #require(published.status == 0, "\(published.output)")
            }
            func download(_ requirement: String) async throws -> PythonClients.Run {
                try await clients.run(
                    "pip",
                    [
                        "download", "--no-cache-dir", "--no-deps", "-d", "d", "--index-url",
                        index, requirement,
                    ], in: home)
            }
            #expect(try await download("yanked-tool").words.contains("yanked_tool-2.0"))
            let yanked = try await site.packhouse(
                "package", "yank", "Yanked.Tool", "2.0", "--project", "acme/tools", "--reason",
                "it does not start")
            #expect(yanked.contains("yanked"))
            #expect(try await download("yanked-tool").words.contains("yanked_tool-1.0"))
            let asked = try await download("yanked-tool==2.0")
            #expect(asked.status == 0)
            #expect(asked.words.contains("it does not start"), "\(asked.output)")
            let uv = try await clients.run(
                "uv",
                [
                    "pip", "install", "--no-cache", "--target", "t", "--python",
                    clients.url(of: "python").path, "--index-url", index, "yanked-tool",
                ], in: home)
            #expect(uv.words.contains("yanked-tool==1.0"), "\(uv.output)")
            _ = try await site.packhouse(
                "package", "unyank", "yanked_tool", "2.0", "--project", "acme/tools")
            #expect(try await download("yanked-tool").words.contains("yanked_tool-2.0"))
            _ = try await site.packhouse(
                "package", "delete", "yanked_tool", "2.0", "--project", "acme/tools")
            #expect(try await download("yanked-tool").words.contains("yanked_tool-1.0"))
            #expect(try await download("yanked-tool==2.0").status != 0)
        }
    }

    /// uv compares with the index what it is about to upload.
    @Test func uvChecksBeforeItUploads() async throws {
        guard let clients = try await PythonClients.shared.value else { return }
        let home = try PythonHome()
        try await PythonSite.run { site in
            let path = site.projectPaths[0]
            func publish(_ text: String) async throws -> PythonClients.Run {
                let project = try await clients.makeProject("Checked", "1.0", text: text, in: home)
                return try await clients.run(
                    "uv",
                    [
                        "publish", "--publish-url", site.url(path), "--check-url",
                        site.url("\(path)/simple/", site.root), "-u", "root", "-p",
                        PythonSite.rootToken, "dist/checked-1.0-py3-none-any.whl",
                    ], in: home, folder: project)
            }
            #expect(try await publish("1").status == 0)
            try FileManager.default.removeItem(
                at: home.folder.url.appendingPathComponent("p-Checked-1.0-1"))
            let again = try await publish("1")
            #expect(again.status == 0)
            #expect(again.words.contains("already exists, skipping"), "\(again.output)")
            let other = try await publish("2")
            #expect(other.status != 0)
            #expect(other.words.contains("do not match"), "\(other.output)")
        }
    }
}
