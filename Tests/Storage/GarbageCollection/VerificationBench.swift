import BlobStorage
import Foundation
import GarbageCollection
import NIOPosix
import Registry
import Synchronization
import TestSupport
import Testing

/// Remembers what a verification found.
final class FindingRecorder: VerificationObserver {
    private let found = Mutex<[Finding]>([])
    private let bytes = Mutex<Int64>(0)
    private let phases = Mutex<[VerificationPhase]>([])

    var findings: [Finding] { found.withLock { $0 } }
    var readBytes: Int64 { bytes.withLock { $0 } }
    var begun: [VerificationPhase] { phases.withLock { $0 } }

    func begin(_ phase: VerificationPhase, count: Int64, bytes: Int64) {
        phases.withLock { $0.append(phase) }
    }

    func read(_ count: Int64) {
        bytes.withLock { $0 += count }
    }

    func finish(_ count: Int) {}

    func report(_ finding: Finding) async throws {
        found.withLock { $0.append(finding) }
    }
}

extension CollectorBench {
    static let day: Int64 = 86_400

    /// The store of another process, on the same folder.
    func makeStore() throws -> FileBlobStore {
        try FileBlobStore(root: scopes.blobFolder, threadPool: .singleton, clock: clock)
    }

    /// Looks at everything, or at what `change` asks for.
    func verify(
        in store: (any RepairableBlobStore)? = nil,
        _ change: (inout StoreVerification.Options) -> Void = { _ in }
    ) async throws -> (summary: StoreVerification.Summary, findings: [Finding], readBytes: Int64) {
        var options = StoreVerification.Options(graceSeconds: Self.day)
        change(&options)
        let recorder = FindingRecorder()
        let summary = try await StoreVerification(
            metadata: metadata, blobs: try store ?? makeStore(), options: options, clock: clock,
            observer: recorder
        ).run()
        #expect(summary.findingCount == recorder.findings.count)
        #expect(summary.settledCount == recorder.findings.filter(\.isSettled).count)
        return (summary, recorder.findings, recorder.readBytes)
    }

    /// The row of the blob with these words.
    func row(_ text: String) async throws -> BlobRecord {
        let digest = Self.digest(text)
        return try #require(
            try await metadata.read { try $0.findBlobs([digest])[digest] }, "\(text)")
    }

    /// The file of the blob with these words.
    func path(_ text: String) async throws -> String {
        "\(scopes.blobFolder)/blobs/\(try await row(text).storageKey)"
    }

    /// What can happen to a file.
    enum Harm: String, CaseIterable, Sendable {
        case lost
        case truncated
        case flipped

        var kind: Finding.Kind {
            switch self {
            case .lost: .missingBytes
            case .truncated: .wrongSize
            case .flipped: .wrongDigest
            }
        }
    }

    /// Harms the file of the blob with these words, which are at least two.
    func harm(_ text: String, _ harm: Harm) async throws {
        let path = try await path(text)
        switch harm {
        case .lost: try FileManager.default.removeItem(atPath: path)
        case .truncated:
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.truncate(atOffset: 1)
            try file.close()
        case .flipped:
            var bytes = Array(text.utf8)
            bytes[0] ^= 1
            // In place, as a disk does it.
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.write(contentsOf: Data(bytes))
            try file.close()
        }
    }

    /// Stores the words once more, under a key that no row names.
    @discardableResult
    func storeOrphan(_ text: String) async throws -> CommittedBlob {
        var upload = try await scopes.blobs.beginUpload(hashes: [])
        try await upload.append(body: Self.body(text))
        return try await upload.commit()
    }

    /// Whether the file is in the folder for what was put aside.
    func isInQuarantine(_ key: StorageKey) -> Bool {
        FileManager.default.fileExists(atPath: "\(scopes.blobFolder)/quarantine/\(key)")
    }
}

/// A store that runs something before it opens a blob or tells its size.
struct MeddlingBlobStore: RepairableBlobStore {
    let base: FileBlobStore
    let beforeLook: @Sendable (StorageKey) async throws(RegistryError) -> Void

    func openKept(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        try await beforeLook(key)
        return try await base.openKept(key)
    }

    func size(of key: StorageKey) async throws(RegistryError) -> Int64? {
        try await beforeLook(key)
        return try await base.size(of: key)
    }

    func quarantine(
        _ key: StorageKey, report: String
    ) async throws(RegistryError) -> Bool {
        try await base.quarantine(key, report: report)
    }

    func recover(_ blob: BlobRecord) async throws(RegistryError) -> CommittedBlob? {
        try await base.recover(blob)
    }

    func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        try await base.beginUpload(hashes: hashes)
    }

    func resumeUpload(
        _ uploadID: String,
        readState: @Sendable () async throws(RegistryError) -> UploadState
    ) async throws(RegistryError) -> BlobUpload {
        try await base.resumeUpload(uploadID, readState: readState)
    }

    func discardUpload(_ uploadID: String) async throws(RegistryError) {
        try await base.discardUpload(uploadID)
    }

    func open(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        try await base.open(key)
    }

    func remove(_ key: StorageKey) async throws(RegistryError) {
        try await base.remove(key)
    }

    func listEntries(
        writtenBefore moment: Timestamp,
        _ visit: @Sendable (_ page: [BlobStoreEntry]) async throws(RegistryError) -> Void
    ) async throws(RegistryError) {
        try await base.listEntries(writtenBefore: moment, visit)
    }

    func checkHealth() async throws(RegistryError) {
        try await base.checkHealth()
    }
}
