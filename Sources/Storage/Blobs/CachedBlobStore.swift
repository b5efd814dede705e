import NIOCore
public import Registry

/// Keeps the bytes of small blobs in memory, in front of a store that keeps them for good.
///
/// A key is written once and its bytes never change (I2), so what is remembered cannot become wrong,
/// whatever another process does: at worst the memory holds bytes that no row names any more.
public struct CachedBlobStore<Base: BlobStore>: BlobStore {
    /// The most bytes of a blob that is remembered.
    public static var blobLimitBytes: Int64 { 64 << 10 }
    /// Bytes of memory that all remembered blobs may take.
    public static var defaultLimitBytes: Int { 64 << 20 }

    let base: Base
    let memory: BlobMemory

    /// A store that remembers small blobs of `base`, in at most `limitBytes` of memory.
    public init(_ base: Base, limitBytes: Int = Self.defaultLimitBytes) {
        self.base = base
        memory = BlobMemory(limitBytes: limitBytes)
    }

    public func open(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        if let known = memory.find(key) { return known }
        let reader = try await base.open(key)
        guard reader.size <= Self.blobLimitBytes else { return reader }
        let bytes = try await reader.read(at: 0, limitBytes: Int(reader.size))
        guard bytes.readableBytes == Int(reader.size) else { return reader }
        let remembered = RememberedBlob(bytes)
        memory.insert(remembered, as: key)
        return remembered
    }

    public func remove(_ key: StorageKey) async throws(RegistryError) {
        memory.remove(key)
        try await base.remove(key)
    }

    /// What the store behind has: whoever asks wants to know whether the bytes are safe.
    public func size(of key: StorageKey) async throws(RegistryError) -> Int64? {
        try await base.size(of: key)
    }

    public func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        try await base.beginUpload(hashes: hashes)
    }

    public func resumeUpload(
        _ uploadID: String,
        readState: @Sendable () async throws(RegistryError) -> UploadState
    ) async throws(RegistryError) -> BlobUpload {
        try await base.resumeUpload(uploadID, readState: readState)
    }

    public func discardUpload(_ uploadID: String) async throws(RegistryError) {
        try await base.discardUpload(uploadID)
    }

    public func listEntries(
        writtenBefore moment: Timestamp,
        _ visit: @Sendable (_ page: [BlobStoreEntry]) async throws(RegistryError) -> Void
    ) async throws(RegistryError) {
        try await base.listEntries(writtenBefore: moment, visit)
    }

    public func checkHealth() async throws(RegistryError) {
        try await base.checkHealth()
    }
}
