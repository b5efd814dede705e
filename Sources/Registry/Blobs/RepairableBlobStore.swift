/// A store whose damaged blobs can be put aside, and replaced where it has the bytes elsewhere.
public protocol RepairableBlobStore: BlobStore {
    /// Opens the bytes as they are kept for good, whatever is remembered of them.
    ///
    /// - Throws: `notFound` when there are none.
    func openKept(_ key: StorageKey) async throws(RegistryError) -> any BlobReader

    /// Puts the bytes where nobody is served them, and keeps them with `report` beside them.
    ///
    /// - Parameter report: what is wrong with them, in words or as JSON.
    /// - Returns: whether there were any.
    func quarantine(_ key: StorageKey, report: String) async throws(RegistryError) -> Bool

    /// Looks for the bytes of a blob elsewhere in the store than under its own key, and publishes
    /// them under a new one (I2). They are read and compared first (I1).
    ///
    /// - Returns: `nil` when there are none that are whole.
    func recover(_ blob: BlobRecord) async throws(RegistryError) -> CommittedBlob?
}

extension BlobExpectation {
    /// The bytes that a row of `blobs` describes, with every digest that it has.
    public init(_ blob: BlobRecord) {
        self.init(
            size: blob.size, md5: blob.digests.md5, sha1: blob.digests.sha1,
            sha256: blob.digests.sha256.hex, sha512: blob.digests.sha512)
    }
}
