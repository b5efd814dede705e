/// The kinds of namespaces. Groups and users' namespaces contain; projects are published to.
public enum NamespaceKind: String, Sendable, CaseIterable, Codable {
    case group
    case project
    /// The namespace that every user has, at the path of the user's name.
    case user
}

/// A row of `namespaces`: a group, a user's namespace or a project.
public struct NamespaceRecord: Hashable, Sendable {
    public let id: Int64
    public let kind: NamespaceKind
    /// Fixed when it is created.
    public let path: NamespacePath
    public let parentID: Int64?
    /// The ids of all namespaces above it, the topmost first; without its own.
    public let lineage: [Int64]
    /// What people call it.
    public let name: String
    public let summary: String
    /// Its own visibility.
    public let visibility: Visibility
    /// The least visible of its own and those above it: what decides.
    public let effectiveVisibility: Visibility
    /// Its own settings.
    public let settings: NamespaceSettings
    /// Its own settings, completed by those above it.
    public let effectiveSettings: NamespaceSettings
    public let creatorID: Int64?
    public let createdAt: Timestamp
    /// Whether there are rules about its packages.
    public let hasPackageRules: Bool

    public init(
        id: Int64, kind: NamespaceKind, path: NamespacePath, parentID: Int64?, lineage: [Int64],
        name: String, summary: String, visibility: Visibility, effectiveVisibility: Visibility,
        settings: NamespaceSettings, effectiveSettings: NamespaceSettings, creatorID: Int64?,
        createdAt: Timestamp, hasPackageRules: Bool = false
    ) {
        self.id = id
        self.kind = kind
        self.path = path
        self.parentID = parentID
        self.lineage = lineage
        self.name = name
        self.summary = summary
        self.visibility = visibility
        self.effectiveVisibility = effectiveVisibility
        self.settings = settings
        self.effectiveSettings = effectiveSettings
        self.creatorID = creatorID
        self.createdAt = createdAt
        self.hasPackageRules = hasPackageRules
    }
}

/// What can be set on a namespace; a value that is absent is taken from the namespace above.
public struct NamespaceSettings: Hashable, Sendable, Codable {
    /// By format name: whether other bytes may be published under a name that is taken.
    public var allowsReplacing: [String: Bool]
    /// Whether the name of a deleted version stays taken until it is collected; `true` if unset.
    public var reservesDeletedNames: Bool?

    /// Whether an index may be published before the images that it names; `false` if unset.
    public var allowsMissingChildren: Bool?
    /// How long what was deleted can be restored; the instance's period if unset.
    public var trashPeriod: KeepingPeriod?
    /// How long a version of lifetime `referenced` is kept that nothing refers to; the instance's
    /// period if unset.
    public var untaggedPeriod: KeepingPeriod?
    /// Whether what was published stays as it is: no name is given other bytes, whatever
    /// `allowsReplacing` says, and only an owner deletes; `false` if unset.
    public var isWriteOnce: Bool?

    public init(
        allowsReplacing: [String: Bool] = [:], reservesDeletedNames: Bool? = nil,
        allowsMissingChildren: Bool? = nil, trashPeriod: KeepingPeriod? = nil,
        untaggedPeriod: KeepingPeriod? = nil, isWriteOnce: Bool? = nil
    ) {
        self.allowsReplacing = allowsReplacing
        self.reservesDeletedNames = reservesDeletedNames
        self.allowsMissingChildren = allowsMissingChildren
        self.trashPeriod = trashPeriod
        self.untaggedPeriod = untaggedPeriod
        self.isWriteOnce = isWriteOnce
    }

    /// These settings, with what they leave open taken from `parent`.
    public func completed(by parent: NamespaceSettings) -> NamespaceSettings {
        NamespaceSettings(
            allowsReplacing: parent.allowsReplacing.merging(allowsReplacing) { _, own in own },
            reservesDeletedNames: reservesDeletedNames ?? parent.reservesDeletedNames,
            allowsMissingChildren: allowsMissingChildren ?? parent.allowsMissingChildren,
            trashPeriod: trashPeriod ?? parent.trashPeriod,
            untaggedPeriod: untaggedPeriod ?? parent.untaggedPeriod,
            isWriteOnce: isWriteOnce ?? parent.isWriteOnce)
    }

    /// Whether other bytes may be published under a name of `format` that is taken.
    public func allowsReplacing(_ format: FormatID) -> Bool {
        !(isWriteOnce ?? false) && allowsReplacing[format.name] ?? false
    }
}

/// A namespace to be inserted. Path and lineage follow from the parent.
public struct NamespaceDraft: Sendable {
    public var kind: NamespaceKind
    public var path: NamespacePath
    public var parentID: Int64?
    public var name: String
    public var summary: String
    public var visibility: Visibility
    public var settings: NamespaceSettings
    public var creatorID: Int64?

    public init(
        kind: NamespaceKind, path: NamespacePath, parentID: Int64? = nil, name: String,
        summary: String = "", visibility: Visibility = .private,
        settings: NamespaceSettings = NamespaceSettings(), creatorID: Int64? = nil
    ) {
        self.kind = kind
        self.path = path
        self.parentID = parentID
        self.name = name
        self.summary = summary
        self.visibility = visibility
        self.settings = settings
        self.creatorID = creatorID
    }
}
