/// Which namespaces a list is to contain.
public struct NamespaceFilter: Hashable, Sendable {
    public var kinds: Set<NamespaceKind>
    /// Only namespaces below this one, at any depth.
    public var below: Int64?
    /// Only direct children of `below`.
    public var isDirectChild: Bool
    /// Part of the name or the path, compared without case.
    public var search: String?
    /// Only namespaces that this reader may see: visible ones, and those where it is a member with
    /// any role.
    public var visibleTo: PackageReader
    /// Only namespaces where this user is a member, directly or through one above.
    public var memberID: Int64?

    public init(
        kinds: Set<NamespaceKind>, below: Int64? = nil, isDirectChild: Bool = false,
        search: String? = nil, visibleTo: PackageReader, memberID: Int64? = nil
    ) {
        self.kinds = kinds
        self.below = below
        self.isDirectChild = isDirectChild
        self.search = search
        self.visibleTo = visibleTo
        self.memberID = memberID
    }
}

/// What changes about a namespace; what is `nil` stays.
public struct NamespaceChange: Sendable {
    public var name: String?
    public var summary: String?
    public var visibility: Visibility?
    public var settings: NamespaceSettings?

    public init(
        name: String? = nil, summary: String? = nil, visibility: Visibility? = nil,
        settings: NamespaceSettings? = nil
    ) {
        self.name = name
        self.summary = summary
        self.visibility = visibility
        self.settings = settings
    }
}

/// Queries on `namespaces`. Removed namespaces are found by none of them.
public protocol NamespaceReading {
    func findNamespace(_ reference: NamespaceReference) throws -> NamespaceRecord?
    /// In bytewise order of their paths' keys.
    func listNamespaces(
        _ filter: NamespaceFilter, page: PageRequest
    ) throws -> Page<NamespaceRecord>
}

/// Changes of `namespaces`; each makes every replica forget what it knew about access.
public protocol NamespaceWriting: NamespaceReading {
    /// - Throws: `conflict` when the path is taken.
    func insertNamespace(_ draft: NamespaceDraft, at now: Timestamp) throws -> NamespaceRecord
    /// - Throws: `notFound` when there is no such namespace.
    func updateNamespace(_ id: Int64, _ change: NamespaceChange) throws -> NamespaceRecord
    /// Hides the namespace and all below it, and frees their paths.
    func removeNamespace(_ id: Int64, at now: Timestamp) throws -> Bool
}
