public import Registry

extension CachedBlobStore: RepairableBlobStore where Base: RepairableBlobStore {
    public func openKept(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        try await base.openKept(key)
    }

    public func quarantine(
        _ key: StorageKey, report: String
    ) async throws(RegistryError) -> Bool {
        memory.remove(key)
        return try await base.quarantine(key, report: report)
    }

    /// What is remembered may be better than what is kept.
    public func recover(_ blob: BlobRecord) async throws(RegistryError) -> CommittedBlob? {
        if let known = memory.find(blob.storageKey) {
            let expectation = BlobExpectation(blob)
            var upload = try await base.beginUpload(hashes: expectation.neededHashes)
            try await upload.append(known.bytes)
            do throws(RegistryError) {
                return try await upload.commit(expectation)
            } catch {
                guard error.code == .unprocessable else { throw error }
            }
        }
        return try await base.recover(blob)
    }
}
