import BlobStorage
import NIOPosix
import Registry
import TestSupport
import Testing

@Suite("The contract of blob stores, on files")
struct FileBlobStoreContractTests {
    @Test(arguments: BlobStoreContract.checks)
    func holds(_ check: BlobStoreContract.Check) async throws {
        let folder = try TemporaryFolder()
        let operations = FaultyFileOperations()
        let contract = BlobStoreContract {
            try FileBlobStore(
                root: folder.path("store"), threadPool: .singleton, operations: operations)
        }
        try await contract.verify(check)
        #expect(try await eventually { operations.openDescriptorCount == 0 })
    }

    @Test("A system that takes a few bytes at a time")
    func shortWrites() async throws {
        let folder = try TemporaryFolder()
        let store = try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton,
            operations: FaultyFileOperations(writeLimitBytes: 1009))
        let bytes = makeBytes(1_000_000)
        let blob = try await store.store(bytes)
        #expect(blob.digests == referenceDigests(of: bytes, []))
        #expect(try await store.contents(of: blob.key) == bytes)
    }
}
