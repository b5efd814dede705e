import BlobStorage
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Registry
import TestSupport
import Testing

@Suite("Files that are taken into the store")
struct FileBlobImportTests {
    /// More calls than one import makes; a loop that gets here never saw it succeed.
    private static let callLimitCount = 200

    /// How an import ends up with its bytes.
    enum Way: String, CaseIterable, Sendable {
        case linked
        case copied
        case cloned

        var method: FileBlobStore.ImportMethod { self == .linked ? .link : .copy }
    }

    private let folder: TemporaryFolder
    private let bytes = makeBytes(2_500_000)
    private let source: String

    init() throws {
        folder = try TemporaryFolder()
        source = folder.path("source")
        try Data(bytes.readableBytesView).write(to: URL(fileURLWithPath: source))
    }

    private func makeStore(
        _ operations: any FileOperations = POSIXFileOperations(), in name: String = "store"
    ) throws -> FileBlobStore {
        try FileBlobStore(
            root: folder.path(name), threadPool: .singleton, operations: operations)
    }

    private func operations(for way: Way) -> FaultyFileOperations {
        FaultyFileOperations(
            wrapping: way == .cloned ? CloningFileOperations() : POSIXFileOperations())
    }

    private func expectSourceIsWhole() throws {
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: source)) == Data(bytes.readableBytesView))
    }

    private func number(of path: String) throws -> UInt64 {
        try #require(try POSIXFileOperations().status(at: path)).number
    }

    @Test("I1, I2: the bytes are there under a new key each time", arguments: Way.allCases)
    func imports(way: Way) async throws {
        let operations = operations(for: way)
        let store = try makeStore(operations)
        let digests = referenceDigests(of: bytes, .sha512)
        let expected = BlobExpectation(
            size: Int64(bytes.readableBytes), sha256: digests.sha256.hex, sha512: digests.sha512)
        let read = SendableBox<Int64>(0)
        let first = try await store.importFile(at: source, by: way.method, expecting: expected) {
            bytes in read.withValue { $0 += bytes }
        }
        #expect(read.withValue { $0 } == Int64(bytes.readableBytes))
        #expect(first.blob.digests == digests)
        #expect(first.method == way.method)
        let second = try await store.importFile(at: source, by: way.method, expecting: expected)
        #expect(second.blob.key != first.blob.key)
        for key in [first.blob.key, second.blob.key] {
            #expect(try await store.contents(of: key) == bytes)
            let isSame = try number(of: folder.path("store/blobs/\(key)")) == number(of: source)
            #expect(isSame == (way == .linked))
        }
        #expect(try await store.allEntries().count == 2)
        // Removing what was imported leaves the file alone, and removing the file what was imported.
        try await store.remove(first.blob.key)
        try expectSourceIsWhole()
        try FileManager.default.removeItem(atPath: source)
        #expect(try await store.contents(of: second.blob.key) == bytes)
        #expect(try await eventually { operations.openDescriptorCount == 0 })
    }

    @Test("An empty file", arguments: Way.allCases)
    func empty(way: Way) async throws {
        try Data().write(to: URL(fileURLWithPath: source))
        let store = try makeStore(operations(for: way))
        let blob = try await store.importFile(
            at: source, by: way.method, expecting: BlobExpectation(size: 0)
        ).blob
        #expect(blob.digests == referenceDigests(of: ByteBuffer(), []))
        #expect(try await store.size(of: blob.key) == 0)
    }

    @Test(
        "Other bytes than were expected are refused, and nothing is left", arguments: Way.allCases)
    func mismatch(way: Way) async throws {
        let operations = operations(for: way)
        let store = try makeStore(operations)
        let digest = referenceDigests(of: makeBytes(10), []).sha256
        for expectation in [BlobExpectation(digest), BlobExpectation(size: 1)] {
            let failure = await #expect(throws: RegistryError.self) {
                try await store.importFile(at: source, by: way.method, expecting: expectation)
            }
            #expect(failure?.code == .unprocessable)
            let verified = await #expect(throws: RegistryError.self) {
                try await FileBlobStore.verifyFile(
                    at: source, expecting: expectation, threadPool: .singleton)
            }
            #expect(verified?.message == failure?.message)
        }
        #expect(try await store.allEntries().isEmpty)
        #expect(try await eventually { operations.openDescriptorCount == 0 })
        try expectSourceIsWhole()
    }

    @Test("What is no readable file is refused", arguments: ["missing", "folder", "symbolic link"])
    func unreadable(kind: String) async throws {
        let path = folder.path("other")
        switch kind {
        case "folder":
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
        case "symbolic link":
            try FileManager.default.createSymbolicLink(
                atPath: path, withDestinationPath: source)
        default: break
        }
        let store = try makeStore()
        for method in [FileBlobStore.ImportMethod.link, .copy] {
            let failure = await #expect(throws: RegistryError.self) {
                try await store.importFile(
                    at: path, by: method, expecting: BlobExpectation())
            }
            #expect(failure?.reason == "source_unreadable")
        }
        #expect(try await store.allEntries().isEmpty)
    }

    @Test(
        "Where a file cannot have a second name it is copied",
        arguments: [EXDEV, EPERM, EMLINK, EACCES, EOPNOTSUPP], ["link", "futimens"])
    func linkRefused(errno: CInt, call: String) async throws {
        // The copy is touched, too; only the first call is that of the link.
        let operations = FaultyFileOperations()
        let store = try makeStore(operations)
        operations.plan(.none)
        _ = try await store.importFile(at: source, by: .link, expecting: BlobExpectation())
        let index = try #require(operations.calls.firstIndex(of: call))
        operations.plan(.call(index + 1, errno: errno))
        let imported = try await store.importFile(
            at: source, by: .link, expecting: BlobExpectation())
        #expect(operations.hasFailed)
        #expect(imported.method == .copy)
        #expect(try await store.contents(of: imported.blob.key) == bytes)
        let named = try number(of: folder.path("store/blobs/\(imported.blob.key)"))
        #expect(try named != number(of: source))
    }

    @Test("A sweep does not take a linked file for an old one")
    func age() async throws {
        let path = source
        let descriptor = try POSIXFileOperations().open(path, for: .read)
        try POSIXFileOperations().setModified(descriptor, at: Timestamp(seconds: 1_000_000))
        POSIXFileOperations().close(descriptor)
        let store = try makeStore()
        let begin = SystemClock().now().advanced(bySeconds: -60)
        let imported = try await store.importFile(
            at: source, by: .link, expecting: BlobExpectation())
        #expect(imported.method == .link)
        #expect(try await store.entries(writtenBefore: begin).isEmpty)
    }

    @Test(
        "I1: an import of which the n-th call fails leaves a complete blob or none",
        arguments: Way.allCases, [EIO, ENOSPC])
    func faults(way: Way, errno: CInt) async throws {
        for number in 1...Self.callLimitCount {
            let operations = operations(for: way)
            let name = "store-\(number)"
            let store = try makeStore(operations, in: name)
            operations.plan(.call(number, errno: errno))
            var imported: FileBlobStore.ImportedFile?
            do throws(RegistryError) {
                imported = try await store.importFile(
                    at: source, by: way.method,
                    expecting: BlobExpectation(referenceDigests(of: bytes, []).sha256))
            } catch {
                #expect(operations.hasFailed, "\(error)")
                #expect(
                    [.insufficientStorage, .internalError, .unprocessable].contains(error.code),
                    "call \(number): \(error)")
            }
            #expect(try await eventually { operations.openDescriptorCount == 0 })
            try expectSourceIsWhole()
            let reopened = try makeStore(in: name)
            var blobCount = 0
            for case .blob(let key, _) in try await reopened.allEntries() {
                blobCount += 1
                #expect(try await reopened.contents(of: key) == bytes)
            }
            #expect(blobCount == (imported == nil ? 0 : 1))
            if !operations.hasFailed {
                #expect(imported != nil)
                #expect(number > 8, "an import makes more calls than that")
                return
            }
        }
        Issue.record("the import never succeeded")
    }

    @Test(
        "I1: an import that stops at the n-th call for good leaves a complete blob or none in view",
        arguments: Way.allCases)
    func stoppedForGood(way: Way) async throws {
        for number in 1...Self.callLimitCount {
            let operations = operations(for: way)
            let name = "store-\(number)"
            let store = try makeStore(operations, in: name)
            operations.plan(.everyCall(from: number, errno: EIO))
            let imported = try? await store.importFile(
                at: source, by: way.method, expecting: BlobExpectation())
            #expect(try await eventually { operations.openDescriptorCount == 0 })
            try expectSourceIsWhole()
            let reopened = try makeStore(in: name)
            for case .blob(let key, _) in try await reopened.allEntries() {
                #expect(try await reopened.contents(of: key) == bytes)
            }
            if imported != nil {
                #expect(number > 8, "an import makes more calls than that")
                return
            }
        }
        Issue.record("the import never succeeded")
    }
}

/// A file system that shares blocks, as far as anybody can see: files are cloned by copying them.
private struct CloningFileOperations: FileOperations {
    private let real = POSIXFileOperations()

    func clone(_ source: CInt, to target: CInt) throws(FileFailure) -> Bool {
        var offset: Int64 = 0
        while true {
            var buffer = ByteBuffer()
            let count = try real.read(1 << 20, from: source, at: offset, into: &buffer)
            guard count > 0 else { return true }
            while buffer.readableBytes > 0 {
                let written = try real.write(buffer, to: target, at: offset)
                buffer.moveReaderIndex(forwardBy: written)
                offset += Int64(written)
            }
        }
    }

    func open(_ path: String, for access: FileAccess) throws(FileFailure) -> CInt {
        try real.open(path, for: access)
    }

    func close(_ descriptor: CInt) { real.close(descriptor) }

    func write(
        _ bytes: ByteBuffer, to descriptor: CInt, at offset: Int64
    ) throws(FileFailure) -> Int { try real.write(bytes, to: descriptor, at: offset) }

    func read(
        _ limitBytes: Int, from descriptor: CInt, at offset: Int64, into buffer: inout ByteBuffer
    ) throws(FileFailure) -> Int {
        try real.read(limitBytes, from: descriptor, at: offset, into: &buffer)
    }

    func synchronize(_ descriptor: CInt) throws(FileFailure) { try real.synchronize(descriptor) }

    func startWriteBack(_ descriptor: CInt, at offset: Int64, lengthBytes: Int64) {
        real.startWriteBack(descriptor, at: offset, lengthBytes: lengthBytes)
    }

    func truncate(_ descriptor: CInt, to sizeBytes: Int64) throws(FileFailure) {
        try real.truncate(descriptor, to: sizeBytes)
    }

    func setModified(_ descriptor: CInt, at moment: Timestamp) throws(FileFailure) {
        try real.setModified(descriptor, at: moment)
    }

    func tryLock(_ descriptor: CInt) throws(FileFailure) -> Bool { try real.tryLock(descriptor) }

    func status(of descriptor: CInt) throws(FileFailure) -> FileStatus {
        try real.status(of: descriptor)
    }

    func status(at path: String) throws(FileFailure) -> FileStatus? { try real.status(at: path) }

    func rename(_ path: String, to newPath: String) throws(FileFailure) {
        try real.rename(path, to: newPath)
    }

    func link(_ path: String, to newPath: String) throws(FileFailure) {
        try real.link(path, to: newPath)
    }

    func remove(_ path: String) throws(FileFailure) -> Bool { try real.remove(path) }

    func makeFolder(_ path: String) throws(FileFailure) -> Bool { try real.makeFolder(path) }

    func listFolder(_ path: String) throws(FileFailure) -> [String] { try real.listFolder(path) }
}
