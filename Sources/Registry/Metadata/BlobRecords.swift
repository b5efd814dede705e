/// A row of `blobs`: bytes that a package can name.
public struct BlobRecord: Hashable, Sendable {
    public let digests: BlobDigests
    /// Bytes.
    public let size: Int64
    public let storageKey: StorageKey

    public init(digests: BlobDigests, size: Int64, storageKey: StorageKey) {
        self.digests = digests
        self.size = size
        self.storageKey = storageKey
    }
}

/// A blob as one package sees it.
public struct HeldBlob: Hashable, Sendable {
    public let blob: BlobRecord
    public let packageID: Int64
    /// Whether a file of a version that is not in the trash names it.
    public let isNamed: Bool
    /// Until when the package may still come to name it; `nil` without a lease.
    public let leasedUntil: Timestamp?

    public init(blob: BlobRecord, packageID: Int64, isNamed: Bool, leasedUntil: Timestamp?) {
        self.blob = blob
        self.packageID = packageID
        self.isNamed = isNamed
        self.leasedUntil = leasedUntil
    }

    /// Whether the package has the blob at `now`.
    public func isHeld(at now: Timestamp) -> Bool {
        isNamed || leasedUntil.map { now < $0 } ?? false
    }
}

/// The name of a blob in a package, from the format down.
public struct BlobAddress: Hashable, Sendable {
    public let format: FormatID
    public let package: String
    public let digest: Digest

    public init(format: FormatID, package: String, digest: Digest) {
        self.format = format
        self.package = package
        self.digest = digest
    }
}

/// A promise that a package may name a blob soon: what a client was told is there stays there until
/// it has had the time to publish what needs it.
public enum BlobLease {
    /// How long a lease is good for: a day, so that the slowest push of an image ends within it.
    public static let lifetimeSeconds: Int64 = 86_400
    /// A lease with less than this left is renewed when somebody asks for the blob: half its
    /// lifetime, so that asking does not write each time.
    public static let renewalSeconds: Int64 = lifetimeSeconds / 2
}

/// A row of `uploads`: a blob that arrives in several requests, on any replica.
public struct UploadRecord: Hashable, Sendable {
    /// How long an upload that nobody goes on with is kept: a day.
    public static let lifetimeSeconds: Int64 = 86_400

    /// What the client's addresses carry; hard to guess.
    public let id: String
    public let projectID: Int64
    public let format: FormatID
    public let package: String
    /// Who began it, as `Principal.label` says.
    public let creator: String
    /// The extra hashes that run beside sha256.
    public let hashes: ExtraHashes
    /// Where the bytes are and how far they were hashed; `nil` while there are none.
    public let state: UploadState?
    public let createdAt: Timestamp

    public init(
        id: String, projectID: Int64, format: FormatID, package: String, creator: String,
        hashes: ExtraHashes, state: UploadState?, createdAt: Timestamp
    ) {
        self.id = id
        self.projectID = projectID
        self.format = format
        self.package = package
        self.creator = creator
        self.hashes = hashes
        self.state = state
        self.createdAt = createdAt
    }

    /// Bytes that arrived and are safe.
    public var offset: Int64 { state?.offset ?? 0 }
}
