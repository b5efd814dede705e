import BlobStorage
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Registry
import TestSupport
import Testing

@Suite("Damaged blobs are put aside and found again")
struct FileBlobRepairTests {
    private let folder: TemporaryFolder
    private let files: FileBlobStore
    private let bytes = makeBytes(5000)

    init() throws {
        folder = try TemporaryFolder()
        files = try FileBlobStore(root: folder.path("store"), threadPool: .singleton)
    }

    private func path(_ key: StorageKey, in root: String = "blobs") -> String {
        folder.path("store/\(root)/\(key)")
    }

    private func record(_ blob: CommittedBlob) -> BlobRecord {
        BlobRecord(digests: blob.digests, size: blob.size, storageKey: blob.key)
    }

    /// Turns one bit of the file.
    private func damage(_ path: String) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: 100)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: 100)
        try file.write(contentsOf: Data([byte ^ 1]))
        try file.close()
    }

    @Test("What is put aside is not served, not listed, and kept with its report")
    func quarantine() async throws {
        let blob = try await files.store(bytes)
        #expect(try await files.quarantine(blob.key, report: "{\"why\":1}"))
        #expect(try await files.size(of: blob.key) == nil)
        let failure = await #expect(throws: RegistryError.self) { try await files.open(blob.key) }
        #expect(failure?.code == .notFound)
        #expect(try await files.allEntries().isEmpty)
        let kept = try Data(contentsOf: URL(fileURLWithPath: path(blob.key, in: "quarantine")))
        #expect(kept == Data(bytes.readableBytesView))
        let report = path(blob.key, in: "quarantine") + ".json"
        #expect(try String(contentsOfFile: report, encoding: .utf8) == "{\"why\":1}\n")
        #expect(try await !files.quarantine(blob.key, report: "again"))
        #expect(try String(contentsOfFile: report, encoding: .utf8) == "{\"why\":1}\n")
    }

    @Test("A key of another form reaches no file")
    func foreignKeys() async throws {
        let key = StorageKey(stored: "sha256/../../../etc/passwd")
        await #expect(throws: RegistryError.self) { try await files.quarantine(key, report: "") }
    }

    @Test("A copy of a lost race, or one in quarantine, becomes the blob under a new key")
    func recover() async throws {
        let blob = try await files.store(bytes, hashes: .all)
        let other = try await files.store(bytes)
        try FileManager.default.removeItem(atPath: path(blob.key))
        let found = try #require(try await files.recover(record(blob)))
        #expect(found.key != blob.key && found.key != other.key)
        #expect(found.digests == blob.digests)
        #expect(try await files.contents(of: found.key) == bytes)
        try await files.remove(found.key)
        #expect(try await files.quarantine(other.key, report: "orphan"))
        let again = try #require(try await files.recover(record(blob)))
        #expect(try await files.contents(of: again.key) == bytes)
        // What it was made from stays where it was, and goes without harm.
        try FileManager.default.removeItem(atPath: path(other.key, in: "quarantine"))
        #expect(try await files.contents(of: again.key) == bytes)
    }

    @Test("Copies that are damaged as well are no help, and the blob's own file is no copy")
    func damagedCopies() async throws {
        let blob = try await files.store(bytes)
        let other = try await files.store(bytes)
        let third = try await files.store(bytes)
        #expect(try await files.quarantine(third.key, report: "x"))
        try damage(path(blob.key))
        try damage(path(other.key))
        try damage(path(third.key, in: "quarantine"))
        #expect(try await files.recover(record(blob)) == nil)
        #expect(try await files.allEntries().count == 2)
        // Another digest in the same folder is none either.
        let lone = try await files.store(makeBytes(10, seed: 9))
        #expect(try await files.recover(record(lone)) == nil)
    }

    @Test("What is remembered of a small blob heals it, and is forgotten with it")
    func memory() async throws {
        let store = CachedBlobStore(files)
        let blob = try await store.store(bytes)
        #expect(try await store.contents(of: blob.key) == bytes)
        try damage(path(blob.key))
        #expect(try await store.contents(of: blob.key) == bytes)
        let reader = try await store.openKept(blob.key)
        #expect(try await reader.read(at: 0, limitBytes: 5000) != bytes)
        let found = try #require(try await store.recover(record(blob)))
        #expect(try await files.contents(of: found.key) == bytes)
        #expect(try await store.quarantine(blob.key, report: ""))
        await #expect(throws: RegistryError.self) { try await store.open(blob.key) }
        let wrong = BlobRecord(
            digests: referenceDigests(of: makeBytes(5000, seed: 2), []), size: 5000,
            storageKey: found.key)
        #expect(try await store.contents(of: found.key) == bytes)
        #expect(try await store.recover(wrong) == nil)
    }

    @Test("A quarantine whose calls fail loses nothing", arguments: [EIO, ENOSPC])
    func faults(errno: CInt) async throws {
        let operations = FaultyFileOperations()
        let store = try FileBlobStore(
            root: folder.path("store"), threadPool: .singleton, operations: operations)
        for number in 1...Self.callLimitCount {
            let blob = try await store.store(bytes)
            operations.plan(.call(number, errno: errno))
            let result: Bool?
            do throws(RegistryError) {
                result = try await store.quarantine(blob.key, report: "fault")
            } catch {
                result = nil
            }
            let hasFailed = operations.hasFailed
            operations.plan(.none)
            let places = [path(blob.key), path(blob.key, in: "quarantine")]
            #expect(
                places.filter { FileManager.default.fileExists(atPath: $0) }.count == 1,
                "call \(number)")
            #expect(operations.openDescriptorCount == 0, "call \(number)")
            if !hasFailed {
                #expect(result == true && number > 5)
                return
            }
        }
        Issue.record("it never succeeded")
    }

    /// More calls than one quarantine makes.
    private static let callLimitCount = 100
}
