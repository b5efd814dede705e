import Dispatch
import GarbageCollection
import Registry
import TestSupport
import Testing

/// The races of `docs/garbage-collection.md`, forced: one side stands in its transaction until the
/// other has done its part.
@Suite struct CollectorRaceTests {
    private static let day: Int64 = 86_400

    /// The signals of two sides; waiting blocks a thread of the database's pool, never a task.
    struct Barrier: Sendable {
        let hasWritten = DispatchSemaphore(value: 0)
        let mayEnd = DispatchSemaphore(value: 0)

        /// Lets the other side begin, and stays until it says so or has surely begun to wait.
        func stand() {
            hasWritten.signal()
            _ = mayEnd.wait(timeout: .now() + .milliseconds(700))
        }

        func waitUntilWritten() async {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    hasWritten.wait()
                    continuation.resume()
                }
            }
        }
    }

    @Test("I3: a publisher in his transaction keeps the blob", arguments: [true, false])
    func publisherFirst(isLease: Bool) async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            try await bench.upload("layer")
            let digest = CollectorBench.digest("layer")
            let package = try #require(try await bench.package().find())
            let version = try await bench.publish("m1")
            bench.clock.advance(bySeconds: Self.day)
            let (now, barrier) = (bench.clock.now(), Barrier())
            async let published: Void = bench.metadata.write { tx in
                if isLease {
                    try tx.upsertLease(
                        digest, packageID: package.id, until: now.advanced(bySeconds: 60))
                } else {
                    try tx.insertFiles(
                        [BlobReference(digest: digest, path: "layer")], version: version, at: now)
                }
                barrier.stand()
            }
            await barrier.waitUntilWritten()
            let outcome = try await bench.collector().runPass()
            try await published
            #expect(outcome.collectedBlobCount == 0)
            #expect(try await bench.served("layer") == "layer")
            #expect(try await bench.storedDigests().contains(digest.hex))
        }
    }

    @Test("a publisher who comes too late is told so, and nothing points into the void")
    func collectorFirst() async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            try await bench.upload("layer")
            let digest = CollectorBench.digest("layer")
            let version = try await bench.publish("m1")
            bench.clock.advance(bySeconds: Self.day)
            let (now, barrier) = (bench.clock.now(), Barrier())
            async let collected = bench.metadata.write { tx in
                let outcome = try tx.collectBlobs([digest], at: now)
                barrier.stand()
                return outcome
            }
            await barrier.waitUntilWritten()
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.metadata.write { tx in
                    try tx.insertFiles(
                        [BlobReference(digest: digest, path: "layer")], version: version, at: now)
                }
            }
            #expect(failure?.code == .conflict)
            #expect(try await collected[digest] == .collected(bytes: 5))
            #expect(try await bench.package().holdBlob(digest) == nil)
            #expect(try await bench.package().mountBlob(digest, from: bench.package()) == nil)
        }
    }

    @Test("a tag that is set while its version is collected", arguments: [true, false])
    func tagAndCollect(isTagFirst: Bool) async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            let version = try await bench.publish("m1")
            bench.clock.advance(bySeconds: 7 * Self.day)
            let (now, barrier) = (bench.clock.now(), Barrier())
            let periods = CollectionPeriods()
            if isTagFirst {
                async let tagged: Void = bench.metadata.write { tx in
                    try tx.touchPackage(version.package.id, at: now)
                    try tx.setTag("latest", version: version, at: now)
                    barrier.stand()
                }
                await barrier.waitUntilWritten()
                let outcome = try await bench.metadata.write { tx in
                    try tx.collectVersion(version.id, periods, at: now)
                }
                try await tagged
                #expect(outcome == .kept)
            } else {
                async let collected = bench.metadata.write { tx in
                    let outcome = try tx.collectVersion(version.id, periods, at: now)
                    barrier.stand()
                    return outcome
                }
                await barrier.waitUntilWritten()
                try await bench.publish("m1", tags: ["latest"])
                #expect(try await collected == .collected(bytes: 0))
            }
            let served = try await bench.package().findFile(.tag("latest"), path: "manifest")
            #expect(served != nil)
            #expect(try await bench.served("m1") == "m1")
        }
    }

    @Test("downloads of a version that is collected just now")
    func countAndCollect() async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            let gone = try await bench.publish("m1")
            let kept = try await bench.publish("m2", tags: ["latest"])
            bench.clock.advance(bySeconds: 7 * Self.day)
            let (now, barrier, periods) = (bench.clock.now(), Barrier(), CollectionPeriods())
            let services = bench.scopes.replicas[0]
            for id in [gone.id, kept.id, kept.id] { services.pulls.record(id, at: now) }
            async let collected = bench.metadata.write { tx in
                let outcome = try tx.collectVersion(gone.id, periods, at: now)
                barrier.stand()
                return outcome
            }
            await barrier.waitUntilWritten()
            try await services.flushPulls()
            #expect(try await collected == .collected(bytes: 0))
            let pulls = try await bench.metadata.read { tx in
                try tx.listPulls(versionIDs: [gone.id, kept.id])
            }
            #expect(pulls == [kept.id: PullRecord(count: 2, lastAt: now)])
            #expect(services.pulls.pendingCount == 0)
        }
    }

    @Test(
        "bytes that come back while the old ones wait for their unlink",
        arguments: DatabaseKind.allCases)
    func pushWhileUnlinking(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.day)
            let (now, digest) = (bench.clock.now(), CollectorBench.digest("layer"))
            // The row is gone and the process dies before it removes the file.
            _ = try await bench.metadata.write { tx in try tx.collectBlobs([digest], at: now) }
            #expect(try await bench.storedDigests().count == 1)
            try await bench.upload("layer")
            #expect(try await bench.storedDigests().count == 2)
            #expect(try await bench.collector().runUntilIdle().removedFileCount == 1)
            #expect(try await bench.served("layer") == "layer")
            #expect(try await bench.storedDigests().count == 1)
        }
    }

    @Test("a lease that ends between two looks at it", arguments: DatabaseKind.allCases)
    func leaseEndsMeanwhile(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.day)
            // The publish checks the lease in its own transaction, whatever was true before.
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.publish("m1", layers: ["layer"])
            }
            #expect(failure?.reason == "named_blob_unknown")
            _ = try await bench.collector().runUntilIdle()
            try await bench.upload("layer")
            try await bench.publish("m1", layers: ["layer"], tags: ["latest"])
            #expect(try await bench.served("layer") == "layer")
        }
    }

    @Test("a replica that dies gives its share back", arguments: DatabaseKind.allCases)
    func claimsEnd(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.day)
            let now = bench.clock.now()
            let claimed = try await bench.metadata.write { tx in
                try tx.claimReviews(limit: 10, at: now, until: now.advanced(bySeconds: 60))
            }
            #expect(claimed.count == 1)
            #expect(try await bench.collector().runUntilIdle().workedCount == 0)
            bench.clock.advance(bySeconds: 60)
            #expect(try await bench.collector().runUntilIdle().collectedBlobCount == 1)
        }
    }
}
