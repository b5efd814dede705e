import BlobStorage
import Foundation
import NIOCore
import NIOPosix
import Registry
import TestSupport
import Testing

@Suite("Blobs as files")
struct FileBlobStoreTests {
    private let folder: TemporaryFolder
    private let store: FileBlobStore

    init() throws {
        folder = try TemporaryFolder()
        store = try FileBlobStore(root: folder.path("store"), threadPool: .singleton)
    }

    private func file(of key: StorageKey) -> String {
        folder.path("store/blobs/\(key)")
    }

    private func file(of state: UploadState) -> String {
        folder.path("store/uploads/\(state.uploadID)")
    }

    private func suspended(_ bytes: ByteBuffer) async throws -> UploadState {
        var upload = try await store.beginUpload(hashes: [])
        try await upload.append(bytes)
        return try await upload.suspend()
    }

    @Test("The layout")
    func layout() async throws {
        let blob = try await store.store(makeBytes(10))
        let hex = blob.digest.hex
        let (first, second) = (hex.prefix(2), hex.dropFirst(2).prefix(2))
        let key = blob.key.description
        let prefix = "sha256/\(first)/\(second)/\(hex)-"
        #expect(key.hasPrefix(prefix))
        #expect(key.count == prefix.count + 16)
        #expect(FileManager.default.fileExists(atPath: file(of: blob.key)))
        let state = try await suspended(makeBytes(10))
        #expect(FileManager.default.fileExists(atPath: file(of: state)))
    }

    @Test("A root whose parents are missing, and one with a slash at the end")
    func roots() async throws {
        let deep = folder.path("a/b/c")
        let one = try FileBlobStore(root: deep, threadPool: .singleton)
        let two = try FileBlobStore(root: deep + "/", threadPool: .singleton)
        let blob = try await one.store(makeBytes(10))
        #expect(try await two.contents(of: blob.key) == makeBytes(10))
    }

    @Test(
        "A key that the store did not make is refused before the file system sees it",
        arguments: [
            "", "/", "..", "sha256", "../../etc/passwd", "sha256/../../../etc/passwd",
            "sha256/ab/cd/../../../uploads/x", "/etc/passwd", "sha512/VALID", "sha256/VALID/",
            "sha256/VALID\0", "sha256/UPPER", "sha256/WRONGSHARD",
        ])
    func foreignKeys(_ template: String) async throws {
        let hex = String(repeating: "ab", count: 32)
        let nonce = String(repeating: "1", count: 16)
        let text =
            template
            .replacingOccurrences(of: "VALID", with: "ab/ab/\(hex)-\(nonce)")
            .replacingOccurrences(of: "UPPER", with: "AB/AB/\(hex.uppercased())-\(nonce)")
            .replacingOccurrences(of: "WRONGSHARD", with: "ab/cd/\(hex)-\(nonce)")
        let operations = FaultyFileOperations()
        let store = try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton, operations: operations)
        operations.plan(.none)
        let key = StorageKey(stored: text)
        let opened = await #expect(throws: RegistryError.self) { try await store.open(key) }
        #expect(opened?.code == .internalError)
        await #expect(throws: RegistryError.self) { try await store.size(of: key) }
        await #expect(throws: RegistryError.self) { try await store.remove(key) }
        await #expect(throws: RegistryError.self) { try await store.discardUpload(text) }
        #expect(operations.callCount == 0)
    }

    @Test("The key that the other tests are variations of is one that the store takes")
    func ownKey() async throws {
        let hex = String(repeating: "ab", count: 32)
        let nonce = String(repeating: "1", count: 16)
        let key = StorageKey(stored: "sha256/ab/ab/\(hex)-\(nonce)")
        #expect(try await store.size(of: key) == nil)
    }

    @Test("I8: bytes behind the offset were never acknowledged, and are cut off")
    func longerFile() async throws {
        let state = try await suspended(makeBytes(1000))
        let writer = try #require(FileHandle(forWritingAtPath: file(of: state)))
        try writer.seekToEnd()
        try writer.write(contentsOf: Data(repeating: 7, count: 500))
        try writer.close()
        let blob = try await store.resumeUpload(state).commit()
        #expect(try await store.contents(of: blob.key) == makeBytes(1000))
        #expect(blob.digest == referenceDigests(of: makeBytes(1000)).sha256)
    }

    @Test("I8: an upload whose file is shorter than its offset is over")
    func shorterFile() async throws {
        let state = try await suspended(makeBytes(1000))
        let writer = try #require(FileHandle(forWritingAtPath: file(of: state)))
        try writer.truncate(atOffset: 999)
        try writer.close()
        let failure = await #expect(throws: RegistryError.self) {
            _ = try await store.resumeUpload(state)
        }
        #expect(failure?.code == .conflict)
        #expect(failure?.reason == "upload_lost")
    }

    @Test("Two requests cannot write to one upload, in whichever process they are")
    func concurrentResume() async throws {
        let other = try FileBlobStore(root: folder.path("store"), threadPool: .singleton)
        let state = try await suspended(makeBytes(1000))
        var first = try await store.resumeUpload(state)
        let failure = await #expect(throws: RegistryError.self) {
            _ = try await other.resumeUpload(state)
        }
        #expect(failure?.code == .conflict)
        #expect(failure?.reason == "upload_busy")
        try await first.append(makeBytes(10))
        #expect(try await first.commit().size == 1010)
    }

    @Test("An upload that somebody discards cannot be committed")
    func discardedMeanwhile() async throws {
        let state = try await suspended(makeBytes(1000))
        let upload = try await store.resumeUpload(state)
        try await store.discardUpload(state.uploadID)
        do {
            _ = try await upload.commit()
            Issue.record("committed")
        } catch {
            #expect(error.code == .conflict)
        }
        #expect(try await store.allEntries().isEmpty)
    }

    @Test("A blob counts as written when it is committed, not when its last byte came")
    func commitCountsAsWritten() async throws {
        let state = try await suspended(makeBytes(1000))
        let old = Date(timeIntervalSinceNow: -90_000)
        try FileManager.default.setAttributes(
            [.modificationDate: old], ofItemAtPath: file(of: state))
        let hourAgo = SystemClock().now().advanced(bySeconds: -3600)
        #expect(
            try await store.entries(writtenBefore: hourAgo)
                == [.upload(id: state.uploadID, size: 1000)])
        _ = try await store.resumeUpload(state).commit()
        #expect(try await store.entries(writtenBefore: hourAgo).isEmpty)
    }

    @Test("A folder that was removed behind the store is made again")
    func removedFolder() async throws {
        let first = try await store.store(makeBytes(10))
        try FileManager.default.removeItem(atPath: folder.path("store/blobs/sha256"))
        try FileManager.default.createDirectory(
            atPath: folder.path("store/blobs/sha256"), withIntermediateDirectories: false)
        let second = try await store.store(makeBytes(10))
        #expect(second.key != first.key)
        #expect(try await store.contents(of: second.key) == makeBytes(10))
    }

    @Test("A root that is gone is unavailable, and not made again behind a lost mount")
    func removedRoot() async throws {
        try FileManager.default.removeItem(atPath: folder.path("store"))
        let failure = await #expect(throws: RegistryError.self) {
            try await store.store(makeBytes(10))
        }
        #expect(failure?.code == .unavailable)
        let health = await #expect(throws: RegistryError.self) { try await store.checkHealth() }
        #expect(health?.code == .unavailable)
        #expect(!FileManager.default.fileExists(atPath: folder.path("store")))
    }

    @Test("I9: a blob that ends too early is an error, never a short read")
    func truncatedBlob() async throws {
        let blob = try await store.store(makeBytes(200_000))
        let reader = try await store.open(blob.key)
        let writer = try #require(FileHandle(forWritingAtPath: file(of: blob.key)))
        try writer.truncate(atOffset: 100_000)
        try writer.close()
        #expect(try await reader.read(at: 0, limitBytes: 100_000).readableBytes == 100_000)
        let failure = await #expect(throws: RegistryError.self) {
            try await reader.read(at: 50_000, limitBytes: 100_000)
        }
        #expect(failure?.code == .internalError)
    }

    @Test("Something that is not a file is not a blob")
    func notAFile() async throws {
        let blob = try await store.store(makeBytes(10))
        let path = file(of: blob.key)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(try await store.size(of: blob.key) == nil)
        let failure = await #expect(throws: RegistryError.self) { try await store.open(blob.key) }
        #expect(failure?.code == .notFound)
        #expect(try await store.allEntries().isEmpty)
    }

    @Test("Pages of a list have at most the limit, and together everything")
    func pages() async throws {
        let count = FileBlobStore.pageLimitCount * 2 + 1
        for number in 0..<count {
            let name = String(repeating: "0", count: 28) + String(format: "%04x", number)
            _ = try folder.write("x", to: "store/uploads/\(name)")
        }
        _ = try folder.write("x", to: "store/uploads/not-an-upload")
        let blob = try await store.store(makeBytes(10))
        let pages = PageRecorder()
        try await store.listEntries(writtenBefore: .distantFuture) { page throws(RegistryError) in
            await pages.add(page)
        }
        let sizes = await pages.pages.map(\.count)
        #expect(sizes == [FileBlobStore.pageLimitCount, FileBlobStore.pageLimitCount, 2])
        #expect(await Set(pages.pages.joined()).count == count + 1)
        #expect(await pages.pages.last?.contains(.blob(blob.key, size: 10)) == true)
    }

    @Test("The calls of a small blob in a known folder, so that nobody adds one unseen")
    func callsOfASmallBlob() async throws {
        let operations = FaultyFileOperations()
        let store = try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton, operations: operations)
        _ = try await store.store(makeBytes(10))
        operations.plan(.none)
        _ = try await store.store(makeBytes(10))
        #expect(
            operations.calls == [
                "open", "pwrite", "futimens", "rename", "fsync", "open", "fsync",
            ])
    }
}

private actor PageRecorder {
    private(set) var pages: [[BlobStoreEntry]] = []

    func add(_ page: [BlobStoreEntry]) {
        pages.append(page)
    }
}
