import BlobStorage
import Foundation
import GarbageCollection
import Logging
import Registry
import TestSupport
import Testing

/// The slow reading of all blobs beside a server: `docs/fsck.md`.
@Suite struct ScrubberTests {
    private static func scrubber(
        _ bench: CollectorBench, in store: (any RepairableBlobStore)? = nil,
        owner: String = "one", bytesPerSecond: Int64? = nil
    ) throws -> Scrubber {
        Scrubber(
            metadata: bench.metadata, blobs: try store ?? bench.makeStore(),
            bytesPerSecond: bytesPerSecond, owner: owner, clock: bench.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private static func state(_ bench: CollectorBench) async throws -> ScrubState {
        try await bench.metadata.read { try $0.findScrubState() }
    }

    @Test(
        "a pass reads all blobs once, and the next waits a week", arguments: DatabaseKind.allCases)
    func passes(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<250 { try await bench.upload("layer \(number)") }
            let seen = SendableBox<[StorageKey]>([])
            let store = MeddlingBlobStore(base: try bench.makeStore()) {
                key throws(RegistryError) in
                seen.withValue { $0.append(key) }
            }
            let scrubber = try Self.scrubber(bench, in: store)
            let began = bench.clock.now()
            guard case .ended(let ended) = try await scrubber.runTurn() else {
                Issue.record("the pass did not end")
                return
            }
            #expect(ended.checkedCount == 250 && ended.findingCount == 0)
            #expect(ended.beganAt == began && ended.endedAt == began && ended.cursor == nil)
            #expect(try await Self.state(bench) == ended)
            #expect(Set(seen.withValue { $0 }).count == 250)
            #expect(seen.withValue { $0.count } == 250)
            bench.clock.advance(bySeconds: Scrubber.passIntervalSeconds - 1)
            #expect(try await scrubber.runTurn() == .idle)
            bench.clock.advance(bySeconds: 1)
            guard case .ended(let next) = try await scrubber.runTurn() else {
                Issue.record("the next pass did not end")
                return
            }
            #expect(next.checkedCount == 250 && next.beganAt == bench.clock.now())
        }
    }

    @Test("damage is healed from memory, or put aside", arguments: DatabaseKind.allCases)
    func damage(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for text in ["remembered", "forgotten", "lost", "good"] {
                try await bench.upload(text)
            }
            let cached = CachedBlobStore(try bench.makeStore())
            let remembered = try await bench.row("remembered")
            _ = try await cached.open(remembered.storageKey)
            for text in ["remembered", "forgotten"] { try await bench.harm(text, .flipped) }
            try await bench.harm("lost", .lost)
            let turn = try await Self.scrubber(bench, in: cached).runTurn()
            guard case .ended(let ended) = turn else {
                Issue.record("\(turn)")
                return
            }
            // What was healed has a new key, which may come behind the others, and be read again.
            #expect((4...5).contains(ended.checkedCount) && ended.findingCount == 3)
            #expect(try await bench.served("remembered") == "remembered")
            #expect(try await bench.row("remembered").storageKey != remembered.storageKey)
            #expect(bench.isInQuarantine(remembered.storageKey))
            let forgotten = try await bench.row("forgotten").storageKey
            #expect(bench.isInQuarantine(forgotten))
            let left = try await bench.verify().findings
            #expect(left.map(\.kind) == [.missingBytes, .missingBytes])
        }
    }

    @Test(
        "one replica at a time, and where one stops the next goes on",
        arguments: DatabaseKind.allCases)
    func takeTurns(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<30 { try await bench.upload("layer \(number)") }
            let seen = SendableBox<[StorageKey]>([])
            let (stopped, stop) = AsyncStream.makeStream(of: Void.self)
            let first = MeddlingBlobStore(base: try bench.makeStore()) {
                key throws(RegistryError) in
                let count = seen.withValue { seen in
                    seen.append(key)
                    return seen.count
                }
                guard count == 10 else { return }
                stop.yield()
                // As if the disk took its time, until the server ends.
                while !Task.isCancelled { await Task.yield() }
                throw RegistryError(.unavailable, "the server is stopping")
            }
            let running = Task {
                try await Self.scrubber(bench, in: first, owner: "one").runTurn()
            }
            for await _ in stopped { break }
            #expect(try await Self.scrubber(bench, owner: "two").runTurn() == .idle)
            running.cancel()
            await #expect(throws: (any Error).self) { try await running.value }
            let state = try await Self.state(bench)
            #expect(state.checkedCount == 9)
            #expect(state.cursor == seen.withValue { $0[8] })
            let second = MeddlingBlobStore(base: try bench.makeStore()) {
                key throws(RegistryError) in
                seen.withValue { $0.append(key) }
            }
            let turn = try await Self.scrubber(bench, in: second, owner: "two").runTurn()
            guard case .ended(let ended) = turn else {
                Issue.record("\(turn)")
                return
            }
            #expect(ended.checkedCount == 30)
            // The tenth was begun twice, and every other blob read once.
            #expect(seen.withValue { $0.count } == 31)
            #expect(Set(seen.withValue { $0 }).count == 30)
        }
    }

    @Test("a replica that died loses the scrub", arguments: DatabaseKind.allCases)
    func lease(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            let now = bench.clock.now()
            let end = now.advanced(bySeconds: 120)
            let claimed = try await bench.metadata.write { tx in
                try tx.claimScrub(owner: "dead", at: now, until: end)
            }
            #expect(claimed == ScrubState())
            let two = try Self.scrubber(bench, owner: "two")
            #expect(try await two.runTurn() == .idle)
            bench.clock.advance(bySeconds: 120)
            guard case .ended = try await two.runTurn() else {
                Issue.record("nobody took the scrub over")
                return
            }
            let isSaved = try await bench.metadata.write { tx in
                try tx.saveScrub(ScrubState(checkedCount: 7), owner: "dead", until: nil)
            }
            #expect(!isSaved)
            #expect(try await Self.state(bench).checkedCount == 1)
        }
    }

    @Test("a budget of a byte a second ends at once when the server does")
    func cancellation() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            try await bench.upload("layer")
            let scrubber = try Self.scrubber(bench, bytesPerSecond: 1)
            let running = Task { try await scrubber.runTurn() }
            // A claim that ends at once, and fails as soon as the scrub has its own.
            #expect(
                try await eventually {
                    let now = bench.clock.now()
                    return try await bench.metadata.write { tx in
                        try tx.claimScrub(owner: "other", at: now, until: now)
                    } == nil
                })
            let begin = ContinuousClock.now
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            #expect(ContinuousClock.now - begin < .seconds(10))
            // Nothing was read, so nothing was noted.
            #expect(try await Self.state(bench) == ScrubState())
        }
    }
}
