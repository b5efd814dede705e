import BlobStorage
import Database
import GatewayServer
import GenericFormat
import MetadataStorage
import NIOPosix
import Registry
import Synchronization
import TestSupport

/// Gateways with an engine each on one database and one folder, which keep what they remember up to
/// date as in a running server.
struct Replicas: Sendable {
    struct Member: Sendable {
        let test: TestGateway
        /// Counts what the gateway reads from the database.
        let store: CountingStore
    }

    let members: [Member]

    /// The one that changes are made through.
    var first: TestGateway { members[0].test }

    /// Runs `body` with one gateway for each of `engines`, the first of which migrates.
    static func run(
        _ engines: [any SQLEngine], clock: any RegistryClock = SystemClock(),
        formats: [any PackageFormat] = [GenericFormat()], _ body: (Replicas) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let key = SigningKey()
        var members: [Member] = []
        for engine in engines {
            let store = CountingStore(base: SQLMetadataStore(engine: engine, clock: clock))
            let blobs = try FileBlobStore(
                root: folder.path("blobs"), threadPool: .singleton, clock: clock)
            let test = await TestGateway.assemble(
                formats: formats,
                services: RegistryServices(metadata: store, blobs: blobs, clock: clock),
                store: store.base, blobFolder: folder.path("blobs"), key: key)
            members.append(Member(test: test, store: store))
        }
        _ = try await SQLMetadataStore(engine: engines[0], clock: clock).migrate()
        let replicas = Replicas(members: members)
        try await replicas.first.insertRoot()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for member in members {
                let poller = member.test.gateway.poller
                group.addTask { try await poller.run() }
            }
            try await body(replicas)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Runs `body` with two gateways on a new database of `kind`.
    static func run(
        on kind: DatabaseKind, clock: any RegistryClock = SystemClock(),
        formats: [any PackageFormat] = [GenericFormat()], _ body: (Replicas) async throws -> Void
    ) async throws {
        let database = try await kind.makeDatabase()
        try await database.withEngine { one in
            try await database.withEngine { two in
                try await run([one, two], clock: clock, formats: formats, body)
            }
        }
    }
}

/// A store that counts its read transactions.
final class CountingStore: MetadataStore {
    let base: SQLMetadataStore
    private let count = Atomic<Int>(0)

    init(base: SQLMetadataStore) { self.base = base }

    var readCount: Int { count.load(ordering: .relaxed) }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value {
        count.wrappingAdd(1, ordering: .relaxed)
        return try await base.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await base.write(body)
    }
}

/// A condition that did not come true in time.
struct TooLate: Error, CustomStringConvertible {
    let description: String
}

/// Calls `attempt` until it gives a value; fails when one that began after `limit` gives none.
@discardableResult
func eventually<Value>(
    within limit: Duration, _ what: String, _ attempt: () async throws -> Value?
) async throws -> Value {
    let start = ContinuousClock.now
    while true {
        let isLast = ContinuousClock.now - start > limit
        if let value = try await attempt() { return value }
        if isLast { throw TooLate(description: "not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
