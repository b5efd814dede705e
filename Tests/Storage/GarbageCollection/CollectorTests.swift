import Foundation
import GarbageCollection
import Registry
import TestSupport
import Testing

/// What becomes garbage, when, and what does not: `docs/garbage-collection.md`, line by line.
@Suite struct CollectorTests {
    private static let day: Int64 = 86_400
    private static let week = 7 * day

    @Test("a blob that nobody names goes when its lease ends", arguments: DatabaseKind.allCases)
    func unnamedBlobs(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            let collector = bench.collector()
            bench.clock.advance(bySeconds: Self.day - 1)
            #expect(try await collector.runUntilIdle().workedCount == 0)
            #expect(try await bench.served("layer") == "layer")
            bench.clock.advance(bySeconds: 1)
            let outcome = try await collector.runUntilIdle()
            #expect(outcome.collectedBlobCount == 1 && outcome.removedFileCount == 1)
            #expect(outcome.reclaimedBytes == 5)
            #expect(try await bench.served("layer") == nil)
            #expect(try await bench.storedDigests() == [])
            let summary = try await bench.metadata.read {
                [clock = bench.clock] in try $0.summarizeCollection(at: clock.now())
            }
            #expect(summary.reviewCount == 0 && summary.unlinkCount == 0)
        }
    }

    @Test("a HEAD keeps a blob until the manifest comes", arguments: DatabaseKind.allCases)
    func headThenPush(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.day - 1)
            #expect(try await bench.package().holdBlob(CollectorBench.digest("layer")) != nil)
            bench.clock.advance(bySeconds: 2)
            // The review that the upload asked for was moved back with the lease.
            _ = try await bench.collector().runUntilIdle()
            try await bench.publish("m1", layers: ["layer"], tags: ["latest"])
            bench.clock.advance(bySeconds: 100 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.served("layer") == "layer")
            #expect(try await bench.hasManifest("m1"))
        }
    }

    @Test(
        "a blob under a lease stays, whatever asks for a look at it",
        arguments: DatabaseKind.allCases)
    func leases(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let digest = CollectorBench.digest("layer")
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.day / 2)
            try await bench.upload("layer", to: bench.package("base"))
            let end = bench.clock.now().advanced(bySeconds: Self.day)
            // One of two leases has ended.
            for seconds in [Self.day / 2, Self.day / 2 - 1] {
                bench.clock.advance(bySeconds: seconds)
                let now = bench.clock.now()
                let outcome = try await bench.metadata.write { tx in
                    try tx.collectBlobs([digest], at: now)
                }
                #expect(outcome[digest] == .postponed(until: end))
                #expect(try await bench.served("layer", from: bench.package("base")) == "layer")
            }
        }
    }

    @Test("a mount keeps a blob that its source gives up", arguments: DatabaseKind.allCases)
    func mountWhileCollecting(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let source = try bench.package("base")
            try await bench.upload("layer", to: source)
            bench.clock.advance(bySeconds: Self.day - 1)
            let mounted = try await bench.package().mountBlob(
                CollectorBench.digest("layer"), from: source)
            #expect(mounted != nil)
            bench.clock.advance(bySeconds: 2)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.served("layer", from: source) == nil)
            #expect(try await bench.served("layer") == "layer")
        }
    }

    @Test("a manifest lives by its tag, a week without", arguments: DatabaseKind.allCases)
    func untagged(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            try await bench.publish("m1", layers: ["layer"], tags: ["latest"])
            try await bench.publish("m2", layers: ["layer"])
            bench.clock.advance(bySeconds: Self.week)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.hasManifest("m1"))
            #expect(try await !bench.hasManifest("m2"))
            // The tag moves: a week from here.
            try await bench.publish("m3", layers: ["layer"], tags: ["latest"])
            bench.clock.advance(bySeconds: Self.week - 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.hasManifest("m1"))
            bench.clock.advance(bySeconds: 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m1"))
            #expect(try await bench.package().removeTag("latest"))
            bench.clock.advance(bySeconds: Self.week)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m3"))
            bench.clock.advance(bySeconds: Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.storedDigests() == [])
        }
    }

    @Test("parts live with their index, signatures with their subject")
    func links() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            try await bench.publish("part")
            try await bench.publish("index", children: ["part"], tags: ["1"])
            try await bench.publish("signature", subject: "index")
            try await bench.publish("sbom of the signature", subject: "signature")
            try await bench.publish("early", subject: "what never came")
            bench.clock.advance(bySeconds: 3 * Self.week)
            _ = try await bench.collector().runUntilIdle()
            for text in ["part", "index", "signature", "sbom of the signature"] {
                #expect(try await bench.hasManifest(text), "\(text)")
            }
            #expect(try await !bench.hasManifest("early"))
            // In the trash it still keeps what belongs to it, so that it comes back whole.
            let index = CollectorBench.digest("index").description
            #expect(try await bench.package().trashVersion(index))
            bench.clock.advance(bySeconds: Self.week - 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.hasManifest("part"))
            bench.clock.advance(bySeconds: 1)
            _ = try await bench.collector().runUntilIdle()
            for text in ["part", "index", "signature", "sbom of the signature"] {
                #expect(try await !bench.hasManifest(text), "\(text)")
            }
            bench.clock.advance(bySeconds: Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.storedDigests() == [])
        }
    }

    @Test("a manifest without a tag that somebody pulls", arguments: DatabaseKind.allCases)
    func pulls(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let version = try await bench.publish("m1")
            for _ in 0..<3 {
                bench.clock.advance(bySeconds: 6 * Self.day)
                let services = bench.scopes.replicas[0]
                services.pulls.record(version.id, at: bench.clock.now())
                try await services.flushPulls()
                _ = try await bench.collector().runUntilIdle()
                #expect(try await bench.hasManifest("m1"))
            }
            bench.clock.advance(bySeconds: 8 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m1"))
        }
    }

    @Test("versions that only keep each other go", arguments: DatabaseKind.allCases)
    func cycles(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.publish("part")
            try await bench.publish("index", children: ["part"], subject: "part", tags: ["1"])
            try await bench.publish("note", subject: "index")
            bench.clock.advance(bySeconds: 2 * Self.week)
            _ = try await bench.collector().runUntilIdle()
            for text in ["part", "index", "note"] {
                #expect(try await bench.hasManifest(text), "\(text)")
            }
            #expect(try await bench.package().removeTag("1"))
            bench.clock.advance(bySeconds: Self.week)
            _ = try await bench.collector().runUntilIdle()
            for text in ["part", "index", "note"] {
                #expect(try await !bench.hasManifest(text), "\(text)")
            }
        }
    }

    @Test("an upload that nobody goes on with", arguments: DatabaseKind.allCases)
    func uploads(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let package = try bench.package()
            let upload = try await package.beginUpload(hashes: [])
            _ = try await package.append(
                to: upload.id, startingAt: nil, body: CollectorBench.body("half"))
            bench.clock.advance(bySeconds: Self.day - 1)
            _ = try await package.append(
                to: upload.id, startingAt: nil, body: CollectorBench.body("more"))
            bench.clock.advance(bySeconds: Self.day - 1)
            #expect(try await bench.collector().runUntilIdle().collectedUploadCount == 0)
            #expect(try await package.findUpload(upload.id).offset == 8)
            bench.clock.advance(bySeconds: 1)
            #expect(try await bench.collector().runUntilIdle().collectedUploadCount == 1)
            let left = SendableBox(0)
            let later = bench.clock.now().advanced(bySeconds: 1)
            try await bench.scopes.blobs.listEntries(writtenBefore: later) { page in
                left.withValue { $0 += page.count }
            }
            #expect(left.withValue { $0 } == 0)
        }
    }

    @Test("while it is paused nothing is deleted", arguments: DatabaseKind.allCases)
    func paused(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.week)
            let now = bench.clock.now()
            try await bench.metadata.write { tx in try tx.setCollectionPaused(now) }
            let outcome = try await bench.collector().runUntilIdle()
            #expect(outcome.isPaused && outcome.workedCount == 0)
            #expect(try await bench.storedDigests().count == 1)
            try await bench.metadata.write { tx in try tx.setCollectionPaused(nil) }
            #expect(try await bench.collector().runUntilIdle().collectedBlobCount == 1)
        }
    }

    @Test("two collectors share the work and do nothing twice", arguments: DatabaseKind.allCases)
    func twoCollectors(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<60 { try await bench.upload("layer \(number)") }
            bench.clock.advance(bySeconds: Self.week)
            let collectors = [0, 1].map { replica in
                bench.collector(replica: replica) {
                    $0.reviewBatchCount = 7
                    $0.blobBatchCount = 3
                }
            }
            async let one = collectors[0].runUntilIdle()
            async let two = collectors[1].runUntilIdle()
            let outcomes = try await [one, two]
            #expect(outcomes.reduce(0) { $0 + $1.collectedBlobCount } == 60)
            #expect(outcomes.reduce(0) { $0 + $1.removedFileCount } == 60)
            #expect(outcomes.allSatisfy { $0.failedCount == 0 })
            #expect(try await bench.storedDigests() == [])
        }
    }
}
