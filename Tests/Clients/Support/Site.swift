import Foundation
import TestSupport
import Testing

/// How Packhouse is run for a test.
enum SiteKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// One process on SQLite, which clients reach directly.
    case single
    /// Two processes on one Postgres and one folder, which take turns behind nginx.
    case replicas

    var testDescription: String {
        switch self {
        case .single: "one process, SQLite"
        case .replicas: "two processes, Postgres, nginx"
        }
    }
}

/// Who a client says to be.
struct Credential: Hashable, Sendable {
    let username: String
    let password: String

    /// `username:password`
    var text: String { "\(username):\(password)" }
}

/// Packhouse as it is run: processes, and what stands before them.
struct Site: Sendable {
    static let rootToken = "token-of-root-for-container-clients"

    let folder: TemporaryFolder
    let servers: [ServerProcess]
    let proxy: ReverseProxy?
    /// The address that clients are given, without a slash at its end.
    let origin: String
    /// Whom clients trust; `nil` for plain HTTP.
    let certificate: Certificate?

    /// What stands before the names of images: `127.0.0.1:40123`.
    var host: String {
        String(origin.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" })
    }

    /// The administrator, with a token in place of a password.
    var root: Credential { Credential(username: "root", password: Self.rootToken) }

    /// Runs `body` while the servers run, and ends them. When `body` fails their logs are printed.
    static func run(
        _ kind: SiteKind, formats: [String] = [], options: [String] = [],
        proxy plan: ReverseProxy.Plan = .init(), killed: Set<Int> = [],
        _ body: (Site) async throws -> Void
    ) async throws {
        switch kind {
        case .single:
            try await run(
                copies: 1, formats: formats, options: options, proxy: nil, killed: killed, body)
        case .replicas:
            let database = try await DatabaseKind.postgres.makeDatabase(isMigrated: false)
            try await run(
                copies: 2, formats: formats, database: ["--database-url", database.address],
                options: options, proxy: plan, killed: killed, body)
        }
    }

    /// - Parameters:
    ///   - copies: how many processes there are, which share a folder.
    ///   - formats: what is switched on that is not on by itself.
    ///   - database: the flags that name a database other than a file in the folder.
    ///   - options: further flags of each; `{port}` is the port of the proxy.
    ///   - proxy: what stands before them.
    ///   - certificate: what the processes themselves speak TLS with.
    ///   - killed: the processes, by their numbers from 0, that `body` kills.
    static func run(
        copies: Int, formats: [String] = [], database: [String] = [], options: [String],
        proxy plan: ReverseProxy.Plan?,
        trust certificate: Certificate? = nil, killed: Set<Int> = [],
        _ body: (Site) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let port = try await FreePort.find()
        let options = options.map { $0.replacing("{port}", with: "\(port)") }
        let store = ["--data", folder.path("data")] + database
        if !formats.isEmpty { try await administer(["migrate"] + store) }
        for format in formats {
            try await administer(["features", "set", format, "on"] + store)
        }
        var servers: [ServerProcess] = []
        for _ in 0..<copies {
            // A fixed port: what stands before it has to find it after a restart, too.
            let own = try await FreePort.find()
            servers.append(
                try await ServerProcess.start(
                    options: store + [
                        "--listen", "127.0.0.1:\(own)", "--trusted-proxies", "127.0.0.1/32",
                    ] + options,
                    environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": rootToken]))
        }
        var proxy: ReverseProxy?
        if let plan { proxy = try await ReverseProxy.start(plan, on: port, before: servers) }
        let site = Site(
            folder: folder, servers: servers, proxy: proxy,
            origin: proxy?.origin ?? servers[0].baseURL.absoluteString,
            certificate: proxy?.plan.certificate ?? certificate)
        do {
            try await body(site)
        } catch {
            for server in servers { print("log of a server:\n\(server.log.suffix(8_000))") }
            throw error
        }
        for (number, server) in servers.enumerated() where !killed.contains(number) {
            let ending = try await server.terminate()
            #expect(ending == .init(status: 0, wasSignalled: false), "\(server.log)")
        }
    }

    /// Runs `packhouse` as whoever runs the server does, to its end.
    private static func administer(_ arguments: [String]) async throws {
        let child = try ChildProcess(
            executable: PackhouseBinary.url(), arguments: arguments)
        let ending = try await child.ending()
        try #require(ending == .init(status: 0, wasSignalled: false), "\(child.output)")
    }

    // MARK: Management

    /// Makes a project of root's, and gives its number.
    @discardableResult
    func createProject(_ name: String, visibility: String = "private") async throws -> Int {
        let answer = try await manage(
            "/projects", ["name": name, "visibility": visibility])
        return try #require(answer["id"] as? Int, "\(answer)")
    }

    /// A deploy token of a project, with the name that it is presented with.
    func createDeployToken(_ project: Int, scopes: [String]) async throws -> Credential {
        let answer = try await manage(
            "/projects/\(project)/deploy_tokens", ["name": "test", "scopes": scopes])
        return Credential(
            username: try #require(answer["username"] as? String),
            password: try #require(answer["token"] as? String))
    }

    /// The token of a CI job.
    func createJobToken(_ project: Int) async throws -> Credential {
        let answer = try await manage(
            "/projects/\(project)/job_tokens", ["job_id": 7, "ref": "main"])
        return Credential(
            username: "gitlab-ci-token", password: try #require(answer["token"] as? String))
    }

    /// A personal access token of root's.
    func createPersonalToken(scopes: [String]) async throws -> Credential {
        let answer = try await manage(
            "/user/personal_access_tokens", ["name": "test", "scopes": scopes])
        return Credential(
            username: "root", password: try #require(answer["token"] as? String))
    }

    /// Posts to the management API as root; the answer has to be a JSON object.
    @discardableResult
    func manage(
        _ path: String, _ fields: [String: any Sendable]
    ) async throws -> [String: Any] {
        let body = try JSONSerialization.data(withJSONObject: fields)
        let output = try await Program.curl.run(
            [
                "--silent", "--show-error", "--fail-with-body", "--header",
                "Private-Token: \(Self.rootToken)", "--json",
                String(decoding: body, as: UTF8.self), origin + "/api/v4" + path,
            ] + (certificate.map { ["--cacert", $0.authority] } ?? []))
        let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
        return try #require(value as? [String: Any])
    }
}
