import BlobStorage
import MetadataStorage
import NIOPosix
import Registry
import TestSupport
import Testing

@Suite("The sweep of orphans, with real databases")
struct OrphanSweeperDatabaseTests {
    @Test(
        "A blob with a row stays, a blob and an upload without one go",
        arguments: DatabaseKind.allCases)
    func sweeps(_ kind: DatabaseKind) async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock(SystemClock().now())
        let store = try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton, clock: clock)
        let database = try await kind.makeDatabase()
        try await database.withStore(clock: clock) { metadata in
            let named = try await store.store(makeBytes(10))
            let loser = try await store.store(makeBytes(10))
            let orphan = try await store.store(makeBytes(20))
            _ = try await store.beginUpload(hashes: []).suspend()
            let counted = try await metadata.write { transaction in
                _ = try transaction.upsertBlob(named, at: clock.now())
                // The same content again: the row that is there keeps its own key.
                return try transaction.upsertBlob(loser, at: clock.now())
            }
            #expect(counted == named.key)
            clock.advance(bySeconds: OrphanSweeper.minimumAgeSeconds + 1)
            let outcome = try await OrphanSweeper(store: store, metadata: metadata, clock: clock)
                .sweep()
            #expect(outcome.examinedCount == 4)
            #expect(outcome.removedBlobCount == 2)
            #expect(outcome.removedUploadCount == 1)
            #expect(outcome.removedBytes == 30)
            #expect(try await store.size(of: orphan.key) == nil)
            #expect(try await store.allEntries() == [.blob(named.key, size: 10)])
        }
    }
}
