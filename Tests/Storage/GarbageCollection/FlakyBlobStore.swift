import Registry
import Synchronization

/// A store whose removals fail, for the keys that it is told.
struct FlakyBlobStore: BlobStore {
    let base: any BlobStore
    let fails: @Sendable (StorageKey) -> Bool
    /// Whether unfinished uploads cannot be removed either.
    var failsDiscards = false

    func remove(_ key: StorageKey) async throws(RegistryError) {
        if fails(key) { throw RegistryError(.unavailable, "the store is away") }
        try await base.remove(key)
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
        if failsDiscards { throw RegistryError(.unavailable, "the store is away") }
        try await base.discardUpload(uploadID)
    }

    func open(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        try await base.open(key)
    }

    func size(of key: StorageKey) async throws(RegistryError) -> Int64? {
        try await base.size(of: key)
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
