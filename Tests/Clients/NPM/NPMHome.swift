import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// Somebody's machine: a home with an `.npmrc`, and folders of packages.
struct NPMHome: Sendable {
    let folder: TemporaryFolder
    /// The address of the registry, with a slash at its end.
    let registry: String

    /// A home where every package comes from `registry`, with a token if there is one.
    init(_ registry: String, token: String?) throws {
        folder = try TemporaryFolder()
        self.registry = registry.hasSuffix("/") ? registry : registry + "/"
        var lines = [
            "registry=\(self.registry)", "cache=\(folder.path("cache"))",
            "update-notifier=false", "fund=false", "loglevel=notice",
        ]
        if let token { lines.append("\(key):_authToken=\(token)") }
        try Data(lines.joined(separator: "\n").utf8).write(
            to: URL(fileURLWithPath: folder.path(".npmrc")))
    }

    /// What npm keeps the registry's settings under: `//127.0.0.1:40123/acme/web/-/npm/`.
    var key: String { String(registry.drop { $0 != "/" }) }

    /// The token that the `.npmrc` holds now.
    var token: String? {
        let text = try? String(contentsOfFile: folder.path(".npmrc"), encoding: .utf8)
        let prefix = key + ":_authToken="
        return text?.split(separator: "\n").first { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count)) }
    }

    /// Nothing of the machine that the tests run on counts.
    var environment: [String: String] {
        [
            "HOME": folder.path("."), "NPM_CONFIG_USERCONFIG": folder.path(".npmrc"),
            "NPM_CONFIG_GLOBALCONFIG": folder.path("none"), "NO_UPDATE_NOTIFIER": "1",
            "NO_COLOR": "1", "CI": "1",
        ]
    }

    /// A folder with a package that says its version.
    func package(
        _ name: String, _ version: String, _ members: [String: Any] = [:]
    ) throws -> String {
        let place = folder.path(
            "src-\(name.replacing("/", with: "-"))-\(version)-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            atPath: place, withIntermediateDirectories: true)
        var manifest: [String: Any] = ["name": name, "version": version, "main": "index.js"]
        manifest.merge(members) { $1 }
        try JSONSerialization.data(withJSONObject: manifest).write(
            to: URL(fileURLWithPath: place + "/package.json"))
        try Data("module.exports = '\(name)@\(version)';\n".utf8).write(
            to: URL(fileURLWithPath: place + "/index.js"))
        try Data("# \(name)\n".utf8).write(to: URL(fileURLWithPath: place + "/README.md"))
        return place
    }

    /// Puts the `.npmrc` of the home beside a package, for clients that look nowhere else.
    func configure(_ place: String) throws {
        try FileManager.default.copyItem(
            atPath: folder.path(".npmrc"), toPath: place + "/.npmrc")
    }

    /// An empty project to install into.
    func project() throws -> String {
        try package("consumer", "0.0.0", ["private": true])
    }

    @discardableResult
    func npm(
        _ arguments: String..., in place: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await Program.npm.run(
            arguments, environment: environment, folder: place ?? folder.path("."),
            sourceLocation: sourceLocation)
    }

    /// The words that a person reads when it fails.
    func refusal(
        _ arguments: String..., in place: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let words = try await Program.npm.refusal(
            arguments, environment: environment, folder: place ?? folder.path("."),
            sourceLocation: sourceLocation)
        print("npm \(arguments.joined(separator: " ")):\n\(words)")
        return words
    }

    /// Logs in on a terminal, since npm asks nobody else, and gives what it wrote there.
    func logIn(_ flag: String, _ username: String, _ password: String) async throws -> String {
        try await Program.python.run(
            ["-c", Self.terminal, username, password, Program.npm.path ?? "npm", "login", flag],
            environment: environment, folder: folder.path("."))
    }

    /// Logs in as somebody with a browser does: npm says where, and the form of that page is sent, on
    /// `attempts` in turn. Gives what npm wrote.
    func logInOnPage(_ username: String, _ attempts: String...) async throws -> String {
        let npm = try Program.npm.start(
            ["login", "--auth-type=web", "--browser=false"], environment: environment,
            folder: folder.path("."))
        let page = try await npm.firstLine(containing: "/-/v1/login/")
            .trimmingCharacters(in: .whitespaces)
        let form = try await Program.curl.run(["--silent", "--show-error", page])
        #expect(form.contains("<form method=\"post\">"), "\(form)")
        #expect(form.contains(registry.dropLast()), "\(form)")
        for (number, password) in attempts.enumerated() {
            let answer = try await Program.curl.run([
                "--silent", "--show-error", "--data-urlencode", "username=\(username)",
                "--data-urlencode", "password=\(password)", page,
            ])
            let isLast = number == attempts.count - 1
            #expect(answer.contains("You are logged in") == isLast, "\(answer)")
        }
        let ending = try await npm.ending(withinSeconds: Program.limitSeconds)
        #expect(ending.status == 0, "\(npm.output)")
        return npm.output
    }

    /// Answers the questions of `npm token create` on a terminal.
    func createToken(_ password: String, _ flags: String...) async throws -> String {
        try await Program.python.run(
            ["-c", Self.terminal, "", password, Program.npm.path ?? "npm", "token", "create"]
                + flags,
            environment: environment, folder: folder.path("."))
    }

    /// Runs a program on a terminal of its own, and answers its two questions.
    private static let terminal = """
        import os, pty, sys
        username, password, *command = sys.argv[1:]
        child, terminal = pty.fork()
        if child == 0:
            os.execvp(command[0], command)
        output, answers = b'', [(b'assword:', password)]
        if username:
            answers.insert(0, (b'Username:', username))
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            output += piece
            if answers and answers[0][0] in output:
                os.write(terminal, answers.pop(0)[1].encode() + b'\\n')
        os.waitpid(child, 0)
        sys.stdout.buffer.write(output)
        """

    @discardableResult
    func publish(
        _ name: String, _ version: String, _ flags: [String] = [],
        _ members: [String: Any] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await Program.npm.run(
            ["publish"] + flags, environment: environment,
            folder: try package(name, version, members), sourceLocation: sourceLocation)
    }

    /// Installs into a new project, and gives what the package says of itself.
    func install(
        _ spec: String, name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let place = try project()
        try await npm("install", spec, in: place, sourceLocation: sourceLocation)
        return try await Program("node", package: "nodejs").run(
            ["-p", "require('\(name)')"], environment: environment, folder: place,
            sourceLocation: sourceLocation)
    }
}

/// A group with a private project, on a server of its own.
struct NPMSite: Sendable {
    let site: Site
    let group: Int
    let project: Int

    static func run(
        _ kind: SiteKind = .single, _ body: (NPMSite) async throws -> Void
    ) async throws {
        try await Site.run(kind, formats: ["npm"]) { site in
            let group = try await site.manage(
                "/groups", ["name": "Acme", "path": "acme", "visibility": "private"])
            let groupID = try #require(group["id"] as? Int, "\(group)")
            let project = try await site.manage(
                "/projects", ["name": "web", "path": "web", "namespace_id": groupID])
            let projectID = try #require(project["id"] as? Int, "\(project)")
            try await body(NPMSite(site: site, group: groupID, project: projectID))
        }
    }

    /// The addresses of the project, short and as GitLab has them.
    var projectAddresses: [String] {
        [
            "\(site.origin)/acme/web/-/npm/",
            "\(site.origin)/api/v4/projects/\(project)/packages/npm/",
            "\(site.origin)/api/v4/projects/acme%2Fweb/packages/npm/",
        ]
    }

    /// The addresses of the group.
    var groupAddresses: [String] {
        [
            "\(site.origin)/acme/-/npm/",
            "\(site.origin)/api/v4/groups/\(group)/-/packages/npm/",
        ]
    }

    /// The addresses of the instance.
    var instanceAddresses: [String] {
        ["\(site.origin)/-/npm/", "\(site.origin)/api/v4/packages/npm/"]
    }

    /// A home at the project, of the administrator unless somebody else is named.
    func home(token: String? = Site.rootToken) throws -> NPMHome {
        try NPMHome(projectAddresses[0], token: token)
    }
}
