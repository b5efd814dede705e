import GarbageCollection
import Registry
import TestSupport
import Testing

/// What a dry run says is what the run then does.
@Suite struct CollectorEstimateTests {
    private static let roundCount = 25

    @Test("the estimate is what a run frees", arguments: DatabaseKind.allCases)
    func estimates(kind: DatabaseKind) async throws {
        var generator = SeededGenerator.announced("CollectorEstimateTests, \(kind)")
        try await CollectorBench.run(
            on: kind, replacing: [ModelClient.releaseFormat], inMemory: true
        ) { bench in
            var clients: [ModelClient] = []
            for number in 0..<3 {
                clients.append(
                    try ModelClient(
                        bench: bench, number: number,
                        generator: SeededGenerator(seed: generator.next())))
            }
            var sum = CollectionOutcome()
            for _ in 0..<Self.roundCount {
                for index in clients.indices {
                    for _ in 0..<Int.random(in: 0...12, using: &generator) {
                        try await clients[index].step()
                    }
                }
                try await leaveWork(bench, using: &generator)
                if Int.random(in: 0..<3, using: &generator) == 0 {
                    // Not shorter than those of the model, which says what must be there.
                    let periods = (0..<2).map { _ in
                        KeepingPeriod(days: Int64.random(in: 7...20, using: &generator))
                    }
                    let isOfGroup = Bool.random(using: &generator)
                    try await bench.set(
                        { ($0.trashPeriod, $0.untaggedPeriod) = (periods[0], periods[1]) },
                        onGroup: isOfGroup)
                }
                bench.clock.advance(
                    bySeconds: Int64.random(
                        in: 1...10 * RegistryModel.day, using: &generator))
                let collector = bench.collector {
                    $0.reviewBatchCount = 7
                    $0.blobBatchCount = 3
                }
                let before = try await bench.storedBytes()
                let estimate = try await collector.estimate()
                // Nothing has happened.
                #expect(try await collector.estimate() == estimate)
                #expect(try await bench.storedBytes() == before)
                let outcome = try await collector.runUntilIdle()
                #expect(CollectionEstimate(outcome) == estimate)
                #expect(try await bench.storedBytes() == before - estimate.bytes)
                #expect(outcome.failedCount == 0)
                sum.add(outcome)
            }
            // Each kind of garbage was there, so that the numbers said something.
            #expect(sum.collectedBlobCount > 0 && sum.collectedVersionCount > 0)
            #expect(sum.collectedUploadCount > 0)
            #expect(sum.removedFileCount > sum.collectedBlobCount)
        }
    }

    /// Uploads that nobody goes on with, rows without files and files without rows, and work that
    /// another collector has claimed.
    private func leaveWork(
        _ bench: CollectorBench, using generator: inout SeededGenerator
    ) async throws {
        let package = try bench.package("api-0")
        for _ in 0..<Int.random(in: 0...2, using: &generator) {
            let upload = try await package.beginUpload(hashes: [])
            guard Bool.random(using: &generator) else { continue }
            let text = String(repeating: "x", count: Int.random(in: 1...900, using: &generator))
            _ = try await package.append(
                to: upload.id, startingAt: nil, body: CollectorBench.body(text))
        }
        let (now, limit) = (bench.clock.now(), Int.random(in: 0...3, using: &generator))
        let end = now.advanced(bySeconds: Int64.random(in: 1...20, using: &generator) * 86_400)
        try await bench.metadata.write { tx in
            let claimed = try tx.claimReviews(limit: limit, at: now, until: end)
            let digests = claimed.compactMap { review in
                if case .blob(let digest) = review.subject { digest } else { nil }
            }
            // Some were done, and the process died before it removed the files.
            _ = try tx.collectBlobs(digests, at: now)
        }
    }

    @Test("what a changed period releases is counted", arguments: DatabaseKind.allCases)
    func changedPeriods(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<6 {
                try await bench.publish("untagged \(number)")
                try await bench.publish("tagged \(number)", tags: ["t\(number)"])
            }
            try await bench.publish("elsewhere", to: bench.package("other"))
            let digest = CollectorBench.digest("tagged 1").description
            #expect(try await bench.package().trashVersion(digest))
            bench.clock.advance(bySeconds: 2 * 86_400)
            #expect(try await bench.collector().estimate() == CollectionEstimate())

            try await bench.set { $0.untaggedPeriod = KeepingPeriod(days: 1) }
            let estimate = try await bench.collector().estimate()
            #expect(estimate.versionCount == 7 && !estimate.hasMoreVersions)
            #expect(try await bench.collector().estimate() == estimate)
            // Another one, of the group, whose review has done a part of its work.
            try await bench.set({ $0.trashPeriod = KeepingPeriod(days: 1) }, onGroup: true)
            let both = try await bench.collector().estimate()
            #expect(both.versionCount == 8)
            let outcome = try await bench.collector().runUntilIdle()
            #expect(CollectionEstimate(outcome) == both)
            #expect(try await bench.collector().estimate() == CollectionEstimate())
        }
    }

    @Test("a cascade is counted to its end, and its blobs are not")
    func cascades() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            try await bench.upload("shared")
            try await bench.publish("part", layers: ["shared"])
            try await bench.publish("index", children: ["part"], tags: ["1"])
            try await bench.publish("signature", subject: "index")
            try await bench.publish("other", layers: ["shared"], tags: ["2"])
            bench.clock.advance(bySeconds: 30 * 86_400)
            _ = try await bench.collector().runUntilIdle()
            let index = CollectorBench.digest("index").description
            #expect(try await bench.package().trashVersion(index))
            bench.clock.advance(bySeconds: 7 * 86_400)
            let first = try await bench.collector().estimate()
            #expect(first.versionCount == 3 && first.blobCount == 0 && first.bytes == 0)
            let outcome = try await bench.collector().runUntilIdle()
            #expect(CollectionEstimate(outcome) == first)
            bench.clock.advance(bySeconds: 86_400)
            // The layer is still named by the other.
            let second = try await bench.collector().estimate()
            #expect(second.blobCount == 3 && second.fileCount == 3)
            #expect(second.bytes == Int64("part".count + "index".count + "signature".count))
            #expect(CollectionEstimate(try await bench.collector().runUntilIdle()) == second)
        }
    }
}

extension CollectorBench {
    /// Bytes of everything in the store.
    func storedBytes() async throws -> Int64 {
        let bytes = SendableBox<Int64>(0)
        let later = clock.now().advanced(bySeconds: 100 * 365 * 86_400)
        try await scopes.blobs.listEntries(writtenBefore: later) { page in
            bytes.withValue { bytes in
                for entry in page {
                    switch entry {
                    case .blob(_, let size), .upload(_, let size): bytes += size
                    }
                }
            }
        }
        return bytes.withValue { $0 }
    }
}
