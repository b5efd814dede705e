import GarbageCollection
import Registry
import TestSupport
import Testing

/// Uploads that nobody went on with: their rows go first, and then their bytes.
@Suite struct CollectorUploadTests {
    private static let day: Int64 = 86_400

    /// What keeps the bytes from going together with the row.
    enum Interruption: CaseIterable {
        /// The process dies when the row is gone.
        case death
        /// The process dies when it has claimed the bytes.
        case deathAfterClaim
        /// The store is away.
        case failure
    }

    private static func removeRow(
        _ upload: UploadRecord, _ interruption: Interruption, _ bench: CollectorBench
    ) async throws {
        let now = bench.clock.now()
        if interruption == .failure {
            var store = FlakyBlobStore(base: bench.scopes.blobs, fails: { _ in true })
            store.failsDiscards = true
            let outcome = try await bench.collector(blobs: store).runPass()
            #expect(outcome.collectedUploadCount == 1 && outcome.failedCount == 1)
            return
        }
        try await bench.metadata.write { tx in
            let reviews = try tx.claimReviews(
                limit: 10, at: now, until: now.advanced(bySeconds: 60))
            #expect(reviews.map(\.subject) == [.upload(upload.id)])
            #expect(try tx.collectUpload(upload.id, at: now) == .collected(bytes: 4))
            try tx.finishReviews(reviews)
        }
        guard interruption == .deathAfterClaim else { return }
        let claimed = try await bench.metadata.write { tx in
            try tx.claimUnlinks(limit: 10, at: now, until: now.advanced(bySeconds: 60))
        }
        #expect(claimed.count == 1)
        // They belong to whoever claimed them for now.
        #expect(try await bench.collector(replica: 1).runUntilIdle().removedFileCount == 0)
    }

    /// The bytes of unfinished uploads, by the names that the store gave them.
    private static func listUploads(_ bench: CollectorBench) async throws -> [String: Int64] {
        let found = SendableBox<[String: Int64]>([:])
        let later = bench.clock.now().advanced(bySeconds: 100 * 365 * day)
        try await bench.scopes.blobs.listEntries(writtenBefore: later) { page in
            for case .upload(let id, let size) in page { found.withValue { $0[id] = size } }
        }
        return found.withValue { $0 }
    }

    @Test(
        "bytes that wait to be removed go with the next pass, and no others",
        arguments: DatabaseKind.allCases, Interruption.allCases)
    func waitingBytes(kind: DatabaseKind, interruption: Interruption) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let package = try bench.package()
            let old = try await package.beginUpload(hashes: [])
            _ = try await package.append(
                to: old.id, startingAt: nil, body: CollectorBench.body("half"))
            let oldName = try #require(try await package.findUpload(old.id).state?.uploadID)
            bench.clock.advance(bySeconds: Self.day)
            try await Self.removeRow(old, interruption, bench)
            #expect(try await Self.listUploads(bench) == [oldName: 4])
            // Nobody can go on with it; somebody begins anew.
            let failure = await #expect(throws: RegistryError.self) {
                try await package.append(
                    to: old.id, startingAt: nil, body: CollectorBench.body("more"))
            }
            #expect(failure?.reason == "upload_unknown")
            let new = try await package.beginUpload(hashes: [])
            _ = try await package.append(
                to: new.id, startingAt: nil, body: CollectorBench.body("lay"))
            let newName = try #require(try await package.findUpload(new.id).state?.uploadID)
            // What waits to be removed is nothing that a check has to deal with.
            let (_, findings, _) = try await bench.verify { $0.repairs = true }
            #expect(findings == [])
            #expect(try await Self.listUploads(bench) == [oldName: 4, newName: 3])
            bench.clock.advance(bySeconds: 60)
            let outcome = try await bench.collector(replica: 1).runUntilIdle()
            #expect(outcome.removedFileCount == 1 && outcome.reclaimedBytes == 4)
            #expect(outcome.collectedUploadCount == 0 && outcome.failedCount == 0)
            #expect(try await Self.listUploads(bench) == [newName: 3])
            #expect(try await bench.summary().unlinkCount == 0)
            _ = try await package.finishUpload(
                new.id, startingAt: 3, body: CollectorBench.body("er"),
                expecting: CollectorBench.digest("layer"))
            #expect(try await bench.served("layer") == "layer")
            #expect(try await Self.listUploads(bench) == [:])
        }
    }
}
