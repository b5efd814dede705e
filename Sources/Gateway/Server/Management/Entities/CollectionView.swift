import FormatKit
import Registry

/// What waits for the collector, what it did, and what fails, as answers show it.
struct CollectionView: Sendable {
    let summary: CollectionSummary
    let blocked: [BlockedWork]

    static let entity = Entity<CollectionView>(
        "GarbageCollection", "What waits for the collector, and what it did.",
        [
            EntityField("review_count", .integer(), "Things that will be looked at.") {
                .integer(Int64($0.summary.reviewCount))
            },
            EntityField("due_count", .integer(), "Those of them that are due.") {
                .integer(Int64($0.summary.dueCount))
            },
            EntityField(
                "overdue_count", .integer(), "Those that have been due for over ten minutes."
            ) { .integer(Int64($0.summary.overdueCount)) },
            EntityField("oldest_due_at", JSONSchema.moment.nullable) {
                .optional($0.summary.oldestDueAt?.iso8601)
            },
            EntityField("unlink_count", .integer(), "Files that wait to be removed.") {
                .integer(Int64($0.summary.unlinkCount))
            },
            EntityField("unlink_bytes", .integer(), "Bytes of these files.") {
                .integer($0.summary.unlinkBytes)
            },
            EntityField("open_upload_count", .integer(), "Uploads that are not finished.") {
                .integer(Int64($0.summary.openUploadCount))
            },
            EntityField("last_minute", activity, "What all servers did in the last minute.") {
                json($0.summary.lastMinute)
            },
            EntityField("last_hour", activity) { json($0.summary.lastHour) },
            EntityField("last_day", activity) { json($0.summary.lastDay) },
            EntityField("reclaimed_bytes", .integer(), "Bytes that were removed, ever.") {
                .integer($0.summary.total.reclaimedBytes)
            },
            EntityField(
                "window", JSONSchema.string().nullable,
                "The hours, in UTC, in which servers collect by themselves; null for all."
            ) { .optional($0.summary.window) },
            EntityField("paused_at", JSONSchema.moment.nullable, "Since when nobody collects.") {
                .optional($0.summary.pausedAt?.iso8601)
            },
            EntityField("scrub", scrub, "The slow reading of all blobs, to find damage.") {
                json($0.summary.scrub)
            },
            EntityField("blocked_count", .integer(), "What failed and is tried again later.") {
                .integer(Int64($0.summary.blockedCount))
            },
            EntityField("blocked", .array(of: failure), "The first hundred of these.") {
                .array($0.blocked.map(json))
            },
        ])

    private static let activity = JSONSchema.object(
        [
            ("review_count", .integer()), ("reclaimed_bytes", .integer()),
            ("reviews_per_second", .integer()), ("bytes_per_second", .integer()),
        ],
        required: [
            "review_count", "reclaimed_bytes", "reviews_per_second", "bytes_per_second",
        ])

    private static func json(_ activity: CollectionActivity) -> JSONValue {
        [
            "review_count": .integer(activity.reviewCount),
            "reclaimed_bytes": .integer(activity.reclaimedBytes),
            "reviews_per_second": .integer(Int64(activity.reviewsPerSecond.rounded())),
            "bytes_per_second": .integer(Int64(activity.bytesPerSecond.rounded())),
        ]
    }

    private static let scrub = JSONSchema.object(
        [
            ("running", .boolean), ("began_at", JSONSchema.moment.nullable),
            ("ended_at", JSONSchema.moment.nullable), ("position", JSONSchema.string().nullable),
            ("checked_count", .integer()), ("checked_bytes", .integer()),
            ("damaged_count", .integer()),
        ],
        required: [
            "running", "began_at", "ended_at", "position", "checked_count", "checked_bytes",
            "damaged_count",
        ])

    private static func json(_ scrub: ScrubState) -> JSONValue {
        [
            "running": .bool(scrub.isRunning), "began_at": .optional(scrub.beganAt?.iso8601),
            "ended_at": .optional(scrub.endedAt?.iso8601),
            "position": .optional(scrub.cursor?.description),
            "checked_count": .integer(scrub.checkedCount),
            "checked_bytes": .integer(scrub.checkedBytes),
            "damaged_count": .integer(scrub.findingCount),
        ]
    }

    private static let failure = JSONSchema.object(
        [
            ("kind", .string(choices: ["blob", "version", "upload", "file"])),
            ("name", .string()), ("event", JSONSchema.string().nullable),
            ("attempts", .integer()), ("next_try_at", .moment), ("reason", .string()),
        ],
        required: ["kind", "name", "event", "attempts", "next_try_at", "reason"])

    private static func json(_ work: BlockedWork) -> JSONValue {
        [
            "kind": .string(work.kind), "name": .string(work.name),
            "event": .optional(work.event), "attempts": .integer(Int64(work.attemptCount)),
            "next_try_at": .string(work.nextTryAt.iso8601), "reason": .string(work.failure),
        ]
    }
}

/// What a run of the collector did, or would do, as answers show it.
struct CollectionRunView: Sendable {
    let estimate: CollectionEstimate
    let failedCount: Int
    let isFinished: Bool
    let isDryRun: Bool

    static let entity = Entity<CollectionRunView>(
        "GarbageCollectionRun", "What a run of the collector did, or would do.",
        [
            EntityField("dry_run", .boolean, "Whether it only says what would be done.") {
                .bool($0.isDryRun)
            },
            EntityField("finished", .boolean, "Whether nothing more is due.") {
                .bool($0.isFinished)
            },
            EntityField("blob_count", .integer(), "Blobs that nothing names.") {
                .integer(Int64($0.estimate.blobCount))
            },
            EntityField("version_count", .integer(), "Versions that nothing keeps.") {
                .integer(Int64($0.estimate.versionCount))
            },
            EntityField(
                "more_versions", .boolean, "Whether a dry run stopped counting versions there."
            ) { .bool($0.estimate.hasMoreVersions) },
            EntityField("upload_count", .integer(), "Uploads that nobody went on with.") {
                .integer(Int64($0.estimate.uploadCount))
            },
            EntityField("file_count", .integer(), "Files that were removed.") {
                .integer(Int64($0.estimate.fileCount))
            },
            EntityField("bytes", .integer(), "Bytes of these files.") {
                .integer($0.estimate.bytes)
            },
            EntityField("failed_count", .integer(), "What failed and is tried again later.") {
                .integer(Int64($0.failedCount))
            },
        ])
}
