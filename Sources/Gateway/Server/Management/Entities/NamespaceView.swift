import FormatKit
import Registry

/// A group, user's namespace or project as answers show one.
struct NamespaceView: Sendable {
    let namespace: NamespaceRecord
    /// All namespaces above it, the topmost first.
    let ancestors: [NamespaceRecord]
    let origin: PublicOrigin
    /// The names of the formats whose settings are shown.
    let formats: [String]
    /// Of a project: what goes by itself among its images.
    var imageCleanup = ImageCleanupPolicy()
    /// Of a project: when its policies run next.
    var nextRunAt: Timestamp?
    /// What counts where neither it nor a namespace above it has periods of its own.
    let defaultPeriods: CollectionPeriods

    /// The periods that count in it.
    private var periods: CollectionPeriods {
        defaultPeriods.completed(by: namespace.effectiveSettings)
    }

    /// The names from the top down: `Acme / Web`.
    var fullName: String {
        (ancestors + [namespace]).map(\.name).joined(separator: " / ")
    }

    private var webURL: String {
        let prefix = namespace.kind == .group ? "groups/" : ""
        return "\(origin)/\(prefix)\(namespace.path)"
    }

    // MARK: Entities

    static let namespace = Entity<NamespaceView>(
        "Namespace", "A namespace that can hold projects: a group, or that of a user.",
        briefFields)

    static let group = Entity<NamespaceView>(
        "Group", "A group of projects and groups.",
        [
            EntityField("id", .integer()) { .integer($0.namespace.id) },
            EntityField("web_url", .string(format: "uri")) { .string($0.webURL) },
            EntityField("name", .string()) { .string($0.namespace.name) },
            EntityField("path", .string()) { .string($0.namespace.path.lastSegment) },
            EntityField("description", .string()) { .string($0.namespace.summary) },
            visibility,
            EntityField("avatar_url", JSONSchema.string().nullable) { _ in .null },
            EntityField("full_name", .string()) { .string($0.fullName) },
            EntityField("full_path", .string()) { .string($0.namespace.path.description) },
            EntityField("created_at", .moment) { .string($0.namespace.createdAt.iso8601) },
            EntityField("parent_id", JSONSchema.integer().nullable) {
                .optional($0.namespace.parentID)
            },
        ] + settingFields)

    static let project = Entity<NamespaceView>(
        "Project", "A project, which packages are published to.",
        [
            EntityField("id", .integer()) { .integer($0.namespace.id) },
            EntityField("description", .string()) { .string($0.namespace.summary) },
            EntityField("name", .string()) { .string($0.namespace.name) },
            EntityField("name_with_namespace", .string()) { .string($0.fullName) },
            EntityField("path", .string()) { .string($0.namespace.path.lastSegment) },
            EntityField("path_with_namespace", .string()) {
                .string($0.namespace.path.description)
            },
            EntityField("created_at", .moment) { .string($0.namespace.createdAt.iso8601) },
            EntityField("web_url", .string(format: "uri")) { .string($0.webURL) },
            EntityField("avatar_url", JSONSchema.string().nullable) { _ in .null },
            EntityField("namespace", Self.namespace.schema) { view in
                view.parent.map(Self.namespace.json) ?? .null
            },
            visibility,
            EntityField("creator_id", JSONSchema.integer().nullable) {
                .optional($0.namespace.creatorID)
            },
            EntityField("archived", .boolean) { _ in false },
            EntityField("packages_enabled", .boolean) { _ in true },
            EntityField("_links", .dictionary(of: .string(format: "uri"))) { view in
                let address = "\(view.origin)/api/v4/projects/\(view.namespace.id)"
                return [
                    "self": .string(address), "members": .string("\(address)/members"),
                    "packages": .string("\(address)/packages"),
                ]
            },
            EntityField(
                "container_expiration_policy", ImageCleanupPolicy.schema,
                "Which tags of images go by themselves, and when."
            ) { $0.imageCleanup.json(nextRunAt: $0.nextRunAt) },
        ] + settingFields)

    /// The schema of `package_settings`, in answers and in requests.
    static let packageSettings = JSONSchema.dictionary(
        of: .object(
            [
                (
                    "duplicates_allowed",
                    JSONSchema.boolean.nullable
                )
            ], required: []))

    // MARK: Fields

    private static let visibility = EntityField<NamespaceView>(
        "visibility", .string(choices: Visibility.allCases.map(\.rawValue))
    ) { .string($0.namespace.visibility.rawValue) }

    private static let settingFields: [EntityField<NamespaceView>] = [
        EntityField(
            "package_settings", packageSettings,
            "By format: whether other bytes may be published under a name that is taken."
        ) { view in
            .object(
                view.formats.map { name in
                    let format = FormatID(stored: name)
                    return (
                        name: name,
                        value: [
                            "duplicates_allowed": .bool(
                                view.namespace.effectiveSettings.allowsReplacing(format))
                        ]
                    )
                })
        },
        EntityField(
            "deleted_names_reserved", .boolean,
            "Whether the name of a deleted version stays taken until it is collected."
        ) { .bool($0.namespace.effectiveSettings.reservesDeletedNames ?? true) },
        EntityField(
            "missing_children_allowed", .boolean,
            "Whether an image index may be pushed before the images that it names."
        ) { .bool($0.namespace.effectiveSettings.allowsMissingChildren ?? false) },
        EntityField("trash_period", .string(), "How long what was deleted can be restored.") {
            .string($0.periods.trash.description)
        },
        EntityField(
            "untagged_period", .string(), "How long an image is kept that no tag names."
        ) { .string($0.periods.untagged.description) },
        EntityField(
            "write_once", .boolean,
            "Whether no published name is given other bytes, and only an owner deletes."
        ) { .bool($0.namespace.effectiveSettings.isWriteOnce ?? false) },
    ]

    private static let briefFields: [EntityField<NamespaceView>] = [
        EntityField("id", .integer()) { .integer($0.namespace.id) },
        EntityField("name", .string()) { .string($0.namespace.name) },
        EntityField("path", .string()) { .string($0.namespace.path.lastSegment) },
        EntityField("kind", .string(choices: ["group", "user"])) {
            .string($0.namespace.kind.rawValue)
        },
        EntityField("full_path", .string()) { .string($0.namespace.path.description) },
        EntityField("parent_id", JSONSchema.integer().nullable) {
            .optional($0.namespace.parentID)
        },
        EntityField("avatar_url", JSONSchema.string().nullable) { _ in .null },
        EntityField("web_url", .string(format: "uri")) { .string($0.webURL) },
    ]

    /// The namespace right above, as a view of its own.
    private var parent: NamespaceView? {
        ancestors.last.map {
            NamespaceView(
                namespace: $0, ancestors: Array(ancestors.dropLast()), origin: origin,
                formats: formats, defaultPeriods: defaultPeriods)
        }
    }
}

/// Finds namespaces by id in one transaction, each once.
struct NamespaceLookup {
    private let tx: any MetadataReading
    private var known: [Int64: NamespaceRecord] = [:]

    init(_ tx: any MetadataReading) {
        self.tx = tx
    }

    /// The namespace with this id, unless it was removed.
    mutating func find(_ id: Int64) throws -> NamespaceRecord? {
        if let namespace = known[id] { return namespace }
        let namespace = try tx.findNamespace(.id(id, nil))
        known[id] = namespace
        return namespace
    }

    /// All namespaces above this one, the topmost first.
    mutating func ancestors(of namespace: NamespaceRecord) throws -> [NamespaceRecord] {
        var ancestors: [NamespaceRecord] = []
        for id in namespace.lineage {
            if let ancestor = try find(id) { ancestors.append(ancestor) }
        }
        return ancestors
    }
}

extension ManagementCall {
    /// What answers show of `namespaces`, in the same order.
    func views(
        of namespaces: [NamespaceRecord], in tx: any MetadataReading
    ) throws -> [NamespaceView] {
        var lookup = NamespaceLookup(tx)
        let projects = namespaces.filter { $0.kind == .project }.map(\.id)
        let policies = try tx.listRetentionTranslations(projects)
        let runs = try tx.listRetentionRuns(projects)
        return try namespaces.map { namespace in
            var view = NamespaceView(
                namespace: namespace, ancestors: try lookup.ancestors(of: namespace),
                origin: origin, formats: api.formats, defaultPeriods: tx.defaultPeriods)
            if let policy = policies[namespace.id] {
                view.imageCleanup = try ImageCleanupPolicy(decoding: policy.source)
            }
            view.nextRunAt = runs[namespace.id]?.nextRunAt
            return view
        }
    }

    /// What answers show of `namespace`.
    func view(
        of namespace: NamespaceRecord, in tx: any MetadataReading
    ) throws -> NamespaceView {
        guard let view = try views(of: [namespace], in: tx).first else {
            throw RegistryError.namespaceNotFound()
        }
        return view
    }

    /// One page of namespaces.
    func answer(
        listing filter: NamespaceFilter, as entity: Entity<NamespaceView>
    ) async throws(RegistryError) -> FormatResponse {
        let request = try page()
        let page = try await read { tx in
            let found = try tx.listNamespaces(filter, page: request)
            return Page(
                rows: try views(of: found.rows, in: tx).map(entity.json),
                totalCount: found.totalCount, request: request)
        }
        return answer(page)
    }
}
