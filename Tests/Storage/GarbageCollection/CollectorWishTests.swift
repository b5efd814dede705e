import GarbageCollection
import MetadataStorage
import Registry
import TestSupport
import Testing

/// Somebody asks for a review while the collector is at the very same one. The new wish must stay: what
/// it is about has its whole time, and is looked at again.
///
/// In the middle of a transaction that can only be on Postgres; on SQLite nobody writes meanwhile. That
/// a store keeps the new wish is tested on both, in `SQLMetadataStoreTests`.
@Suite struct CollectorWishTests {
    private static let day: Int64 = 86_400
    private static let finishing = "DELETE FROM reviews"
    private static let postponing = "UPDATE reviews SET\n    leased_until = NULL, failure"

    /// Lets a collector do the one thing that is due longest, and does `act` when it is about to
    /// write down what came of it.
    private static func collectOne(
        _ bench: CollectorBench, before words: String,
        _ act: () async throws -> Void
    ) async throws -> CollectionOutcome {
        try await bench.scopes.database.withEngine { engine in
            let gate = StatementGate(before: words)
            let store = SQLMetadataStore(engine: SteppedEngine(base: engine, gate: gate))
            let collector = bench.collector(metadata: store) { $0.reviewBatchCount = 1 }
            async let outcome = collector.runPass()
            #expect(await gate.waitUntilReached(), "no statement '\(words)'")
            do {
                try await act()
                gate.open()
            } catch {
                gate.open()
                throw error
            }
            return try await outcome
        }
    }

    @Test("a blob that loses its last name while the collector finds it named")
    func blobs() async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            try await bench.upload("layer")
            try await bench.publish("m1", layers: ["layer"])
            bench.clock.advance(bySeconds: 7 * Self.day)
            // The blob has been due since its lease ended, the version is due now.
            let outcome = try await Self.collectOne(bench, before: Self.finishing) {
                let other = try await bench.collector(replica: 1).runPass()
                #expect(other.collectedVersionCount == 1)
            }
            #expect(outcome.keptCount == 1 && outcome.collectedBlobCount == 0)
            #expect(try await bench.storedDigests().count == 2)
            bench.clock.advance(bySeconds: Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.storedDigests() == [])
            #expect(try await bench.summary().reviewCount == 0)
        }
    }

    @Test(
        "a blob that loses its last name before the collector looks has its day",
        arguments: DatabaseKind.allCases)
    func nameLostBeforeTheLook(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            try await bench.publish("m1", layers: ["layer"])
            bench.clock.advance(bySeconds: 7 * Self.day)
            let other = SendableBox<Result<CollectionOutcome, any Error>?>(nil)
            var store = SteppedStore(bench.metadata)
            store.beforeWrite = { number in
                // The review of the blob is claimed.
                guard number == 2 else { return }
                do {
                    let outcome = try await bench.collector(replica: 1).runPass()
                    other.withValue { $0 = .success(outcome) }
                } catch {
                    other.withValue { $0 = .failure(error) }
                }
            }
            let outcome = try await bench.collector(metadata: store) {
                $0.reviewBatchCount = 1
            }.runPass()
            #expect(try other.withValue { $0 }?.get().collectedVersionCount == 1)
            #expect(outcome.keptCount == 1 && outcome.collectedBlobCount == 0)
            bench.clock.advance(bySeconds: Self.day - 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.storedDigests().count == 2)
            bench.clock.advance(bySeconds: 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.storedDigests() == [])
        }
    }

    @Test(
        "a period that becomes shorter while the collector finds a version in time",
        arguments: [KeepingPeriod.never, KeepingPeriod(days: 20)])
    func versions(period: KeepingPeriod) async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            try await bench.set { $0.untaggedPeriod = period }
            _ = try await bench.collector().runUntilIdle()
            // By a request that read the settings before: a look after a week is asked for.
            try await bench.publish("m1")
            bench.clock.advance(bySeconds: 7 * Self.day)
            let words = period == .never ? Self.finishing : Self.postponing
            let outcome = try await Self.collectOne(bench, before: words) {
                try await bench.set { $0.untaggedPeriod = KeepingPeriod(days: 1) }
                // Brings the review of the version forward, which belongs to the first still.
                _ = try await bench.collector(replica: 1).runPass()
            }
            #expect(outcome.keptCount == 1 && outcome.collectedVersionCount == 0)
            #expect(try await bench.hasManifest("m1"))
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m1"))
        }
    }
}
