public import NIOCore

/// What a store does for one upload. Only `BlobUpload` calls it, in order and never after an end.
public protocol BlobUploadSink: AnyObject, Sendable {
    /// Bytes written so far.
    var offset: Int64 { get }
    /// Writes and hashes `chunk`, one pass over it.
    func append(_ chunk: ByteBuffer) async throws(RegistryError)
    /// Makes the bytes durable under a new key once they are what `expectation` says.
    func commit(_ expectation: BlobExpectation) async throws(RegistryError) -> CommittedBlob
    /// Makes the bytes durable, lets `save` keep what another process needs to go on, and only then
    /// lets others write. When `save` fails, an upload that was suspended before stays as it was
    /// then, and any other is discarded.
    func suspend(
        _ save: @Sendable (UploadState) async throws(RegistryError) -> Void
    ) async throws(RegistryError)
    /// Forgets the upload and its bytes, now or soon; never fails and never waits.
    func discard()
}

/// An unfinished blob. It ends in exactly one way: `commit`, `suspend`, or being dropped, which
/// discards what was written.
public struct BlobUpload: ~Copyable, Sendable {
    /// `nil` once the upload has ended.
    private var sink: (any BlobUploadSink)?

    /// The upload that `sink` writes.
    public init(sink: any BlobUploadSink) {
        self.sink = sink
    }

    deinit {
        sink?.discard()
    }

    /// Bytes written so far, which is also the bytes hashed (I8).
    public var offset: Int64 { sink?.offset ?? 0 }

    /// Writes `chunk` behind what is there.
    ///
    /// - Throws: `insufficientStorage` when the space is used up.
    public mutating func append(_ chunk: ByteBuffer) async throws(RegistryError) {
        try await sink?.append(chunk)
    }

    /// Writes a whole request body behind what is there, with at most one chunk in flight (I7).
    public mutating func append(body: consuming RequestBody) async throws(RegistryError) {
        while let chunk = try await body.next() {
            try await append(chunk)
        }
    }

    /// Compares, syncs and renames; the bytes are then safe but named by no row.
    ///
    /// - Throws: `unprocessable` when size or digest differ from `expectation`.
    public consuming func commit(
        _ expectation: BlobExpectation = BlobExpectation()
    ) async throws(RegistryError) -> CommittedBlob {
        let sink = try requireSink()
        let blob = try await sink.commit(expectation)
        self.sink = nil
        return blob
    }

    /// Keeps the bytes for a later request, on any replica, which finds them with what `save` kept.
    ///
    /// - Throws: what `save` throws; the bytes that were added since the last time are lost then.
    public consuming func suspend(
        _ save: @Sendable (UploadState) async throws(RegistryError) -> Void
    ) async throws(RegistryError) {
        let sink = try requireSink()
        try await sink.suspend(save)
        self.sink = nil
    }

    private borrowing func requireSink() throws(RegistryError) -> any BlobUploadSink {
        guard let sink else {
            throw RegistryError(.internalError, "the upload has ended already")
        }
        return sink
    }
}

/// What an upload needs to go on in another process; stored in the `uploads` table.
public struct UploadState: Hashable, Sendable {
    /// The store's name for the unfinished bytes.
    public let uploadID: String
    /// Bytes written and hashed.
    public let offset: Int64
    /// The extra hashes that run beside sha256.
    public let hashes: ExtraHashes
    /// The state of the running hashes, as the store wrote it.
    public let hashState: [UInt8]

    public init(uploadID: String, offset: Int64, hashes: ExtraHashes, hashState: [UInt8]) {
        self.uploadID = uploadID
        self.offset = offset
        self.hashes = hashes
        self.hashState = hashState
    }
}
