import Database
import Registry

/// Statements about what waits for the collector, and what it did.
extension MetadataTransaction {
    /// Microseconds that one row of `collector_activity` is about.
    private static let activityStepMicroseconds: Int64 = 10_000_000
    /// How long these rows are kept: a day, and an hour for whoever looks at it late.
    private static let activityLifetimeSeconds: Int64 = 25 * 3600

    func recordCollection(
        reviewCount: Int, reclaimedBytes: Int64, at now: Timestamp
    ) throws {
        let step = Self.activityStepMicroseconds
        try session.execute(
            """
            INSERT INTO collector_activity (started_at, reviews, reclaimed_bytes)
            VALUES (
                \(now.microseconds / step * step), \(Int64(reviewCount)), \(reclaimedBytes))
            ON CONFLICT (started_at) DO UPDATE SET
                reviews = collector_activity.reviews + excluded.reviews,
                reclaimed_bytes = collector_activity.reclaimed_bytes + excluded.reclaimed_bytes
            """)
        try session.execute(
            """
            UPDATE collector SET reviews = reviews + \(Int64(reviewCount)),
                reclaimed_bytes = reclaimed_bytes + \(reclaimedBytes)
            WHERE id = 1
            """)
        let end = now.advanced(bySeconds: -Self.activityLifetimeSeconds)
        try session.execute("DELETE FROM collector_activity WHERE started_at < \(end)")
    }

    func summarizeCollection(at now: Timestamp) throws -> CollectionSummary {
        var summary = CollectionSummary()
        let overdue = now.advanced(bySeconds: -CollectionSummary.overdueSeconds)
        try one(
            """
            SELECT COUNT(*), COUNT(CASE WHEN review_after <= \(now) THEN 1 END),
                COUNT(CASE WHEN review_after <= \(overdue) THEN 1 END),
                MIN(CASE WHEN review_after <= \(now) THEN review_after END), COUNT(failure)
            FROM reviews
            """
        ) { row in
            summary.reviewCount = Int(try row.integer())
            summary.dueCount = Int(try row.integer())
            summary.overdueCount = Int(try row.integer())
            summary.oldestDueAt = try row.optionalTimestamp()
            summary.blockedCount = Int(try row.integer())
        }
        try one(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS {integer}), COUNT(failure)
            FROM unlinks
            """
        ) { row in
            summary.unlinkCount = Int(try row.integer())
            summary.unlinkBytes = try row.integer()
            summary.blockedCount += Int(try row.integer())
        }
        try one("SELECT paused_at, hours, reviews, reclaimed_bytes FROM collector WHERE id = 1") {
            row in
            summary.pausedAt = try row.optionalTimestamp()
            summary.window = try row.optionalText()
            summary.total = CollectionActivity(
                reviewCount: try row.integer(), reclaimedBytes: try row.integer(), seconds: 0)
        }
        summary.openUploadCount = Int(
            try one("SELECT COUNT(*) FROM uploads WHERE expires_at > \(now)") {
                try $0.integer()
            })
        summary.lastMinute = try findActivity(ofLast: 60, at: now)
        summary.lastHour = try findActivity(ofLast: 3600, at: now)
        summary.lastDay = try findActivity(ofLast: 86_400, at: now)
        summary.scrub = try findScrubState()
        return summary
    }

    /// What was done in the last `seconds`, and in what is missing from the step that they begin in.
    private func findActivity(
        ofLast seconds: Int64, at now: Timestamp
    ) throws -> CollectionActivity {
        let step = Self.activityStepMicroseconds
        let start = now.advanced(bySeconds: -seconds).microseconds / step * step
        return try one(
            """
            SELECT CAST(COALESCE(SUM(reviews), 0) AS {integer}),
                CAST(COALESCE(SUM(reclaimed_bytes), 0) AS {integer})
            FROM collector_activity WHERE started_at >= \(start) AND started_at <= \(now)
            """
        ) {
            CollectionActivity(
                reviewCount: try $0.integer(), reclaimedBytes: try $0.integer(),
                seconds: Double(now.microseconds - start) / 1_000_000)
        }
    }

    func gaugeCollection(at now: Timestamp) throws -> CollectionGauges {
        CollectionGauges(
            dueCount: try count("FROM reviews WHERE review_after <= \(now)"),
            blockedCount: try count("FROM reviews WHERE failure IS NOT NULL")
                + count("FROM unlinks WHERE failure IS NOT NULL"),
            unlinkCount: try count("FROM unlinks"),
            openUploadCount: try count("FROM uploads WHERE expires_at > \(now)"),
            isPaused: try isCollectionPaused(),
            oldestDueAt: try one("SELECT MIN(review_after) FROM reviews") {
                try $0.optionalTimestamp()
            }.flatMap { $0 <= now ? $0 : nil }, scrub: try findScrubState())
    }

    /// Counts rows, and stops where nobody needs to know more.
    private func count(_ source: SQL) throws -> Int {
        let limit = Int64(CollectionGauges.countLimit)
        return Int(
            try one("SELECT COUNT(*) FROM (SELECT 1 \(source) LIMIT \(limit)) counted") {
                try $0.integer()
            })
    }

    func listBlockedWork(limit: Int) throws -> [BlockedWork] {
        try all(
            """
            SELECT subject_kind, subject, event, attempts, review_after, failure FROM reviews
            WHERE failure IS NOT NULL
            UNION ALL
            SELECT 'file', storage_key, NULL, attempts, due_at, failure FROM unlinks
            WHERE failure IS NOT NULL
            ORDER BY 5, 2 LIMIT \(Int64(limit))
            """
        ) { row in
            BlockedWork(
                kind: try row.text(), name: try row.text(), event: try row.optionalText(),
                attemptCount: Int(try row.integer()), nextTryAt: try row.timestamp(),
                failure: try row.text())
        }
    }
}
