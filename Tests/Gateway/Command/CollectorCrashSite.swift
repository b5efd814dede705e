import AsyncHTTPClient
import Database
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Registry
import TestSupport
import Testing

/// Servers with collectors that work as fast as they can, in a world where days pass in no time.
actor CollectorCrashSite {
    private static let token = "collector-crash-test-token"
    /// How long a client tries before it says that the servers are gone.
    private static let patience = Duration.seconds(120)
    /// How long a client waits before it tries again.
    private static let retryPause = Duration.milliseconds(30)
    /// How long a lease or an unfinished upload lasts here.
    private static let leaseMicroseconds: Int64 = 1_500_000

    private let folder: TemporaryFolder
    private let database: TestDatabase?
    private let engine: any SQLEngine
    private let options: [String]
    private var servers: [ServerProcess?] = []
    private var turn = 0
    /// Runs of `packhouse gc run` that were killed.
    private(set) var killedRunCount = 0

    private init(
        _ folder: TemporaryFolder, _ database: TestDatabase?, _ engine: any SQLEngine,
        _ options: [String]
    ) {
        self.folder = folder
        self.database = database
        self.engine = engine
        self.options = options
    }

    /// One server on SQLite, or two on Postgres, with the project `root/crash`.
    static func start(_ kind: DatabaseKind) async throws -> CollectorCrashSite {
        let folder = try TemporaryFolder()
        let database = kind == .sqlite ? nil : try await kind.makeDatabase(isMigrated: false)
        let options =
            ["--data", folder.path("data")]
            + (database.map { ["--database-url", $0.address] } ?? [])
        let migrated = try await CommandRun.shell(
            try PackhouseBinary.url().path, ["migrate"] + options)
        try #require(migrated.status == 0, "\(migrated.output)")
        let engine: any SQLEngine =
            try database?.makeEngine()
            ?? SQLiteEngine(path: folder.path("data/packhouse.sqlite3"))
        let site = CollectorCrashSite(folder, database, engine, options)
        for _ in 0..<(kind == .sqlite ? 1 : 2) { try await site.startServer() }
        let made = try await site.send(
            .POST, "/api/v4/projects", Array(#"{"name":"crash"}"#.utf8), type: "application/json")
        try #require(made.status == 201)
        return site
    }

    private func startServer() async throws {
        servers.append(try await makeServer())
    }

    private func makeServer() async throws -> ServerProcess {
        try await ServerProcess.start(
            options: options + [
                "--collector-rate", "1000000", "--scrub-bandwidth", "1000000000",
            ],
            environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": Self.token])
    }

    // MARK: Crashes

    /// Kills a server, and a run of the collector beside it, each at a random moment.
    func crash(using generator: inout some RandomNumberGenerator) async throws {
        let index = Int.random(in: 0..<servers.count, using: &generator)
        let runLife = Int.random(in: 0...900, using: &generator)
        let serverLife = Int.random(in: 0...900, using: &generator)
        let run = try ChildProcess(
            executable: PackhouseBinary.url(), arguments: ["gc", "run"] + options)
        try await Task.sleep(for: .milliseconds(min(runLife, serverLife)))
        if runLife < serverLife {
            try await kill(run)
            try await Task.sleep(for: .milliseconds(serverLife - runLife))
        }
        try await servers[index]?.kill()
        servers[index] = nil
        if runLife >= serverLife {
            try await Task.sleep(for: .milliseconds(runLife - serverLife))
            try await kill(run)
        }
    }

    private func kill(_ run: ChildProcess) async throws {
        run.kill()
        if try await run.ending().wasSignalled { killedRunCount += 1 }
    }

    /// Starts what was killed.
    func restart() async throws {
        for index in servers.indices where servers[index] == nil {
            servers[index] = try await makeServer()
        }
    }

    /// Ends the servers in good order.
    func stop() async throws {
        for server in servers { try await server?.terminate() }
        servers = []
    }

    // MARK: Time

    /// Makes everything due at once, again and again.
    func letTimePass(while goesOn: @Sendable () -> Bool) async throws {
        while goesOn() {
            try await age(isOver: false)
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Lets the time pass that something has to wait for: in the trash, without a tag, unnamed.
    ///
    /// - Parameter isOver: whether leases and uploads end as well, and not only soon.
    func age(isOver: Bool) async throws {
        let end =
            isOver
            ? 1 : SystemClock().now().microseconds + Self.leaseMicroseconds
        _ = try await engine.write { session in
            try session.execute("UPDATE reviews SET review_after = 1, leased_until = NULL")
            for table in ["versions", "files", "removed_tags"] {
                try session.execute(
                    """
                    UPDATE \(raw: table) SET deleted_at = 1
                    WHERE deleted_at IS NOT NULL AND deleted_at <> 1
                    """)
            }
            for table in ["blob_leases", "uploads"] {
                try session.execute(
                    "UPDATE \(raw: table) SET expires_at = \(end) WHERE expires_at > \(end)")
            }
            try session.execute("UPDATE versions SET needed_at = 1 WHERE needed_at <> 1")
            try session.execute("UPDATE version_pulls SET last_pulled_at = 1")
            try session.execute("UPDATE unlinks SET due_at = 1")
        }
    }

    /// Runs the collector until nothing is due.
    func collect() async throws {
        let run = try await CommandRun.shell(
            try PackhouseBinary.url().path, ["gc", "run"] + options)
        #expect(run.status == 0, "\(run.output)")
    }

    // MARK: What is there

    /// What a check says.
    struct Report: Decodable, Sendable {
        struct Finding: Decodable, Sendable {
            let kind: String
            let detail: String
            let digest: String?
            let storageKey: String?
            let subject: String?
        }

        let findings: [Finding]
        let complete: Bool
    }

    /// Runs a check.
    func fsck(_ arguments: String...) async throws -> (status: CInt, report: Report) {
        // Its progress goes elsewhere: in one text with a long report it would lie in the middle.
        let errors = folder.path("fsck-errors")
        let run = try await CommandRun.shell(
            "sh",
            ["-c", #"exec "$@" 2>"$0""#, errors, try PackhouseBinary.url().path, "fsck", "--json"]
                + options + arguments)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return (run.status, try decoder.decode(Report.self, from: Data(run.output.utf8)))
        } catch {
            let said = try String(contentsOfFile: errors, encoding: .utf8)
            throw Unanswered(description: "fsck: \(run.output)\n\(said)")
        }
    }

    /// The digests of all rows of `blobs`, with their keys.
    func listBlobs() async throws -> [String: String] {
        let rows = try await engine.read { session in
            try session.query("SELECT digest, storage_key FROM blobs").map { row in
                var row = row
                return (try row.text(), try row.text())
            }
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    /// The keys of all files in the store, and the paths of unfinished uploads.
    nonisolated func listStoredFiles() throws -> Set<String> {
        let root = folder.path("data/blobs")
        var files: Set<String> = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder)
            if !isFolder.boolValue { files.insert(path) }
        }
        let uploads = try FileManager.default.contentsOfDirectory(
            atPath: folder.path("data/uploads"))
        return files.union(uploads.map { "uploads/\($0)" })
    }

    // MARK: Clients

    private func takeTurn() -> URL? {
        turn += 1
        let running = servers.compactMap(\.self)
        return running.isEmpty ? nil : running[turn % running.count].baseURL
    }

    /// An answer that is not the server's own failure.
    struct Answer: Sendable {
        let status: UInt
        let body: [UInt8]
    }

    /// Repeats the request until some server answers it, as a client in CI does. Only a broken
    /// connection and a server's own failure are repeated.
    nonisolated func send(
        _ method: HTTPMethod, _ path: String, _ body: [UInt8]? = nil,
        type: String = "application/octet-stream"
    ) async throws -> Answer {
        let deadline = ContinuousClock.now + Self.patience
        var last = "no server runs"
        while ContinuousClock.now < deadline {
            if let url = await takeTurn() {
                var request = HTTPClientRequest(url: url.absoluteString + path)
                request.method = method
                request.headers.add(name: "Private-Token", value: Self.token)
                request.headers.add(name: "Content-Type", value: type)
                if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
                do {
                    let response = try await HTTPClient.shared.execute(
                        request, timeout: .seconds(30))
                    let content = try await response.body.collect(upTo: 1 << 22)
                    if response.status.code < 500 {
                        return Answer(
                            status: response.status.code, body: Array(buffer: content))
                    }
                    last = "\(response.status): \(String(buffer: content))"
                } catch {
                    // The server was killed under the request.
                    last = "\(error)"
                }
            }
            try await Task.sleep(for: Self.retryPause)
        }
        throw Unanswered(description: "\(method) \(path): \(last)")
    }

    struct Unanswered: Error, CustomStringConvertible {
        let description: String
    }
}
