/// Everything that one publish makes visible, in one transaction or not at all.
public struct PublishDraft: Sendable {
    public var package: String
    public var version: String
    /// Other names that mean the same version, as `1.0.0` means `1.0` to Python: where the package has
    /// a version of one of them, that is the version.
    public var versionSpellings: [String]
    /// The status of the version; `nil` leaves that of an existing one.
    public var status: VersionStatus?
    /// The version's attributes, a JSON object; `nil` leaves those of an existing one.
    public var attributes: String?
    public var files: [FileDraft]
    /// Blobs that the version names and that the package has already, from other versions or under
    /// a lease.
    public var references: [BlobReference]
    /// What the version points at.
    public var links: [VersionLink]
    /// The names of versions that must be there, not in the trash.
    public var requiredVersions: [String]
    /// How long the version lives.
    public var lifetime: VersionLifetime
    /// Tags that shall name the version afterwards.
    public var tags: [String]
    /// What people search the package by, in any case; `nil` leaves it as it is.
    public var searchText: String?

    public init(
        package: String, version: String, versionSpellings: [String] = [],
        status: VersionStatus? = nil,
        attributes: String? = nil, files: [FileDraft], references: [BlobReference] = [],
        links: [VersionLink] = [], requiredVersions: [String] = [],
        lifetime: VersionLifetime = .explicit, tags: [String] = [],
        searchText: String? = nil
    ) {
        self.package = package
        self.version = version
        self.versionSpellings = versionSpellings
        self.status = status
        self.attributes = attributes
        self.files = files
        self.references = references
        self.links = links
        self.requiredVersions = requiredVersions
        self.lifetime = lifetime
        self.tags = tags
        self.searchText = searchText
    }
}

/// A blob that a version names and that the package has already, or ought to have.
public struct BlobReference: Hashable, Sendable {
    public var digest: Digest
    /// The file's name in the version.
    public var path: String
    /// The size that the version says the blob has, in bytes; `nil` where it says nothing.
    public var size: Int64?
    public var mediaType: String?
    /// Whether the publish fails without the blob; one that need not be there is named where it is.
    public var isRequired: Bool

    public init(
        digest: Digest, path: String, size: Int64? = nil, mediaType: String? = nil,
        isRequired: Bool = true
    ) {
        self.digest = digest
        self.path = path
        self.size = size
        self.mediaType = mediaType
        self.isRequired = isRequired
    }
}

/// A file that a publish adds.
public struct FileDraft: Sendable {
    /// What must be true of the name before the file is added.
    public enum Precondition: Hashable, Sendable {
        /// Nothing: identical bytes succeed, and other bytes where the project allows replacing.
        case none
        /// `If-None-Match: *`: the name is free.
        case isAbsent
        /// `If-Match`: the name holds one of these digests.
        case matches(Set<Digest>)
        /// `If-Match: *`: the name is taken.
        case exists
    }

    public var path: String
    public var blob: CommittedBlob
    public var mediaType: String?
    /// A JSON object that only the format reads.
    public var attributes: String
    public var precondition: Precondition

    public init(
        path: String, blob: CommittedBlob, mediaType: String? = nil, attributes: String = "{}",
        precondition: Precondition = .none
    ) {
        self.path = path
        self.blob = blob
        self.mediaType = mediaType
        self.attributes = attributes
        self.precondition = precondition
    }
}

/// What a publish did to one file.
public enum FileOutcome: Hashable, Sendable {
    /// The name was free.
    case created
    /// The name held these bytes already; nothing changed.
    case unchanged
    /// The name held other bytes, which went to the trash.
    case replaced
}

/// What a publish did.
public struct PublishOutcome: Sendable {
    public let version: VersionRecord
    /// The files as they are served now, in the order of the draft.
    public let files: [FileRecord]
    /// What happened to each, in the same order.
    public let outcomes: [FileOutcome]

    public init(version: VersionRecord, files: [FileRecord], outcomes: [FileOutcome]) {
        self.version = version
        self.files = files
        self.outcomes = outcomes
    }
}

/// Who changes something, for rows and for the audit.
public struct Actor: Hashable, Sendable {
    public let principal: Principal
    public let requestID: String
    /// The client's network address, without port.
    public let remoteAddress: String

    public init(principal: Principal, requestID: String, remoteAddress: String) {
        self.principal = principal
        self.requestID = requestID
        self.remoteAddress = remoteAddress
    }
}

/// A row of `audit_events`, written in the transaction of the change.
public struct AuditEvent: Hashable, Sendable {
    /// What happened: `package.publish`, `token.revoke`.
    public let action: String
    public let actor: Actor
    public let namespaceID: Int64?
    /// What it happened to: `generic/tool/1.0/tool.tar`, `user:7`.
    public let subject: String

    public init(action: String, actor: Actor, namespaceID: Int64?, subject: String) {
        self.action = action
        self.actor = actor
        self.namespaceID = namespaceID
        self.subject = subject
    }
}
