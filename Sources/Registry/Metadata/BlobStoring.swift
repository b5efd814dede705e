/// What a review looks at.
public enum ReviewSubject: Hashable, Sendable {
    case blob(Digest)
    case version(Int64)
    case upload(String)
}

/// Changes of `blobs`, `reviews` and `unlinks`, and what of them has to be read.
public protocol BlobWriting {
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
    /// Of `keys`, those that a row of `blobs` names.
    func filterKnownKeys(_ keys: [StorageKey]) throws -> Set<StorageKey>
    /// Of `ids`, those that a row of `uploads` names.
    func filterKnownUploads(_ ids: [String]) throws -> Set<String>
    /// Asks for a look at `subject` after `moment`; an earlier wish is moved back to it.
    func upsertReview(
        _ subject: ReviewSubject, event: String, after moment: Timestamp) throws
}
