/// A row of `packages`: a named series of versions of one format in one project.
public struct PackageRecord: Hashable, Sendable {
    public let id: Int64
    public let projectID: Int64
    public let format: FormatID
    public let name: String
    /// Grows with every change to anything in the package: the ETag of derived documents.
    public let revision: Int64
    /// A JSON object that only the format reads.
    public let attributes: String
    public let createdAt: Timestamp
    public let updatedAt: Timestamp

    public init(
        id: Int64, projectID: Int64, format: FormatID, name: String, revision: Int64,
        attributes: String = "{}", createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.id = id
        self.projectID = projectID
        self.format = format
        self.name = name
        self.revision = revision
        self.attributes = attributes
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// A package in a list: where clients find it, and what it holds.
public struct PackageListing: Hashable, Sendable {
    public let package: PackageRecord
    /// The path of its project in lower case and its name: `acme/web/api`; the path alone for a
    /// nameless package.
    public let address: String
    /// Tags of versions that are not in the trash.
    public let tagCount: Int
    /// Bytes of all blobs that its versions name, each once.
    public let sizeBytes: Int64

    public init(package: PackageRecord, address: String, tagCount: Int, sizeBytes: Int64) {
        self.package = package
        self.address = address
        self.tagCount = tagCount
        self.sizeBytes = sizeBytes
    }
}

/// A package of which something is in the trash and nothing outside of it.
public struct DeletedPackage: Hashable, Sendable {
    public let listing: PackageListing
    /// When the last of its versions went to the trash.
    public let deletedAt: Timestamp
    /// How many versions went together with that.
    public let versionCount: Int

    public init(listing: PackageListing, deletedAt: Timestamp, versionCount: Int) {
        self.listing = listing
        self.deletedAt = deletedAt
        self.versionCount = versionCount
    }
}

/// How long a version lives.
public enum VersionLifetime: String, Sendable, CaseIterable {
    /// Until somebody deletes it. Its name was chosen, so it stays reserved in the trash.
    case explicit
    /// While a tag names it, a living version links to it, or it links to a subject that lives; it
    /// is named by its content, so the same name is always the same bytes.
    case referenced
}

/// A row of `version_links`: a version points at another by digest, whether that exists or not.
public struct VersionLink: Hashable, Sendable {
    /// What the other is to the version.
    public enum Kind: String, Sendable, CaseIterable {
        /// Part of it: an image of an index. Lives as long as the version.
        case child
        /// What the version is about: the image of a signature. The version lives as long as it.
        case subject
    }

    public let kind: Kind
    /// The name of the version that it points at.
    public let target: String
    /// What the format wants to find the link by: OCI's artifact type.
    public let label: String

    public init(_ kind: Kind, target: String, label: String = "") {
        self.kind = kind
        self.target = target
        self.label = label
    }
}

/// What people should think of a version.
///
/// *Source*: GitLab, "Packages API", `status`; `yanked` is PEP 592's.
public enum VersionStatus: String, Sendable, CaseIterable {
    case `default`
    case hidden
    case yanked
    case deprecated
    case error

    /// The member of a version's attributes that says why it has its status, in every format.
    public static let reasonMember = "status_reason"
}

/// A row of `versions`: one release.
public struct VersionRecord: Hashable, Sendable {
    /// What the packages API calls the package's id.
    public let id: Int64
    public let package: PackageRecord
    public let name: String
    public let status: VersionStatus
    /// A JSON object that only the format reads.
    public let attributes: String
    /// Who published it, as `Principal.label` says.
    public let creator: String
    public let creatorID: Int64?
    public let build: BuildRecord
    public let createdAt: Timestamp
    /// When it went to the trash; `nil` while it is there for all to see.
    public let deletedAt: Timestamp?

    public init(
        id: Int64, package: PackageRecord, name: String, status: VersionStatus,
        attributes: String, creator: String, creatorID: Int64?, build: BuildRecord,
        createdAt: Timestamp, deletedAt: Timestamp?
    ) {
        self.id = id
        self.package = package
        self.name = name
        self.status = status
        self.attributes = attributes
        self.creator = creator
        self.creatorID = creatorID
        self.build = build
        self.createdAt = createdAt
        self.deletedAt = deletedAt
    }
}

/// A row of `files` with its `blobs` row: named content of a version.
public struct FileRecord: Hashable, Sendable {
    public let id: Int64
    public let packageID: Int64
    public let versionID: Int64
    /// The name inside the version; slashes make levels.
    public let path: String
    public let digests: BlobDigests
    /// Bytes.
    public let size: Int64
    public let storageKey: StorageKey
    /// The media type that it is served with; `nil` for the format's own default.
    public let mediaType: String?
    /// A JSON object that only the format reads.
    public let attributes: String
    public let createdAt: Timestamp
    public let deletedAt: Timestamp?

    public init(
        id: Int64, packageID: Int64, versionID: Int64, path: String, digests: BlobDigests,
        size: Int64, storageKey: StorageKey, mediaType: String?, attributes: String,
        createdAt: Timestamp, deletedAt: Timestamp?
    ) {
        self.id = id
        self.packageID = packageID
        self.versionID = versionID
        self.path = path
        self.digests = digests
        self.size = size
        self.storageKey = storageKey
        self.mediaType = mediaType
        self.attributes = attributes
        self.createdAt = createdAt
        self.deletedAt = deletedAt
    }
}

/// Which versions a list is to contain.
public struct VersionFilter: Hashable, Sendable {
    /// What a list of versions can be ordered by.
    public enum Order: String, Sendable, CaseIterable {
        case createdAt = "created_at"
        case name
        case version
        case type
        case projectPath = "project_path"
    }

    public var format: FormatID?
    /// Formats whose versions are left out.
    public var excludedFormats: Set<FormatID>
    /// Part of a package's name, compared without case.
    public var nameContains: String?
    /// The whole name of a package.
    public var packageName: String?
    /// The whole name of a version.
    public var versionName: String?
    /// `nil` for every status but hidden and error.
    public var statuses: Set<VersionStatus>?
    /// Whether to list the trash instead.
    public var isDeleted: Bool
    public var order: Order
    public var direction: SortDirection

    public init(
        format: FormatID? = nil, excludedFormats: Set<FormatID> = [],
        nameContains: String? = nil, packageName: String? = nil, versionName: String? = nil,
        statuses: Set<VersionStatus>? = nil, isDeleted: Bool = false,
        order: Order = .createdAt, direction: SortDirection = .ascending
    ) {
        self.format = format
        self.excludedFormats = excludedFormats
        self.nameContains = nameContains
        self.packageName = packageName
        self.versionName = versionName
        self.statuses = statuses
        self.isDeleted = isDeleted
        self.order = order
        self.direction = direction
    }
}
