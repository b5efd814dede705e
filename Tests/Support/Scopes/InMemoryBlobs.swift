import Crypto
public import NIOCore
public import Registry
import Synchronization

/// Blobs in memory, hashed for real.
public final class InMemoryBlobs: Sendable {
    private struct State {
        var blobs: [StorageKey: [UInt8]] = [:]
        var openUploadCount = 0
    }

    private let state = Mutex(State())

    public init() {}

    /// Uploads that were begun and neither committed nor discarded: 0 after every test.
    public var openUploadCount: Int { state.withLock { $0.openUploadCount } }

    /// Blobs that were committed.
    public var blobCount: Int { state.withLock { $0.blobs.count } }

    /// Begins an upload.
    public func beginUpload(hashes: ExtraHashes) -> any BlobUploadSink {
        state.withLock { $0.openUploadCount += 1 }
        return InMemoryUpload(blobs: self, hashes: hashes)
    }

    /// Stores `bytes` under a key that was never used.
    public func store(_ bytes: [UInt8], hashes: ExtraHashes) -> CommittedBlob {
        let digests = Self.digests(of: bytes, hashes)
        return state.withLock { state in
            let key = StorageKey(stored: "\(digests.sha256)-\(state.blobs.count)")
            state.blobs[key] = bytes
            return CommittedBlob(digests: digests, size: Int64(bytes.count), key: key)
        }
    }

    /// Opens a blob.
    ///
    /// - Throws: `notFound` when there is none.
    public func open(_ key: StorageKey) throws(RegistryError) -> any BlobReader {
        guard let bytes = state.withLock({ $0.blobs[key] }) else {
            throw RegistryError(.notFound, "there are no such bytes")
        }
        return InMemoryReader(bytes)
    }

    /// The digests of `bytes`, with the extra ones of `hashes`.
    public static func digests(of bytes: [UInt8], _ hashes: ExtraHashes = .all) -> BlobDigests {
        BlobDigests(
            sha256: Digest(.sha256, bytes: SHA256.hash(data: bytes)),
            md5: hashes.contains(.md5) ? Hex.encode(Insecure.MD5.hash(data: bytes)) : nil,
            sha1: hashes.contains(.sha1) ? Hex.encode(Insecure.SHA1.hash(data: bytes)) : nil,
            sha512: hashes.contains(.sha512) ? Hex.encode(SHA512.hash(data: bytes)) : nil)
    }

    fileprivate func endUpload() {
        state.withLock { $0.openUploadCount -= 1 }
    }
}

private final class InMemoryUpload: BlobUploadSink {
    private let blobs: InMemoryBlobs
    private let hashes: ExtraHashes
    private let bytes = Mutex<[UInt8]>([])

    init(blobs: InMemoryBlobs, hashes: ExtraHashes) {
        self.blobs = blobs
        self.hashes = hashes
    }

    var offset: Int64 { Int64(bytes.withLock { $0.count }) }

    func append(_ chunk: ByteBuffer) async throws(RegistryError) {
        bytes.withLock { $0.append(contentsOf: chunk.readableBytesView) }
    }

    func commit(_ expectation: BlobExpectation) async throws(RegistryError) -> CommittedBlob {
        let content = bytes.withLock { $0 }
        try expectation.verify(
            InMemoryBlobs.digests(of: content, hashes), size: Int64(content.count))
        blobs.endUpload()
        return blobs.store(content, hashes: hashes)
    }

    func suspend(
        _ save: @Sendable (UploadState) async throws(RegistryError) -> Void
    ) async throws(RegistryError) {
        throw RegistryError(.internalError, "uploads in memory cannot be suspended")
    }

    func discard() {
        blobs.endUpload()
    }
}

/// Reads bytes that lie in memory.
public final class InMemoryReader: BlobReader {
    private let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var size: Int64 { Int64(bytes.count) }

    public var fileDescriptor: CInt? { nil }

    public func read(
        at offset: Int64, limitBytes: Int
    ) async throws(RegistryError) -> ByteBuffer {
        ByteBuffer(bytes: bytes.dropFirst(Int(offset)).prefix(limitBytes))
    }
}
