/// What a review looks at.
public enum ReviewSubject: Hashable, Sendable {
    case blob(Digest)
    case version(Int64)
    case upload(String)
    /// Whatever a period concerns that was changed.
    case periods(PeriodReview)

    /// Its kind as the table, logs and metrics name it.
    public var kind: String {
        switch self {
        case .blob: "blob"
        case .version: "version"
        case .upload: "upload"
        case .periods: "periods"
        }
    }
}

extension ReviewSubject: CustomStringConvertible {
    /// `blob:sha256:…`, `version:12`.
    public var description: String {
        switch self {
        case .blob(let digest): "blob:\(digest)"
        case .version(let id): "version:\(id)"
        case .upload(let id): "upload:\(id)"
        case .periods(let review): "periods:\(review.namespaceID)"
        }
    }
}

/// How far the versions below a namespace have been asked to be looked at, since one of its periods
/// was changed. There may be very many, so they are asked for in parts.
public struct PeriodReview: Hashable, Sendable {
    /// The namespace; 0 for the instance.
    public let namespaceID: Int64
    /// The package to go on with.
    public let packageID: Int64
    /// The last of its versions that was asked for.
    public let versionID: Int64

    public init(namespaceID: Int64, packageID: Int64 = 0, versionID: Int64 = 0) {
        self.namespaceID = namespaceID
        self.packageID = packageID
        self.versionID = versionID
    }
}

/// Queries on `blobs`, `blob_leases` and `uploads`.
public protocol BlobReading {
    /// The blob as the package of this name sees it, held or not; `nil` when there is no such
    /// package or no such blob.
    func findBlob(_ address: BlobAddress, projectID: Int64) throws -> HeldBlob?
    /// Those of `digests` of which there are blobs, as the package sees them.
    func findBlobs(_ digests: [Digest], packageID: Int64) throws -> [Digest: HeldBlob]
    /// Those of `digests` of which there are blobs, whoever has them: for whoever runs the registry,
    /// and not for a client, to whom knowing a digest grants nothing.
    func findBlobs(_ digests: [Digest]) throws -> [Digest: BlobRecord]
    /// The upload of this id, if it has not expired at `now`.
    func findUpload(_ id: String, at now: Timestamp) throws -> UploadRecord?
    /// Of `keys`, those that a row of `blobs` names.
    func filterKnownKeys(_ keys: [StorageKey]) throws -> Set<StorageKey>
    /// Of `ids`, those that a row of `uploads` names.
    func filterKnownUploads(_ ids: [String]) throws -> Set<String>
}

/// Changes of `blobs`, `blob_leases`, `uploads`, `reviews` and `unlinks`.
public protocol BlobWriting: BlobReading {
    /// The key under which the blob with this digest is stored, or `nil` when there is no row.
    func findBlobKey(_ digest: Digest) throws -> StorageKey?
    /// Inserts the row, or completes the extra digests of the one that is there.
    ///
    /// - Returns: the storage key that counts: the one of the row that was there first.
    func upsertBlob(_ blob: CommittedBlob, at now: Timestamp) throws -> StorageKey
    /// Makes the row name `new` instead of `old`, whose bytes are lost.
    ///
    /// - Returns: whether the row still named `old`.
    func replaceBlobKey(_ digest: Digest, old: StorageKey, new: StorageKey) throws -> Bool
    /// Inserts the lease, or moves its end back; it never ends earlier than before.
    ///
    /// - Throws: `conflict` when there is no such blob any more.
    func upsertLease(_ digest: Digest, packageID: Int64, until end: Timestamp) throws
    /// Whether there was a lease.
    func removeLease(_ digest: Digest, packageID: Int64) throws -> Bool
    func insertUpload(_ record: UploadRecord, expiresAt: Timestamp) throws
    /// Makes `state` what the upload goes on from, if the bytes are still those of `previous`, the
    /// store's name for them; `nil` when there were none.
    ///
    /// - Returns: whether it was.
    func updateUpload(
        _ id: String, replacing previous: String?, with state: UploadState, at now: Timestamp,
        expiresAt: Timestamp
    ) throws -> Bool
    /// Whether there was such an upload.
    func removeUpload(_ id: String) throws -> Bool
    /// Asks for a look at `subject` after `moment`; an earlier wish is moved back to it.
    func upsertReview(
        _ subject: ReviewSubject, event: String, after moment: Timestamp) throws
}
