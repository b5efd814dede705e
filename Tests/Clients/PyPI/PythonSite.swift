import Foundation
import TestSupport
import Testing

/// Who a client says to be.
struct PythonCredential: Hashable, Sendable {
    let username: String
    let token: String
}

/// Packhouse with the private project `acme/tools`, where the format is switched on.
struct PythonSite: Sendable {
    static let rootToken = "token-of-root-for-python-clients"

    let server: ServerProcess
    let folder: TemporaryFolder
    private let groupID: Int
    private let projectID: Int

    /// `127.0.0.1:40123`
    var host: String { String(server.baseURL.absoluteString.dropFirst("http://".count)) }

    /// The paths of the project, short and as GitLab has it.
    var projectPaths: [String] {
        ["/acme/tools/-/pypi", "/api/v4/projects/\(projectID)/packages/pypi"]
    }

    /// The paths of the group, short and as GitLab has it.
    var groupPaths: [String] {
        ["/acme/-/pypi", "/api/v4/groups/\(groupID)/-/packages/pypi"]
    }

    var root: PythonCredential { PythonCredential(username: "root", token: Self.rootToken) }

    /// The address of `path`, with a credential in it where there is one.
    func url(_ path: String, _ credential: PythonCredential? = nil) -> String {
        let user = credential.map { "\($0.username):\($0.token)@" } ?? ""
        return "http://\(user)\(host)\(path)"
    }

    /// Runs `body` beside a server; when it fails, the server's log is printed.
    ///
    /// - Parameter options: flags that name a database other than a file in the folder.
    static func run(
        options: [String] = [], _ body: (PythonSite) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let store = ["--data", folder.path("data")] + options
        for arguments in [["migrate"], ["features", "set", "pypi", "on"]] {
            let child = try ChildProcess(
                executable: PackhouseBinary.url(), arguments: arguments + store)
            let ending = try await child.ending()
            try #require(ending.status == 0, "\(child.output)")
        }
        let server = try await ServerProcess.start(
            options: store,
            environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": rootToken])
        do {
            let group = try await manage(
                server, "/groups", ["name": "acme", "path": "acme", "visibility": "private"])
            let groupID = try #require(group["id"] as? Int)
            let project = try await manage(
                server, "/projects", ["name": "tools", "namespace_id": groupID])
            try await body(
                PythonSite(
                    server: server, folder: folder, groupID: groupID,
                    projectID: try #require(project["id"] as? Int)))
        } catch {
            print("log of the server:\n\(server.log.suffix(8_000))")
            throw error
        }
        let ending = try await server.terminate()
        #expect(ending == .init(status: 0, wasSignalled: false), "\(server.log)")
    }

    /// A token of each kind that may read and publish.
    func makeCredentials() async throws -> [String: PythonCredential] {
        let scopes = ["read_package_registry", "write_package_registry"]
        let personal = try await Self.manage(
            server, "/user/personal_access_tokens", ["name": "test", "scopes": ["api"]])
        let deploy = try await Self.manage(
            server, "/groups/\(groupID)/deploy_tokens", ["name": "test", "scopes": scopes])
        let job = try await Self.manage(
            server, "/projects/\(projectID)/job_tokens", ["job_id": 7, "ref": "main"])
        func text(_ answer: [String: Any], _ name: String) throws -> String {
            try #require(answer[name] as? String, "\(answer)")
        }
        return [
            "personal": PythonCredential(
                username: "__token__", token: try text(personal, "token")),
            "deploy": PythonCredential(
                username: try text(deploy, "username"), token: try text(deploy, "token")),
            "job": PythonCredential(
                username: "gitlab-ci-token", token: try text(job, "token")),
        ]
    }

    /// Runs an administration command on the server's database.
    func packhouse(_ arguments: String...) async throws -> String {
        let child = try ChildProcess(
            executable: PackhouseBinary.url(),
            arguments: arguments + ["--data", folder.path("data")])
        let ending = try await child.ending()
        try #require(ending.status == 0, "\(child.output)")
        return child.output
    }

    /// The files of a project's page, by their names.
    func files(of name: String) async throws -> [String: [String: Any]] {
        let output = try await Self.curl([
            "--fail-with-body", "--header", "Private-Token: \(Self.rootToken)", "--header",
            "Accept: application/vnd.pypi.simple.v1+json",
            url("\(projectPaths[0])/simple/\(name)/"),
        ])
        let page = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
        let files = page?["files"] as? [[String: Any]] ?? []
        return Dictionary(
            files.map { ($0["filename"] as? String ?? "", $0) }, uniquingKeysWith: { $1 })
    }

    /// Writes what an address answers into a file.
    func fetch(_ path: String, accept: String, to file: String) async throws {
        _ = try await Self.curl([
            "--fail-with-body", "--header", "Private-Token: \(Self.rootToken)", "--header",
            "Accept: \(accept)", "--output", file, url(path),
        ])
    }

    /// Sends a request to the management API; the answer has to be a JSON object.
    @discardableResult
    static func manage(
        _ server: ServerProcess, _ path: String, _ fields: [String: any Sendable],
        method: String = "POST"
    ) async throws -> [String: Any] {
        let body = try JSONSerialization.data(withJSONObject: fields)
        let output = try await curl([
            "--fail-with-body", "--request", method, "--header", "Private-Token: \(rootToken)",
            "--json", String(decoding: body, as: UTF8.self),
            server.baseURL.absoluteString + "/api/v4" + path,
        ])
        let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
        return try #require(value as? [String: Any])
    }

    private static func curl(_ arguments: [String]) async throws -> String {
        let child = try ChildProcess.shell("curl", ["--silent", "--show-error"] + arguments)
        let ending = try await child.ending()
        try #require(ending.status == 0, "\(child.output)")
        return child.output
    }
}
