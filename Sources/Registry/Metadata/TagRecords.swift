/// A row of `tags` with the version that it names.
public struct TagRecord: Hashable, Sendable {
    public let name: String
    public let version: VersionRecord
    /// When it began to name this version, or was published again.
    public let updatedAt: Timestamp

    public init(name: String, version: VersionRecord, updatedAt: Timestamp) {
        self.name = name
        self.version = version
        self.updatedAt = updatedAt
    }
}

/// A row of `removed_tags`: a tag that was removed and can be restored.
public struct RemovedTagRecord: Hashable, Sendable {
    public let id: Int64
    public let name: String
    /// What it named; in the trash itself perhaps.
    public let version: VersionRecord
    /// When it had begun to name that.
    public let updatedAt: Timestamp
    public let deletedAt: Timestamp
    /// Who removed it, as `Principal.label` says.
    public let remover: String

    public init(
        id: Int64, name: String, version: VersionRecord, updatedAt: Timestamp,
        deletedAt: Timestamp, remover: String
    ) {
        self.id = id
        self.name = name
        self.version = version
        self.updatedAt = updatedAt
        self.deletedAt = deletedAt
        self.remover = remover
    }
}

/// Which tags of a package a list is to contain, and where it begins. Lists go on from a name, not
/// from a number, so that they cost the same wherever they are.
public struct TagFilter: Hashable, Sendable {
    /// What the list is ordered by.
    public enum Order: String, Sendable, CaseIterable {
        case name
        case updatedAt = "updated_at"
    }

    /// Part of the name, compared with case.
    public var nameContains: String?
    /// The whole name.
    public var exactName: String?
    public var order: Order
    public var direction: SortDirection

    public init(
        nameContains: String? = nil, exactName: String? = nil, order: Order = .name,
        direction: SortDirection = .ascending
    ) {
        self.nameContains = nameContains
        self.exactName = exactName
        self.order = order
        self.direction = direction
    }
}

/// A rule of a project about the tags of one format: who may set them, who may remove them, and
/// whether they may ever move.
///
/// *Source*: GitLab, "Container registry protection tag rules API".
public struct TagRule: Hashable, Sendable {
    /// The most rules that a project may have for a format.
    public static let limitCount = 100

    public let id: Int64
    public let projectID: Int64
    public let format: FormatID
    /// Matches whole names of tags.
    public let pattern: NamePattern
    /// The least role that may set such a tag; `nil` for everybody who may publish.
    public let pushRole: Role?
    /// The least role that may remove such a tag; `nil` for everybody who may delete.
    public let deleteRole: Role?
    /// Whether such a tag names one version for ever: it can be set once and never removed.
    public let isImmutable: Bool
    public let createdAt: Timestamp

    public init(
        id: Int64, projectID: Int64, format: FormatID, pattern: NamePattern, pushRole: Role?,
        deleteRole: Role?, isImmutable: Bool, createdAt: Timestamp
    ) {
        self.id = id
        self.projectID = projectID
        self.format = format
        self.pattern = pattern
        self.pushRole = pushRole
        self.deleteRole = deleteRole
        self.isImmutable = isImmutable
        self.createdAt = createdAt
    }
}

/// What a rule about tags says.
public struct TagRuleDraft: Hashable, Sendable {
    public var pattern: NamePattern
    public var pushRole: Role?
    public var deleteRole: Role?
    public var isImmutable: Bool

    public init(
        pattern: NamePattern, pushRole: Role? = nil, deleteRole: Role? = nil,
        isImmutable: Bool = false
    ) {
        self.pattern = pattern
        self.pushRole = pushRole
        self.deleteRole = deleteRole
        self.isImmutable = isImmutable
    }
}

/// Queries on `tag_rules`.
public protocol TagRuleReading {
    /// In order of their ids.
    func listTagRules(projectID: Int64, format: FormatID) throws -> [TagRule]
}

/// Changes of `tag_rules`.
public protocol TagRuleWriting: TagRuleReading {
    /// - Throws: `conflict` when the project has a rule with this pattern, or `limitCount` rules.
    func insertTagRule(
        _ draft: TagRuleDraft, projectID: Int64, format: FormatID, at now: Timestamp
    ) throws -> TagRule
    /// `nil` when the project has no such rule.
    func updateTagRule(_ id: Int64, projectID: Int64, _ draft: TagRuleDraft) throws -> TagRule?
    /// Whether the project had such a rule.
    func removeTagRule(_ id: Int64, projectID: Int64) throws -> Bool
}
