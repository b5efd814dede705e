import FormatKit
import Registry

/// What is kept in a project or group, and by whose rules.
struct RetentionView: Sendable {
    let effective: EffectiveRetention
    let isInherited: Bool
    /// The namespace whose policy counts.
    let source: NamespaceRecord?
    /// When it runs and what came of the last time; of a group, for its projects together.
    let run: RetentionRunRecord?

    init(of namespace: NamespaceRecord, _ tx: any MetadataReading) throws {
        effective = try tx.findEffectiveRetention(of: namespace)
        isInherited = effective.sourceID.map { $0 != namespace.id } ?? false
        source = try effective.sourceID.flatMap { try tx.findNamespace(.id($0, nil)) }
        run =
            namespace.kind == .project
            ? try tx.listRetentionRuns([namespace.id])[namespace.id]
            : try tx.summarizeRetentionRuns(below: namespace.id)
    }

    static let entity = Entity<RetentionView>(
        "RetentionPolicy", "What is kept in a project or group.",
        [
            EntityField("enabled", .boolean, "Whether it is applied from time to time.") {
                .bool($0.effective.policy?.isEnabled ?? false)
            },
            EntityField("cadence", .string(), "How often it is applied.") {
                .string(($0.effective.policy?.cadence ?? .daily).description)
            },
            EntityField("rules", rules, "What is kept, in the order in which it is asked.") {
                json(of: $0.effective.policy)
            },
            EntityField("inherited", .boolean, "Whether it is that of a group above.") {
                .bool($0.isInherited)
            },
            EntityField(
                "source",
                JSONSchema.object(
                    [("id", .integer()), ("full_path", .string())], required: ["id", "full_path"]
                ).nullable, "Whose policy it is; null where there is none."
            ) { view in
                view.source.map {
                    ["id": .integer($0.id), "full_path": .string($0.path.description)]
                } ?? .null
            },
            EntityField(
                "image_rules", rules,
                "Further rules: those of the clean-up policy for images, while that is enabled."
            ) { view in
                let translated = view.effective.translation?.policy
                return json(of: translated?.isEnabled == true ? translated : nil)
            },
            EntityField(
                "next_run_at", JSONSchema.moment.nullable,
                "When it runs next; of a group, in the first of the projects that take it."
            ) { .optional($0.run?.nextRunAt?.iso8601) },
            EntityField(
                "last_run", lastRun.nullable,
                "What came of the last time; of a group, in all projects that take it."
            ) { view in view.run.flatMap(json) ?? .null },
        ])

    // MARK: Schemas

    /// The schema of rules, in answers and in requests.
    static let rules = JSONSchema.array(
        of: .object(
            [
                (
                    "keep",
                    JSONSchema.string(choices: [
                        "newest", "pushed_within", "pulled_within", "matching", "protected",
                    ]).described("What keeps a version.")
                ),
                ("count", JSONSchema.integer().described("With newest: how many of each package.")),
                ("period", JSONSchema.string().described("With the two periods: 30d, 1month.")),
                ("pattern", pattern("With matching: names of versions and tags that are kept.")),
                ("format", JSONSchema.string().described("Speaks only of this format.")),
                ("packages", pattern("Speaks only of packages of these names.")),
                ("names", pattern("Speaks only of versions, or tags of images, of these names.")),
                (
                    "stage",
                    JSONSchema.string(choices: RetentionRule.Stage.allCases.map(\.rawValue))
                        .described("Speaks only of releases, or of what comes before them.")
                ),
            ], required: ["keep"]))

    private static func pattern(_ words: String) -> JSONSchema {
        JSONSchema.string(limitCharacters: NamePattern.limitBytes)
            .described("A regular expression for whole names. \(words)")
    }

    private static let lastRun = JSONSchema.object(
        [
            ("started_at", JSONSchema.moment.nullable),
            ("finished_at", JSONSchema.moment.nullable), ("kept", .integer()),
            ("removed", .integer()), ("failure", JSONSchema.string().nullable),
        ], required: ["started_at", "finished_at", "kept", "removed", "failure"])

    private static func json(_ run: RetentionRunRecord) -> JSONValue? {
        guard run.startedAt != nil else { return nil }
        return [
            "started_at": .optional(run.startedAt?.iso8601),
            "finished_at": .optional(run.finishedAt?.iso8601), "kept": .integer(run.keptCount),
            "removed": .integer(run.removedCount), "failure": .optional(run.failure),
        ]
    }

    private static func json(of policy: RetentionPolicy?) -> JSONValue {
        // What was read from the same words can be written in them.
        guard let text = try? policy?.encode() else { return [] }
        return JSONValue(parsing: Array(text.utf8))?["rules"] ?? []
    }
}
