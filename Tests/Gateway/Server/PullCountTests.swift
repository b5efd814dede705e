import Database
import GenericFormat
import HTTPTypes
import Logging
import MetadataStorage
import OCIFormat
import Registry
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import GatewayServer

/// What counts as a download, and how it is written down.
@Suite struct PullCountTests {
    private static let base = "/root/box/-/generic"
    private static let content = Array("0123456789".utf8)
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func publish(_ test: TestGateway, versions: [String] = ["1.0"]) async throws -> Int64 {
        let created = try await test.send(
            .post, "/api/v4/projects", token: test.rootToken, json: ["name": "box"])
        try #require(created.status == .created, "\(created.text)")
        for version in versions {
            let stored = try await test.send(
                .put, "\(Self.base)/tool/\(version)/bin/tool", token: test.rootToken,
                body: Self.content)
            try #require(stored.status == .created, "\(stored.text)")
        }
        return Int64(try #require(try created.object()["id"] as? Int))
    }

    /// The counts of all packages of the project, by version, as the API shows them.
    private func counts(_ test: TestGateway, _ project: Int64) async throws -> [String: Int] {
        let answer = try await test.send(
            .get, "/api/v4/projects/\(project)/packages", token: test.rootToken)
        let rows = try #require(try answer.json() as? [[String: Any]], "\(answer.text)")
        var counts: [String: Int] = [:]
        for row in rows {
            let version = try #require(row["version"] as? String)
            counts[version] = try #require(row["download_count"] as? Int)
            #expect((row["last_downloaded_at"] is String) == (counts[version] != 0))
        }
        return counts
    }

    @Test("What is fetched from its beginning counts, and nothing else")
    func whatCounts() async throws {
        try await TestGateway.run(on: .sqlite, formats: [GenericFormat()]) { test in
            let project = try await publish(test)
            let target = "\(Self.base)/tool/1.0/bin/tool"
            let token = test.rootToken
            let first = try await test.send(.get, target, token: token)
            let tag = try #require(first.headers[.eTag])
            let cases: [(HTTPRequest.Method, [(String, String)], HTTPResponse.Status, Int)] = [
                (.get, [], .ok, 1), (.head, [], .ok, 0),
                (.get, [("If-None-Match", tag)], .notModified, 0),
                (.get, [("If-Match", "\"other\"")], .preconditionFailed, 0),
                (.get, [("Range", "bytes=0-3")], .partialContent, 1),
                (.get, [("Range", "bytes=4-")], .partialContent, 0),
                (.get, [("Range", "bytes=2-3,5-6")], .partialContent, 0),
                (.get, [("Range", "bytes=0-0,5-6")], .partialContent, 1),
                (.get, [("Range", "bytes=10-")], .rangeNotSatisfiable, 0),
            ]
            var expected = 1
            for (method, headers, status, count) in cases {
                let answer = try await test.send(method, target, token: token, headers: headers)
                #expect(answer.status == status, "\(headers)")
                expected += count
                try await test.services.flushPulls()
                #expect(try await counts(test, project)["1.0"] == expected, "\(method) \(headers)")
            }
            // A list of files is no file; nor is what somebody may not have.
            _ = try await test.send(.get, "\(Self.base)/tool/1.0", token: token)
            #expect(try await test.send(.get, target).status != .ok)
            try await test.services.flushPulls()
            #expect(try await counts(test, project)["1.0"] == expected)
        }
    }

    @Test("Manifests count by tag and by digest, layers do not", arguments: DatabaseKind.allCases)
    func images(kind: DatabaseKind) async throws {
        try await TestGateway.run(on: kind, formats: [OCIFormat()]) { test in
            let created = try await test.send(
                .post, "/api/v4/projects", token: test.rootToken, json: ["name": "box"])
            let project = try #require(try created.object()["id"] as? Int)
            let digest = try await pushImage(test)
            for (method, path) in [
                (HTTPRequest.Method.get, "manifests/v1"), (.get, "manifests/\(digest)"),
                (.head, "manifests/v1"), (.get, "blobs/\(Self.digest("{}"))"),
            ] {
                let answer = try await test.send(
                    method, "/v2/root/box/api/\(path)", token: test.rootToken)
                #expect(answer.status == .ok, "\(answer.text)")
            }
            try await test.services.flushPulls()
            let base = "/api/v4/projects/\(project)/registry/repositories"
            let list = try await test.send(.get, base, token: test.rootToken)
            let repositories = try #require(try list.json() as? [[String: Any]])
            let id = try #require(repositories.first?["id"] as? Int)
            let tag = try await test.send(.get, "\(base)/\(id)/tags/v1", token: test.rootToken)
            #expect(try tag.object()["download_count"] as? Int == 2, "\(tag.text)")
            #expect(try tag.object()["last_downloaded_at"] is String)
            let tags = try await test.send(.get, "\(base)/\(id)/tags", token: test.rootToken)
            #expect(tags.text.contains(#""download_count":2"#), "\(tags.text)")
        }
    }

    private static func digest(_ text: String) -> String {
        InMemoryBlobs.digests(of: Array(text.utf8)).sha256.description
    }

    private func pushImage(_ test: TestGateway) async throws -> String {
        let config = "{}"
        let blob = try await test.send(
            .post, "/v2/root/box/api/blobs/uploads/?digest=\(Self.digest(config))",
            token: test.rootToken, body: Array(config.utf8))
        #expect(blob.status == .created, "\(blob.text)")
        let manifest = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",\
            "config":{"mediaType":"application/vnd.oci.image.config.v1+json",\
            "digest":"\(Self.digest(config))","size":\(config.utf8.count)},"layers":[]}
            """
        let pushed = try await test.send(
            .put, "/v2/root/box/api/manifests/v1", token: test.rootToken,
            headers: [("Content-Type", "application/vnd.oci.image.manifest.v1+json")],
            body: Array(manifest.utf8))
        #expect(pushed.status == .created, "\(pushed.text)")
        return Self.digest(manifest)
    }

    @Test("Two replicas add up", arguments: DatabaseKind.allCases)
    func replicas(kind: DatabaseKind) async throws {
        try await Replicas.run(on: kind) { replicas in
            let test = replicas.first
            let project = try await publish(test)
            let target = "\(Self.base)/tool/1.0/bin/tool"
            for member in replicas.members {
                for _ in 0..<5 {
                    #expect(
                        try await member.test.send(.get, target, token: test.rootToken).status
                            == .ok)
                }
            }
            async let one: Void = replicas.members[0].test.services.flushPulls()
            async let two: Void = replicas.members[1].test.services.flushPulls()
            _ = try await (one, two)
            #expect(try await counts(test, project) == ["1.0": 10])
        }
    }

    @Test("While the database is away, counts are kept; a version that goes takes nobody with it")
    func failures() async throws {
        let script = WriteScript()
        try await TestGateway.run(
            on: .sqlite, formats: [GenericFormat()],
            wrapping: { ScriptedStore(base: $0, script: script) }
        ) { test in
            let versions = (0..<7).map { "1.\($0)" }
            let project = try await publish(test, versions: versions)
            for version in versions {
                _ = try await test.send(
                    .get, "\(Self.base)/tool/\(version)/bin/tool", token: test.rootToken)
            }
            for code in [RegistryError.Code.unavailable, .internalError] {
                script.next.withLock { $0 = [code] }
                await #expect(throws: RegistryError.self) { try await test.services.flushPulls() }
                #expect(test.services.pulls.pendingCount == versions.count)
            }
            // The whole, its first or second half, and so on down to one that is gone.
            script.next.withLock { $0 = [.conflict, .conflict, .conflict, .conflict] }
            try await test.services.flushPulls()
            #expect(test.services.pulls.pendingCount == 0)
            let counts = try await counts(test, project)
            #expect(counts.values.reduce(0, +) == versions.count - 1, "\(counts)")
        }
    }

    @Test("The last downloads are written down when the server ends")
    func shutdown() async throws {
        try await TestGateway.run(on: .sqlite, formats: [GenericFormat()]) { test in
            let project = try await publish(test)
            let service = PullFlushService(
                services: test.services, interval: .seconds(3600), logger: Self.logger)
            let (starts, continuation) = AsyncStream.makeStream(of: Void.self)
            let group = ServiceGroup(
                services: [service, StartSignal(continuation: continuation)],
                logger: Self.logger)
            async let running: Void = group.run()
            var iterator = starts.makeAsyncIterator()
            await iterator.next()
            _ = try await test.send(
                .get, "\(Self.base)/tool/1.0/bin/tool", token: test.rootToken)
            await group.triggerGracefulShutdown()
            try await running
            #expect(try await counts(test, project) == ["1.0": 1])
        }
    }
}

/// Says when a group of services runs.
private struct StartSignal: Service {
    let continuation: AsyncStream<Void>.Continuation

    func run() async throws {
        continuation.yield()
        try await gracefulShutdown()
    }
}

/// What the next writes fail with.
private final class WriteScript: Sendable {
    let next = Mutex<[RegistryError.Code]>([])
}

/// A store whose writes fail as a script says.
private struct ScriptedStore: MetadataStore {
    let base: any MetadataStore
    let script: WriteScript

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await base.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        let failure = script.next.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let failure { throw RegistryError(failure, "a fault of the test") }
        return try await base.write(body)
    }
}
