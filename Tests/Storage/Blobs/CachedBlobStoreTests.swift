import BlobStorage
import Glibc
import NIOCore
import NIOPosix
import Registry
import TestSupport
import Testing

@Suite("Small blobs in memory")
struct CachedBlobStoreTests {
    private let folder: TemporaryFolder
    private let operations = FaultyFileOperations()
    private let files: FileBlobStore

    init() throws {
        folder = try TemporaryFolder()
        files = try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton, operations: operations)
    }

    @Test("The contract of blob stores", arguments: BlobStoreContract.checks)
    func holds(_ check: BlobStoreContract.Check) async throws {
        let contract = BlobStoreContract { CachedBlobStore(files) }
        try await contract.verify(check)
    }

    @Test("What was read once needs no file", arguments: [0, 1, 65_536])
    func remembers(size: Int) async throws {
        let store = CachedBlobStore(files)
        let bytes = makeBytes(size)
        let key = try await store.store(bytes).key
        #expect(try await store.contents(of: key) == bytes)
        operations.plan(.everyNamed("open", errno: EIO))
        #expect(try await store.contents(of: key) == bytes)
        #expect(try await store.contents(of: key, pieceBytes: 1000) == bytes)
        let reader = try await store.open(key)
        #expect(reader.size == Int64(size))
        #expect(try await reader.read(at: Int64(size) + 5, limitBytes: 10) == ByteBuffer())
    }

    @Test("A large blob stays in its file")
    func largeBlob() async throws {
        let store = CachedBlobStore(files)
        let key = try await store.store(makeBytes(65_537)).key
        #expect(try await store.open(key).fileDescriptor != nil)
        operations.plan(.everyNamed("open", errno: EIO))
        await #expect(throws: RegistryError.self) { try await store.open(key) }
    }

    @Test("A removed blob is forgotten, and the size is that of what is stored")
    func removal() async throws {
        let store = CachedBlobStore(files)
        let key = try await store.store(makeBytes(100)).key
        _ = try await store.contents(of: key)
        try await files.remove(key)
        #expect(try await store.size(of: key) == nil)
        try await store.remove(key)
        let failure = await #expect(throws: RegistryError.self) { try await store.open(key) }
        #expect(failure?.code == .notFound)
    }

    @Test("The memory is limited, and keeps what is asked for")
    func limit() async throws {
        let store = CachedBlobStore(files, limitBytes: 64 << 10)
        let favourite = try await store.store(makeBytes(4096)).key
        _ = try await store.open(favourite)
        var others: [StorageKey] = []
        for size in 4000..<4040 {
            let key = try await store.store(makeBytes(size)).key
            _ = try await store.open(key)
            _ = try await store.open(favourite)
            others.append(key)
        }
        operations.plan(.everyNamed("open", errno: EIO))
        _ = try await store.open(favourite)
        var rememberedCount = 0
        for key in others where (try? await store.open(key)) != nil { rememberedCount += 1 }
        #expect((1...16).contains(rememberedCount))
    }
}
