import Dispatch
import GarbageCollection
import Registry
import TestSupport
import Testing

/// What clients and other collectors do between the transactions of a pass, in each gap in turn: before
/// the claim, before the rows go, before the files are claimed, and before they are forgotten.
@Suite struct CollectorGapTests {
    private static let day: Int64 = 86_400

    /// What a client does in the gap, with a blob that it was given before.
    enum Act: CaseIterable, Sendable {
        /// Asks whether the blob is there.
        case head
        /// Mounts it from another package.
        case mount
        /// Pushes the same bytes again.
        case push
        /// Goes straight to the manifest.
        case publish
    }

    /// The clock of the collector runs two seconds ahead of the client's: to one of them the lease
    /// has ended, to the other it has not.
    private static func runWithSkew(
        on kind: DatabaseKind,
        _ body: (_ bench: CollectorBench, _ ahead: ManualClock) async throws -> Void
    ) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            try await bench.upload("layer", to: bench.package("base"))
            bench.clock.advance(bySeconds: day - 1)
            try await body(
                bench, ManualClock(bench.clock.now().advanced(bySeconds: 2)))
        }
    }

    @Test("a client between the steps of a collector", arguments: DatabaseKind.allCases, 1...4)
    func clientInTheGap(kind: DatabaseKind, gap: Int) async throws {
        for act in Act.allCases {
            try await Self.runWithSkew(on: kind) { bench, ahead in
                let failure = SendableBox<(any Error)?>(nil)
                var store = SteppedStore(bench.metadata)
                store.beforeWrite = { number in
                    guard number == gap else { return }
                    do {
                        try await Self.perform(act, bench)
                    } catch {
                        failure.withValue { $0 = error }
                    }
                }
                let outcome = try await bench.collector(metadata: store, clock: ahead).runPass()
                if let error = failure.withValue({ $0 }) { throw error }
                if gap < 3 { #expect(outcome.collectedBlobCount == 0, "\(act)") }
                // Whatever the collector did: who was told that it is there has it.
                #expect(try await bench.served("layer") == "layer", "\(act)")
                #expect(try await bench.hasManifest("m1"), "\(act)")
                ahead.advance(bySeconds: 90 * Self.day)
                bench.clock.advance(bySeconds: 90 * Self.day)
                _ = try await bench.collector(clock: ahead).runUntilIdle()
                #expect(try await bench.served("layer") == "layer", "\(act)")
                let copies = try await bench.storedDigests().filter {
                    $0 == CollectorBench.digest("layer").hex
                }
                #expect(copies.count == 1, "\(act)")
            }
        }
    }

    /// Does as a client does: what it is not told is there, it pushes.
    private static func perform(_ act: Act, _ bench: CollectorBench) async throws {
        let (package, digest) = (try bench.package(), CollectorBench.digest("layer"))
        switch act {
        case .head:
            if try await package.holdBlob(digest) == nil { try await bench.upload("layer") }
        case .mount:
            // Its own lease must not be what keeps it.
            _ = try await package.releaseBlob(digest)
            let mounted = try await package.mountBlob(digest, from: bench.package("base"))
            if mounted == nil { try await bench.upload("layer") }
        case .push:
            try await bench.upload("layer")
        case .publish:
            do {
                try await bench.publish("m1", layers: ["layer"], tags: ["latest"])
                return
            } catch let error as RegistryError {
                #expect(error.reason == "named_blob_unknown" || error.code == .conflict)
                try await bench.upload("layer")
            }
        }
        try await bench.publish("m1", layers: ["layer"], tags: ["latest"])
    }

    @Test(
        "a tag that goes while its version is looked at gives it a week",
        arguments: DatabaseKind.allCases, [false, true])
    func untagInTheGap(kind: DatabaseKind, moves: Bool) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.publish("m1", tags: ["latest"])
            bench.clock.advance(bySeconds: 7 * Self.day)
            let failure = SendableBox<(any Error)?>(nil)
            var store = SteppedStore(bench.metadata)
            store.beforeWrite = { number in
                // Its review is claimed.
                guard number == 2 else { return }
                do {
                    if moves {
                        try await bench.publish("m2", tags: ["latest"])
                    } else {
                        _ = try await bench.package().removeTag("latest")
                    }
                } catch {
                    failure.withValue { $0 = error }
                }
            }
            _ = try await bench.collector(metadata: store).runPass()
            if let error = failure.withValue({ $0 }) { throw error }
            #expect(try await bench.hasManifest("m1"))
            bench.clock.advance(bySeconds: 7 * Self.day - 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.hasManifest("m1"))
            bench.clock.advance(bySeconds: 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m1"))
        }
    }

    @Test(
        "a second replica between the steps of the first", arguments: DatabaseKind.allCases, 1...4)
    func collectorInTheGap(kind: DatabaseKind, gap: Int) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<3 { try await bench.upload("layer \(number)") }
            bench.clock.advance(bySeconds: Self.day)
            let second = SendableBox(CollectionOutcome())
            let failure = SendableBox<(any Error)?>(nil)
            var store = SteppedStore(bench.metadata)
            store.beforeWrite = { number in
                guard number == gap else { return }
                // Slow as the first is, its claims have ended when the second comes.
                bench.clock.advance(bySeconds: 61)
                do {
                    let outcome = try await bench.collector(replica: 1).runPass()
                    second.withValue { $0 = outcome }
                } catch {
                    failure.withValue { $0 = error }
                }
            }
            var both = try await bench.collector(metadata: store).runPass()
            if let error = failure.withValue({ $0 }) { throw error }
            both.add(second.withValue { $0 })
            both.add(try await bench.collector().runUntilIdle())
            #expect(both.collectedBlobCount == 3)
            #expect(both.failedCount == 0)
            // A file may be removed twice; it is counted as reclaimed once.
            #expect(both.reclaimedBytes == 21)
            let summary = try await bench.summary()
            #expect(summary.total.reclaimedBytes == 21)
            #expect(summary.reviewCount == 0 && summary.unlinkCount == 0)
            #expect(try await bench.storedDigests() == [])
        }
    }

    @Test(
        "a lease that ends between the check of a publish and its commit",
        arguments: DatabaseKind.allCases)
    func leaseEndsBeforeCommit(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.day - 1)
            let (hasWritten, mayCommit) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            var store = SteppedStore(bench.metadata)
            store.beforeCommit = {
                hasWritten.signal()
                // On SQLite the collector waits for the writer, so nobody will say so.
                _ = mayCommit.wait(timeout: .now() + .milliseconds(500))
            }
            let package = try bench.package(metadata: store)
            async let published = bench.publish(
                "m1", layers: ["layer"], tags: ["latest"], to: package)
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    hasWritten.wait()
                    continuation.resume()
                }
            }
            bench.clock.advance(bySeconds: 2)
            let outcome = try await bench.collector().runPass()
            mayCommit.signal()
            _ = try await published
            #expect(outcome.collectedBlobCount == 0)
            bench.clock.advance(bySeconds: 90 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.served("layer") == "layer")
        }
    }
}
