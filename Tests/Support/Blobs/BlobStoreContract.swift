import Crypto
public import NIOCore
public import Registry
import Synchronization
public import Testing

/// What every `BlobStore` has to do, whatever it stores in.
///
/// A test runs each of `checks` over a place of its own, which is empty at first.
public struct BlobStoreContract: Sendable {
    /// One promise of the protocol.
    public struct Check: Sendable, CustomTestStringConvertible {
        public let testDescription: String
        let verify: @Sendable (BlobStoreContract) async throws -> Void

        init(_ name: String, _ verify: @escaping @Sendable (BlobStoreContract) async throws -> Void)
        {
            testDescription = name
            self.verify = verify
        }
    }

    /// All promises.
    public static var checks: [Check] { contentChecks + uploadChecks + entryChecks }

    /// Makes one more store over the same place, as another process would.
    let makeStore: @Sendable () async throws -> any BlobStore

    /// The contract of the stores that `makeStore` makes; all of them share one place.
    public init(makeStore: @escaping @Sendable () async throws -> any BlobStore) {
        self.makeStore = makeStore
    }

    /// Verifies one promise.
    public func verify(_ check: Check) async throws {
        try await check.verify(self)
    }
}

// MARK: - What checks are made of

extension BlobStore {
    /// Uploads `bytes` in chunks of `chunkBytes`.
    public func store(
        _ bytes: ByteBuffer, chunkBytes: Int = 64 << 10, hashes: ExtraHashes = [],
        expecting expectation: BlobExpectation = BlobExpectation()
    ) async throws(RegistryError) -> CommittedBlob {
        var upload = try await beginUpload(hashes: hashes)
        try await upload.append(bytes, chunkBytes: chunkBytes)
        return try await upload.commit(expectation)
    }

    /// All bytes of a blob, read in pieces.
    public func contents(
        of key: StorageKey, pieceBytes: Int = 1 << 20
    ) async throws(RegistryError) -> ByteBuffer {
        let reader = try await open(key)
        var whole = ByteBuffer()
        while Int64(whole.readableBytes) < reader.size {
            var piece = try await reader.read(
                at: Int64(whole.readableBytes), limitBytes: pieceBytes)
            whole.writeBuffer(&piece)
        }
        return whole
    }

    /// Everything that was written before `moment`, and the entries of each page.
    public func entries(
        writtenBefore moment: Timestamp
    ) async throws(RegistryError) -> [BlobStoreEntry] {
        let all = Mutex<[BlobStoreEntry]>([])
        try await listEntries(writtenBefore: moment) { page throws(RegistryError) in
            all.withLock { $0 += page }
        }
        return all.withLock { $0 }
    }

    /// Everything there is.
    public func allEntries() async throws(RegistryError) -> [BlobStoreEntry] {
        try await entries(writtenBefore: .distantFuture)
    }
}

extension BlobUpload {
    /// Appends `bytes` in chunks.
    public mutating func append(
        _ bytes: ByteBuffer, chunkBytes: Int
    ) async throws(RegistryError) {
        var rest = bytes
        while let chunk = rest.readSlice(length: min(chunkBytes, rest.readableBytes)),
            chunk.readableBytes > 0
        {
            try await append(chunk)
        }
    }
}

extension Timestamp {
    /// Later than anything that a test writes.
    public static var distantFuture: Timestamp { Timestamp(seconds: 10_000_000_000) }
}

/// Bytes that do not repeat, the same for the same seed.
public func makeBytes(_ count: Int, seed: UInt64 = 1) -> ByteBuffer {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var buffer = ByteBufferAllocator().buffer(capacity: count + 8)
    while buffer.readableBytes < count {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        buffer.writeInteger(state)
    }
    return buffer.readSlice(length: count) ?? buffer
}

/// The digests of `bytes` by another implementation than the stores use.
public func referenceDigests(of bytes: ByteBuffer, _ hashes: ExtraHashes = .all) -> BlobDigests {
    let bytes = Array(bytes.readableBytesView)
    return BlobDigests(
        sha256: Digest(.sha256, bytes: SHA256.hash(data: bytes)),
        md5: hashes.contains(.md5) ? Hex.encode(Insecure.MD5.hash(data: bytes)) : nil,
        sha1: hashes.contains(.sha1) ? Hex.encode(Insecure.SHA1.hash(data: bytes)) : nil,
        sha512: hashes.contains(.sha512) ? Hex.encode(SHA512.hash(data: bytes)) : nil)
}

/// Asks again until `condition` holds, for things that are promised to happen soon.
public func eventually(
    within seconds: Int64 = 20, _ condition: () async throws -> Bool
) async throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}
