/// A file of a version that names a blob: what is lost when the blob is.
public struct BlobUse: Hashable, Sendable, Encodable {
    /// Of the file.
    public let id: Int64
    /// The path of the project.
    public let project: String
    public let format: String
    public let package: String
    public let version: String
    public let path: String
    /// Whether the file, its version or its package is in the trash.
    public let isDeleted: Bool

    public init(
        id: Int64, project: String, format: String, package: String, version: String,
        path: String, isDeleted: Bool
    ) {
        self.id = id
        self.project = project
        self.format = format
        self.package = package
        self.version = version
        self.path = path
        self.isDeleted = isDeleted
    }
}

/// The size of a package as its row says, and as its files do, in bytes.
public struct PackageSize: Hashable, Sendable {
    public let packageID: Int64
    /// `acme/web/-/generic/tool`.
    public let address: String
    public let recorded: Int64
    public let actual: Int64

    public init(packageID: Int64, address: String, recorded: Int64, actual: Int64) {
        self.packageID = packageID
        self.address = address
        self.recorded = recorded
        self.actual = actual
    }
}

/// A row that contradicts another in a way that the schema cannot rule out.
public struct RowProblem: Hashable, Sendable {
    /// What is wrong.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A file belongs to another package than its version.
        case fileOfOtherPackage = "file_of_other_package"
        /// A tag names a version of another package.
        case tagOfOtherPackage = "tag_of_other_package"
        /// A link of a kind that there is not.
        case linkOfUnknownKind = "link_of_unknown_kind"
        /// Bytes that a blob names are to be removed.
        case unlinkOfNamedKey = "unlink_of_named_key"
        /// Nothing names the blob, and nobody will look at it.
        case unreviewedBlob = "unreviewed_blob"
        /// The version, or a file of it, is in the trash or without a tag, and nobody will look.
        case unreviewedVersion = "unreviewed_version"
        /// Nobody will look whether the upload has expired.
        case unreviewedUpload = "unreviewed_upload"

        /// Whether `correctRow` knows what to do.
        public var isCorrectable: Bool {
            switch self {
            case .fileOfOtherPackage, .tagOfOtherPackage, .linkOfUnknownKind: false
            case .unlinkOfNamedKey, .unreviewedBlob, .unreviewedVersion, .unreviewedUpload: true
            }
        }
    }

    public let kind: Kind
    /// What identifies the row: a digest, a key, a number.
    public let id: String
    /// What the row is about, for people.
    public let subject: String

    public init(_ kind: Kind, id: String, subject: String) {
        self.kind = kind
        self.id = id
        self.subject = subject
    }
}

/// How far the scrub is: the slow reading of all blobs beside everything else.
public struct ScrubState: Hashable, Sendable {
    /// Blobs up to this key have been read in this pass; `nil` between two passes.
    public var cursor: StorageKey?
    /// When the pass began, or the last one did; `nil` before the first.
    public var beganAt: Timestamp?
    /// When the last pass ended.
    public var endedAt: Timestamp?
    /// Blobs that were read in this pass.
    public var checkedCount: Int64
    /// Bytes of those blobs.
    public var checkedBytes: Int64
    /// Blobs of this pass that something is wrong with.
    public var findingCount: Int64

    /// Whether a pass has begun and not ended.
    public var isRunning: Bool { cursor != nil }

    public init(
        cursor: StorageKey? = nil, beganAt: Timestamp? = nil, endedAt: Timestamp? = nil,
        checkedCount: Int64 = 0, checkedBytes: Int64 = 0, findingCount: Int64 = 0
    ) {
        self.cursor = cursor
        self.beganAt = beganAt
        self.endedAt = endedAt
        self.checkedCount = checkedCount
        self.checkedBytes = checkedBytes
        self.findingCount = findingCount
    }
}
