public import NIOCore

/// Keeps blobs by key. A file system now, an object store later: both pass one contract suite.
///
/// Failures: `insufficientStorage` when the space is used up, `unavailable` when the store cannot be
/// reached, `notFound` for a key without bytes, `internalError` otherwise.
public protocol BlobStore: Sendable {
    /// Begins a new upload that computes sha256 and `hashes` while it is written.
    func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload

    /// Goes on with an upload that was suspended, in this process or in another.
    ///
    /// - Parameter readState: what the upload was suspended with last. It is called while nobody
    ///   else can write to the upload, so that nobody goes on from a state that is out of date.
    /// - Throws: `conflict` when the bytes that are stored are not those that the state describes:
    ///   the session is over (I8); or when another request is writing. And what `readState` throws.
    func resumeUpload(
        _ uploadID: String,
        readState: @Sendable () async throws(RegistryError) -> UploadState
    ) async throws(RegistryError) -> BlobUpload

    /// Forgets a suspended upload and its bytes. Doing it again changes nothing.
    func discardUpload(_ uploadID: String) async throws(RegistryError)

    /// Opens the bytes of a blob.
    ///
    /// - Throws: `notFound` when there are none.
    func open(_ key: StorageKey) async throws(RegistryError) -> any BlobReader

    /// The size in bytes of what is stored under `key`, or `nil` when there is nothing.
    func size(of key: StorageKey) async throws(RegistryError) -> Int64?

    /// Removes the bytes of a blob. Doing it again changes nothing.
    func remove(_ key: StorageKey) async throws(RegistryError)

    /// Visits every stored blob and every unfinished upload that was last written before `moment`,
    /// in pages of at most `pageLimitCount`.
    func listEntries(
        writtenBefore moment: Timestamp,
        _ visit: @Sendable (_ page: [BlobStoreEntry]) async throws(RegistryError) -> Void
    ) async throws(RegistryError)

    /// Throws `unavailable` when the store cannot take a write now.
    func checkHealth() async throws(RegistryError)
}

extension BlobStore {
    /// Goes on with an upload from a state that nobody can have changed since.
    public func resumeUpload(_ state: UploadState) async throws(RegistryError) -> BlobUpload {
        try await resumeUpload(state.uploadID) { () throws(RegistryError) in state }
    }
}

/// Something that `BlobStore.listEntries` found.
public enum BlobStoreEntry: Hashable, Sendable {
    case blob(StorageKey, size: Int64)
    case upload(id: String, size: Int64)
}

/// Opened bytes of a blob; they stay readable until it is closed or released, even when the blob is
/// removed meanwhile.
public protocol BlobReader: AnyObject, Sendable {
    /// Bytes in the whole blob.
    var size: Int64 { get }

    /// A descriptor that the kernel can send from, or `nil` where the store has none. It belongs to
    /// the reader, which has to be kept alive while it is used.
    var fileDescriptor: CInt? { get }

    /// Up to `limitBytes` bytes from `offset`; fewer only at the end of the blob.
    ///
    /// - Throws: `internalError` when the bytes cannot be read or end too early.
    func read(at offset: Int64, limitBytes: Int) async throws(RegistryError) -> ByteBuffer
}

/// A range of an opened blob, ready to be sent.
public struct BlobSlice: Sendable {
    public let reader: any BlobReader
    public let range: ByteRange

    /// The part `range` of the opened blob, or the whole of it.
    public init(_ reader: any BlobReader, range: ByteRange? = nil) {
        self.reader = reader
        self.range = range ?? ByteRange(offset: 0, length: reader.size)
    }
}
