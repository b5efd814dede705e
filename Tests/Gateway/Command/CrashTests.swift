import AsyncHTTPClient
import Crypto
import Database
import Foundation
import MetadataStorage
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Registry
import TestSupport
import Testing

/// Servers that are killed while they are written to lose nothing that they acknowledged.
@Suite(.serialized) struct CrashTests {
    private static let token = "crash-test-administrator-token"
    private static let writerCount = 64
    private static let fileCount = 2000
    private static let versionCount = 20
    /// Different contents; files beyond share one with another, so that blobs are raced for, too.
    private static let contentCount = 1500
    /// Kills that there are at least, and at most, so that the writers get their turn, too.
    private static let killCounts = 8...20

    @Test func twoReplicasOnPostgres() async throws {
        let database = try await DatabaseKind.postgres.makeDatabase(isMigrated: false)
        try await run(database, replicas: 2, options: ["--database-url", database.address])
    }

    @Test func oneProcessOnSQLite() async throws {
        let folder = try TemporaryFolder()
        try await run(nil, replicas: 1, options: [], folder: folder)
    }

    private func run(
        _ database: TestDatabase?, replicas: Int, options: [String],
        folder: TemporaryFolder? = nil
    ) async throws {
        let generator = SeededGenerator.announced()
        let folder = try folder ?? TemporaryFolder()
        let cluster = Cluster(
            options: ["--data", folder.path("data")] + options,
            token: Self.token)
        try await cluster.start(count: replicas)
        try await cluster.createProject("crash")
        let contents = Self.contents(generator)
        let isWriting = SendableBox(true)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var generator = generator
                var kills = 0
                while kills < Self.killCounts.upperBound,
                    isWriting.withValue({ $0 }) || kills < Self.killCounts.lowerBound
                {
                    try await Task.sleep(
                        for: .milliseconds(Int.random(in: 50...1500, using: &generator)))
                    try await cluster.crashOne(using: &generator)
                    kills += 1
                }
                print("kills: \(kills)")
            }
            group.addTask {
                try await Self.writeAll(cluster, contents)
                isWriting.withValue { $0 = false }
            }
            try await group.waitForAll()
        }
        for number in 0..<Self.fileCount {
            let found = try await cluster.get(Self.path(number))
            #expect(
                SHA256.hash(data: found)
                    == SHA256.hash(data: contents[number % Self.contentCount]),
                "file \(number)")
        }
        try await cluster.stop()
        try await checkRows(database, folder)
    }

    private static func path(_ number: Int) -> String {
        "/root/crash/-/generic/tool/\(number % versionCount).0/files/\(number)"
    }

    private static func contents(_ generator: SeededGenerator) -> [[UInt8]] {
        var generator = generator
        return (0..<contentCount).map { number in
            var bytes = (0..<Int.random(in: 1...12_000, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            bytes += Array("\(number)".utf8)
            return bytes
        }
    }

    private static func writeAll(_ cluster: Cluster, _ contents: [[UInt8]]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writerCount {
                group.addTask {
                    for number in stride(from: writer, to: fileCount, by: writerCount) {
                        try await cluster.put(
                            path(number), contents[number % contentCount])
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// No row lacks its bytes.
    private func checkRows(_ database: TestDatabase?, _ folder: TemporaryFolder) async throws {
        let engine: any SQLEngine =
            if let database {
                try database.makeEngine()
            } else {
                try SQLiteEngine(path: folder.path("data/packhouse.sqlite3"))
            }
        let rows = try await engine.read { session in
            try session.query("SELECT digest, storage_key FROM blobs").map { row in
                var row = row
                return (try row.text(), try row.text())
            }
        }
        await engine.close()
        #expect(rows.count == Self.contentCount)
        for (digest, key) in rows {
            let bytes = try Data(
                contentsOf: folder.url.appendingPathComponent("data/blobs/\(key)"))
            #expect(digest == "sha256:" + Hex.encode(SHA256.hash(data: bytes)), "\(key)")
        }
    }
}

/// Server processes that can be killed, and a client that does not give up.
private actor Cluster {
    /// How long a client tries before it says that the servers are gone.
    static let patience = Duration.seconds(120)

    /// How long a client waits before it tries again.
    static let retryPause = Duration.milliseconds(50)

    private let options: [String]
    private let token: String
    private var servers: [ServerProcess] = []
    private var next = 0

    init(options: [String], token: String) {
        self.options = options
        self.token = token
    }

    func start(count: Int) async throws {
        for _ in 0..<count { servers.append(try await startServer()) }
    }

    func stop() async throws {
        for server in servers { try await server.terminate() }
    }

    func crashOne(using generator: inout some RandomNumberGenerator) async throws {
        let index = Int.random(in: 0..<servers.count, using: &generator)
        let ending = try await servers[index].kill()
        guard ending == ServerProcess.Ending(status: SIGKILL, wasSignalled: true) else {
            throw Refusal(
                description: "a server ended by itself: \(ending)\n\(servers[index].log)")
        }
        servers[index] = try await startServer()
    }

    func createProject(_ name: String) async throws {
        let body = ByteBuffer(string: #"{"name":"\#(name)"}"#)
        try await send(.POST, "/api/v4/projects", body, contentType: "application/json")
    }

    nonisolated func put(_ path: String, _ content: [UInt8]) async throws {
        try await send(.PUT, path, ByteBuffer(bytes: content))
    }

    nonisolated func get(_ path: String) async throws -> Data {
        Data(buffer: try await send(.GET, path, nil))
    }

    private func startServer() async throws -> ServerProcess {
        try await ServerProcess.start(
            options: options, environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": token])
    }

    private func takeTurn() -> URL {
        next += 1
        return servers[next % servers.count].baseURL
    }

    /// Repeats the request until some server answers it with success, as a client in CI does. Only a
    /// broken connection and a server's own failure are repeated.
    @discardableResult
    private nonisolated func send(
        _ method: HTTPMethod, _ path: String, _ body: ByteBuffer?,
        contentType: String = "application/octet-stream"
    ) async throws -> ByteBuffer {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            var request = HTTPClientRequest(url: await takeTurn().absoluteString + path)
            request.method = method
            request.headers.add(name: "Private-Token", value: token)
            request.headers.add(name: "Content-Type", value: contentType)
            if let body { request.body = .bytes(body) }
            do {
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
                let content = try await response.body.collect(upTo: 1 << 20)
                if (200..<300).contains(response.status.code) { return content }
                guard response.status.code >= 500 else {
                    throw Refusal(
                        description:
                            "\(method) \(path): \(response.status) \(String(buffer: content))")
                }
            } catch let refusal as Refusal {
                throw refusal
            } catch {
                // The server was killed under the request; another attempt goes to one that lives.
                guard ContinuousClock.now < deadline else {
                    let logs = await servers.map(\.log).joined(separator: "\n")
                    throw Refusal(description: "\(method) \(path): \(error)\n\(logs)")
                }
            }
            guard ContinuousClock.now < deadline else {
                let logs = await servers.map(\.log).joined(separator: "\n")
                throw Refusal(
                    description: "\(method) \(path): no server answers with success\n\(logs)")
            }
            try await Task.sleep(for: Self.retryPause)
        }
    }

    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }
}
