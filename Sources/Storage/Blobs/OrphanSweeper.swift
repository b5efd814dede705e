public import Registry
import Synchronization

/// Removes bytes that no row names: what a crash left between the write of a blob and its
/// transaction, and uploads that nobody can go on with.
public struct OrphanSweeper: Sendable {
    /// Seconds for which bytes without a row are left alone: far longer than any request may take
    /// between committing a blob and naming it.
    public static let minimumAgeSeconds: Int64 = 24 * 60 * 60

    /// What one pass did.
    public struct Outcome: Hashable, Sendable {
        /// Entries that were old enough to be looked at.
        public internal(set) var examinedCount = 0
        public internal(set) var removedBlobCount = 0
        public internal(set) var removedUploadCount = 0
        /// Bytes of what was removed.
        public internal(set) var removedBytes: Int64 = 0
        /// Entries that could not be removed; the next pass finds them again.
        public internal(set) var failedCount = 0
    }

    /// What is asked of the database: of some names, those that rows have.
    struct KnownNames: Sendable {
        let keys: @Sendable ([StorageKey]) async throws(RegistryError) -> Set<StorageKey>
        let uploads: @Sendable ([String]) async throws(RegistryError) -> Set<String>
    }

    private let store: any BlobStore
    private let known: KnownNames
    private let clock: any RegistryClock
    private let minimumAgeSeconds: Int64
    private let onFailure: @Sendable (BlobStoreEntry, RegistryError) -> Void

    /// A sweep of what `store` has and `metadata` does not know.
    ///
    /// `onFailure` hears of each entry that could not be removed, to log it.
    public init(
        store: any BlobStore, metadata: any MetadataStore, clock: any RegistryClock = SystemClock(),
        minimumAgeSeconds: Int64 = OrphanSweeper.minimumAgeSeconds,
        onFailure: @escaping @Sendable (BlobStoreEntry, RegistryError) -> Void = { _, _ in }
    ) {
        self.init(
            store: store, known: KnownNames(metadata), clock: clock,
            minimumAgeSeconds: minimumAgeSeconds, onFailure: onFailure)
    }

    init(
        store: any BlobStore, known: KnownNames, clock: any RegistryClock,
        minimumAgeSeconds: Int64 = OrphanSweeper.minimumAgeSeconds,
        onFailure: @escaping @Sendable (BlobStoreEntry, RegistryError) -> Void = { _, _ in }
    ) {
        self.store = store
        self.known = known
        self.clock = clock
        self.minimumAgeSeconds = minimumAgeSeconds
        self.onFailure = onFailure
    }

    /// One pass over the store. A removal that fails does not stop it.
    ///
    /// - Throws: what listing the store or asking the database throws; what was removed stays so.
    public func sweep() async throws(RegistryError) -> Outcome {
        let outcome = Mutex(Outcome())
        let moment = clock.now().advanced(bySeconds: -minimumAgeSeconds)
        try await store.listEntries(writtenBefore: moment) { page throws(RegistryError) in
            outcome.withLock { $0.examinedCount += page.count }
            for orphan in try await orphans(of: page) {
                do throws(RegistryError) {
                    try await remove(orphan)
                    outcome.withLock { $0.count(orphan) }
                } catch {
                    outcome.withLock { $0.failedCount += 1 }
                    onFailure(orphan, error)
                }
            }
        }
        return outcome.withLock { $0 }
    }

    private func orphans(of page: [BlobStoreEntry]) async throws(RegistryError) -> [BlobStoreEntry]
    {
        var keys: [StorageKey] = []
        var uploads: [String] = []
        for entry in page {
            switch entry {
            case .blob(let key, _): keys.append(key)
            case .upload(let id, _): uploads.append(id)
            }
        }
        let knownKeys = keys.isEmpty ? [] : try await known.keys(keys)
        let knownUploads = uploads.isEmpty ? [] : try await known.uploads(uploads)
        return page.filter { entry in
            switch entry {
            case .blob(let key, _): !knownKeys.contains(key)
            case .upload(let id, _): !knownUploads.contains(id)
            }
        }
    }

    private func remove(_ orphan: BlobStoreEntry) async throws(RegistryError) {
        switch orphan {
        case .blob(let key, _): try await store.remove(key)
        case .upload(let id, _): try await store.discardUpload(id)
        }
    }
}

extension OrphanSweeper.Outcome {
    fileprivate mutating func count(_ orphan: BlobStoreEntry) {
        switch orphan {
        case .blob(_, let size):
            removedBlobCount += 1
            removedBytes += size
        case .upload(_, let size):
            removedUploadCount += 1
            removedBytes += size
        }
    }
}

extension OrphanSweeper.KnownNames {
    fileprivate init(_ metadata: any MetadataStore) {
        keys = { keys throws(RegistryError) in
            try await metadata.write { try $0.filterKnownKeys(keys) }
        }
        uploads = { uploads throws(RegistryError) in
            try await metadata.write { try $0.filterKnownUploads(uploads) }
        }
    }
}
