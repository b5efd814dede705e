import BlobStorage
import Glibc
import NIOCore
import NIOPosix
import Registry
import TestSupport
import Testing

@Suite("File calls that fail")
struct FileBlobStoreFaultTests {
    /// More calls than one publish makes; a loop that gets here never saw the publish succeed.
    private static let callLimitCount = 200

    @Test(
        "I1: a publish of which the n-th call fails leaves a complete blob or none",
        arguments: [EIO, ENOSPC], [100, 1_200_000])
    func publish(errno: CInt, size: Int) async throws {
        let bytes = makeBytes(size)
        try await failEveryCall(errno: errno) { store in
            let blob = try await store.store(bytes, chunkBytes: 100_000, hashes: .sha1)
            #expect(blob.digests == referenceDigests(of: bytes, .sha1))
        } verify: { store, hasSucceeded in
            try await expectOnlyComplete(bytes, in: store, hasSucceeded: hasSucceeded)
        }
    }

    @Test(
        "I8: an upload in two requests of which the n-th call fails never ends in other bytes",
        arguments: [EIO, ENOSPC])
    func resumed(errno: CInt) async throws {
        let bytes = makeBytes(700_000)
        let (front, back) = (
            try #require(bytes.getSlice(at: 0, length: 600_000)),
            try #require(bytes.getSlice(at: 600_000, length: 100_000))
        )
        try await failEveryCall(errno: errno) { store in
            var upload = try await store.beginUpload(hashes: [])
            try await upload.append(front, chunkBytes: 50_000)
            var resumed = try await store.resumeUpload(try await upload.suspend())
            try await resumed.append(back)
            _ = try await resumed.commit()
        } verify: { store, hasSucceeded in
            try await expectOnlyComplete(bytes, in: store, hasSucceeded: hasSucceeded)
        }
    }

    @Test("I1: a store that stops at the n-th call for good leaves a complete blob or none in view")
    func stoppedForGood() async throws {
        let bytes = makeBytes(600_000)
        for number in 1...Self.callLimitCount {
            let folder = try TemporaryFolder()
            let operations = FaultyFileOperations()
            let store = try makeStore(folder, operations)
            operations.plan(.everyCall(from: number, errno: EIO))
            let blob = try? await store.store(bytes)
            #expect(try await eventually { operations.openDescriptorCount == 0 })
            let reopened = try makeStore(folder, POSIXFileOperations())
            for case .blob(let key, _) in try await reopened.allEntries() {
                #expect(try await reopened.contents(of: key) == bytes)
            }
            if let blob {
                #expect(number > 5, "a publish makes more calls than that")
                #expect(try await reopened.size(of: blob.key) == 600_000)
                return
            }
        }
        Issue.record("the publish never succeeded")
    }

    @Test(
        "A read of which the n-th call fails gives all bytes or an error",
        arguments: [100, 200_000])
    func reading(size: Int) async throws {
        let bytes = makeBytes(size)
        let folder = try TemporaryFolder()
        let operations = FaultyFileOperations()
        let store = try makeStore(folder, operations)
        let key = try await store.store(bytes).key
        for number in 1...Self.callLimitCount {
            operations.plan(.call(number, errno: EIO))
            do throws(RegistryError) {
                #expect(try await store.contents(of: key, pieceBytes: 65_536) == bytes)
            } catch {
                #expect(error.code == .internalError)
            }
            if !operations.hasFailed {
                #expect(number > 2)
                #expect(try await eventually { operations.openDescriptorCount == 0 })
                return
            }
        }
        Issue.record("the read never succeeded")
    }

    @Test(
        "A full disk is insufficientStorage, and says so without a path (I10)",
        arguments: [ENOSPC, EDQUOT])
    func fullDisk(errno: CInt) async throws {
        let folder = try TemporaryFolder()
        let operations = FaultyFileOperations()
        let store = try makeStore(folder, operations)
        for size in [10, 5_000_000] {
            operations.plan(.everyNamed("pwrite", errno: errno))
            let failure = await #expect(throws: RegistryError.self) {
                try await store.store(makeBytes(size))
            }
            #expect(failure?.code == .insufficientStorage)
            #expect(failure?.message.contains("no space left") == true)
            #expect(failure?.message.contains("/") == false)
            #expect(failure?.cause as? FileFailure == FileFailure("pwrite", code: errno))
            operations.plan(.none)
            #expect(try await eventually { try await store.allEntries().isEmpty })
            // It works again as soon as there is space.
            let blob = try await store.store(makeBytes(size))
            try await store.remove(blob.key)
        }
    }

    @Test("A write that fails in the background is thrown by a later append")
    func backgroundFailure() async throws {
        let folder = try TemporaryFolder()
        let operations = FaultyFileOperations()
        let store = try makeStore(folder, operations)
        operations.plan(.everyNamed("pwrite", errno: EIO))
        var upload = try await store.beginUpload(hashes: [])
        var appendedBytes = 0
        do throws(RegistryError) {
            while appendedBytes < 64 << 20 {
                try await upload.append(makeBytes(65_536))
                appendedBytes += 65_536
            }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error.code == .internalError)
        }
        // Two buffers at most are taken before the failure must be known (I7).
        #expect(appendedBytes <= 2 << 20)
        operations.plan(.none)
        do throws(RegistryError) {
            _ = try await upload.commit()
            Issue.record("a blob with a hole was committed")
        } catch {
            #expect(error.code == .internalError)
        }
        #expect(try await eventually { try await store.allEntries().isEmpty })
    }

    @Test(
        "A store whose folder cannot be used is unavailable, with a time to retry after",
        arguments: [EROFS, EMFILE, ESTALE, EACCES])
    func unavailable(errno: CInt) async throws {
        let folder = try TemporaryFolder()
        let operations = FaultyFileOperations()
        let store = try makeStore(folder, operations)
        operations.plan(.everyNamed("open", errno: errno))
        let failure = await #expect(throws: RegistryError.self) {
            try await store.store(makeBytes(10))
        }
        #expect(failure?.code == .unavailable)
        #expect(failure?.retryAfterSeconds != nil)
        let health = await #expect(throws: RegistryError.self) { try await store.checkHealth() }
        #expect(health?.code == .unavailable)
    }

    @Test("A full disk is not healthy")
    func fullDiskHealth() async throws {
        let folder = try TemporaryFolder()
        let operations = FaultyFileOperations()
        let store = try makeStore(folder, operations)
        operations.plan(.everyNamed("pwrite", errno: ENOSPC))
        let failure = await #expect(throws: RegistryError.self) { try await store.checkHealth() }
        #expect(failure?.code == .unavailable)
        #expect(operations.openDescriptorCount == 0)
    }

    // MARK: Steps

    private func makeStore(
        _ folder: TemporaryFolder, _ operations: any FileOperations
    ) throws -> FileBlobStore {
        try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton, operations: operations)
    }

    /// Runs `work` on a new store once for each of its calls, which fails, and a last time when none
    /// is left to fail.
    private func failEveryCall(
        errno: CInt, _ work: (FileBlobStore) async throws -> Void,
        verify: (FileBlobStore, _ hasSucceeded: Bool) async throws -> Void
    ) async throws {
        for number in 1...Self.callLimitCount {
            let folder = try TemporaryFolder()
            let operations = FaultyFileOperations()
            let store = try makeStore(folder, operations)
            operations.plan(.call(number, errno: errno))
            var failure: RegistryError?
            do {
                try await work(store)
            } catch {
                failure = try #require(error as? RegistryError)
            }
            // Cleaning up may go on behind the answer.
            #expect(try await eventually { operations.openDescriptorCount == 0 })
            let hasFailed = operations.hasFailed
            if let failure, hasFailed {
                #expect(
                    failure.code == (errno == ENOSPC ? .insufficientStorage : .internalError),
                    "call \(number): \(failure)")
            }
            try await verify(try makeStore(folder, POSIXFileOperations()), failure == nil)
            if !hasFailed {
                #expect(failure == nil, "\(String(describing: failure))")
                #expect(number > 5, "a publish makes more calls than that")
                return
            }
        }
        Issue.record("the work never succeeded")
    }

    private func expectOnlyComplete(
        _ bytes: ByteBuffer, in store: FileBlobStore, hasSucceeded: Bool
    ) async throws {
        var blobCount = 0
        for entry in try await store.allEntries() {
            guard case .blob(let key, _) = entry else {
                #expect(!hasSucceeded, "an upload was left behind a success")
                continue
            }
            blobCount += 1
            #expect(try await store.contents(of: key) == bytes)
        }
        #expect(blobCount == (hasSucceeded ? 1 : 0))
    }
}
