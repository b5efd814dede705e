/// Queries of whoever compares rows with bytes, and rows with each other.
public protocol VerificationReading {
    /// How many blobs there are, and their bytes; of one project, those that its files name.
    func measureBlobs(inProject projectID: Int64?) throws -> (count: Int64, bytes: Int64)
    /// Blobs in bytewise order of their keys, from the first behind `key`; of one project, those
    /// that its files name.
    func listBlobs(
        after key: StorageKey?, inProject projectID: Int64?, limit: Int
    ) throws -> [BlobRecord]
    /// Files that name the blob, in the order of their numbers, from the first behind `id`.
    func listUses(of digest: Digest, after id: Int64, limit: Int) throws -> [BlobUse]
    /// Of `keys`, those whose bytes wait to be removed; an upload has its name for a key.
    func filterUnlinks(_ keys: [StorageKey]) throws -> Set<StorageKey>
    /// The sizes of packages in the order of their numbers, from the first behind `id`.
    func listPackageSizes(
        after id: Int64, inProject projectID: Int64?, limit: Int
    ) throws -> [PackageSize]
    /// Rows that are wrong in this way.
    func listRowProblems(_ kind: RowProblem.Kind, limit: Int) throws -> [RowProblem]
    /// How far the scrub is.
    func findScrubState() throws -> ScrubState
}

/// What a repair, and the scrub, write.
public protocol VerificationWriting: VerificationReading {
    /// Makes the size of a package what its files say.
    ///
    /// - Returns: whether it was another.
    func correctPackageSize(_ id: Int64) throws -> Bool
    /// Puts the row right, where it is still wrong and there is a way.
    ///
    /// - Returns: whether it was changed.
    func correctRow(_ problem: RowProblem, at now: Timestamp) throws -> Bool
    /// Makes the digests beside sha256 those of the bytes.
    func correctExtraDigests(_ digests: BlobDigests) throws
    /// Claims the scrub for `owner` until `end`, unless somebody else has it at `now`.
    ///
    /// - Returns: how far it is; `nil` when somebody else has it.
    func claimScrub(owner: String, at now: Timestamp, until end: Timestamp) throws -> ScrubState?
    /// Writes down how far the scrub is, if `owner` still has it.
    ///
    /// - Parameter end: until when `owner` keeps it; `nil` to leave it to others.
    /// - Returns: whether `owner` still had it.
    func saveScrub(_ state: ScrubState, owner: String, until end: Timestamp?) throws -> Bool
}
