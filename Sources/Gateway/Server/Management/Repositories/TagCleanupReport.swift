import FormatKit
import Registry

/// What a clean-up does, or did.
struct TagCleanupReport: Sendable {
    /// A tag as it was when it was judged.
    struct Tag: Sendable {
        let name: String
        let versionID: Int64
        let digest: String
        let updatedAt: Timestamp
        var verdict: TagCleanup.Verdict
    }

    var isDryRun: Bool
    var examinedCount = 0
    var deletedCount = 0
    /// Whether there was no tag beyond what one call looks at and deletes.
    var isComplete = true
    /// Those that there is something to say of: all in a dry run, else those that were to go.
    var tags: [Tag] = []

    /// Judges the tags of a repository, up to the limits.
    init(
        planning cleanup: TagCleanup, of repository: PackageRecord, isDryRun: Bool,
        _ tx: any TagReading
    ) throws {
        self.isDryRun = isDryRun
        var cleanup = cleanup
        var last: String?
        let limit = ManagementLimits.tagBatchCount
        while true {
            let rows = try tx.listTags(
                packageID: repository.id, cleanup.order, after: last, isBackward: false,
                limit: limit)
            for row in rows {
                guard examinedCount < ManagementLimits.examinedTagCount,
                    deletedCount < ManagementLimits.deletedTagCount
                else {
                    isComplete = false
                    return
                }
                add(row, try cleanup.judge(row.name, updatedAt: row.updatedAt))
            }
            guard rows.count == limit else { return }
            last = rows.last?.name
        }
    }

    private mutating func add(_ row: TagRecord, _ verdict: TagCleanup.Verdict) {
        examinedCount += 1
        if verdict.isDeletion { deletedCount += 1 }
        guard verdict.isDeletion || isDryRun, tags.count < ManagementLimits.namedTagCount else {
            return
        }
        tags.append(
            Tag(
                name: row.name, versionID: row.version.id, digest: row.version.name,
                updatedAt: row.updatedAt, verdict: verdict))
    }

    /// Deletes in one transaction those of `planned` that are still as they were judged.
    ///
    /// - Returns: what became of each.
    static func delete(
        _ planned: ArraySlice<Tag>, of repository: PackageRecord, actor: Actor,
        by authority: Authority, at now: Timestamp, _ tx: any MetadataWriting
    ) throws -> [Tag] {
        try tx.touchPackage(repository.id, at: now)
        let protection = try tx.tagProtection(of: repository, for: authority)
        return try planned.map { planned in
            var tag = planned
            let current = try tx.findTag(tag.name, packageID: repository.id)
            guard let current, current.version.id == tag.versionID,
                current.updatedAt == tag.updatedAt
            else {
                tag.verdict = TagCleanup.Verdict(
                    reason: .changed, message: "was pushed or deleted meanwhile")
                return tag
            }
            do {
                _ = try tx.removeTag(
                    tag.name, of: repository, protection, actor: actor, at: now)
            } catch let error as RegistryError {
                // A rule was made meanwhile. It refuses before anything was changed.
                guard let verdict = TagCleanup.Verdict(refusal: error) else { throw error }
                tag.verdict = verdict
            }
            return tag
        }
    }

    // MARK: Answers

    static let entity = Entity<TagCleanupReport>(
        "TagCleanup", "What a clean-up of tags did, or would do.",
        [
            EntityField("dry_run", .boolean) { .bool($0.isDryRun) },
            EntityField("examined", .integer(), "Tags that were looked at.") {
                .integer(Int64($0.examinedCount))
            },
            EntityField("deleted", .integer(), "Tags that went, or would go.") {
                .integer(Int64($0.deletedCount))
            },
            EntityField("kept", .integer(), "Tags that were looked at and stay.") {
                .integer(Int64($0.examinedCount - $0.deletedCount))
            },
            EntityField(
                "complete", .boolean,
                "Whether that was all. One call looks at \(ManagementLimits.examinedTagCount) tags "
                    + "and deletes \(ManagementLimits.deletedTagCount) at most; call again for more."
            ) { .bool($0.isComplete) },
            EntityField(
                "tags", .array(of: tagSchema),
                "The tags that went; in a dry run every tag, up to \(ManagementLimits.namedTagCount)."
            ) { .array($0.tags.map(json)) },
        ])

    private static let tagSchema = JSONSchema.object(
        [
            ("name", .string()), ("digest", .string()), ("created_at", .moment),
            ("action", .string(choices: ["delete", "keep"])),
            ("reason", .string(choices: TagCleanup.Reason.allCases.map(\.rawValue))),
            ("message", .string()), ("rule", JSONSchema.string().nullable),
        ],
        required: ["name", "digest", "created_at", "action", "reason", "message", "rule"])

    private static func json(_ tag: Tag) -> JSONValue {
        [
            "name": .string(tag.name), "digest": .string(tag.digest),
            "created_at": .string(tag.updatedAt.iso8601),
            "action": tag.verdict.isDeletion ? "delete" : "keep",
            "reason": .string(tag.verdict.reason.rawValue),
            "message": .string(tag.verdict.message), "rule": .optional(tag.verdict.rule),
        ]
    }
}
