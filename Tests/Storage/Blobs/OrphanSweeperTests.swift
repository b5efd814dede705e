import Glibc
import NIOPosix
import Registry
import Synchronization
import TestSupport
import Testing

@testable import BlobStorage

@Suite("The sweep of orphans")
struct OrphanSweeperTests {
    private let folder: TemporaryFolder
    private let operations = FaultyFileOperations()
    private let clock = ManualClock(SystemClock().now())
    private let store: FileBlobStore

    init() throws {
        folder = try TemporaryFolder()
        store = try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton, operations: operations,
            clock: clock)
    }

    private func makeSweeper(
        keys: Set<StorageKey> = [], uploads: Set<String> = [],
        onFailure: @escaping @Sendable (BlobStoreEntry, RegistryError) -> Void = { _, _ in }
    ) -> OrphanSweeper {
        OrphanSweeper(
            store: store,
            known: OrphanSweeper.KnownNames(
                keys: { asked throws(RegistryError) in keys.intersection(asked) },
                uploads: { asked throws(RegistryError) in uploads.intersection(asked) }),
            clock: clock, onFailure: onFailure)
    }

    @Test("What no row names goes once it is old enough; what a row names stays")
    func sweeps() async throws {
        let known = try await store.store(makeBytes(10))
        let orphan = try await store.store(makeBytes(1000))
        let knownUpload = try await store.beginUpload(hashes: []).suspend()
        var upload = try await store.beginUpload(hashes: [])
        try await upload.append(makeBytes(50))
        _ = try await upload.suspend()
        let sweeper = makeSweeper(keys: [known.key], uploads: [knownUpload.uploadID])

        clock.advance(bySeconds: OrphanSweeper.minimumAgeSeconds - 1)
        #expect(try await sweeper.sweep().examinedCount == 0)
        let young = try await store.store(makeBytes(20))
        clock.advance(bySeconds: 2)
        let outcome = try await sweeper.sweep()

        #expect(outcome.examinedCount == 4)
        #expect(outcome.removedBlobCount == 1)
        #expect(outcome.removedUploadCount == 1)
        #expect(outcome.removedBytes == 1050)
        #expect(outcome.failedCount == 0)
        #expect(try await store.size(of: orphan.key) == nil)
        #expect(
            try await Set(store.allEntries()) == [
                .blob(known.key, size: 10), .blob(young.key, size: 20),
                .upload(id: knownUpload.uploadID, size: 0),
            ])
        #expect(try await sweeper.sweep().removedBytes == 0)
    }

    @Test("A removal that fails does not stop the others, and is heard of")
    func failingRemoval() async throws {
        for seed in 0..<3 { _ = try await store.store(makeBytes(10, seed: UInt64(seed))) }
        clock.advance(bySeconds: OrphanSweeper.minimumAgeSeconds + 1)
        let failures = Mutex<[RegistryError]>([])
        // The calls before the first removal are those of the list.
        operations.plan(.none)
        _ = try await store.allEntries()
        let listCallCount = operations.callCount
        let sweeper = makeSweeper(onFailure: { _, failure in
            failures.withLock { $0.append(failure) }
        })
        operations.plan(.call(listCallCount + 1, errno: EIO))
        let outcome = try await sweeper.sweep()
        #expect(outcome.failedCount == 1)
        #expect(outcome.removedBlobCount == 2)
        #expect(failures.withLock { $0.map(\.code) } == [.internalError])
        #expect(try await sweeper.sweep().removedBlobCount == 1)
        #expect(try await store.allEntries().isEmpty)
    }

    @Test("Nothing is removed when the database does not answer")
    func noAnswer() async throws {
        let blob = try await store.store(makeBytes(10))
        clock.advance(bySeconds: OrphanSweeper.minimumAgeSeconds + 1)
        let sweeper = OrphanSweeper(
            store: store,
            known: OrphanSweeper.KnownNames(
                keys: { _ throws(RegistryError) in throw RegistryError(.unavailable, "gone") },
                uploads: { _ throws(RegistryError) in [] }),
            clock: clock)
        let failure = await #expect(throws: RegistryError.self) { try await sweeper.sweep() }
        #expect(failure?.code == .unavailable)
        #expect(try await store.size(of: blob.key) == 10)
    }
}
