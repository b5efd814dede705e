import Database
import Registry

/// Statements on `retention_runs`.
extension MetadataTransaction {
    func listRetentionRuns(_ projectIDs: [Int64]) throws -> [Int64: RetentionRunRecord] {
        var found: [Int64: RetentionRunRecord] = [:]
        for part in projectIDs.chunks() {
            let rows = try all(
                """
                SELECT project_id, next_run_at, leased_until, started_at, finished_at, kept_count,
                    removed_count, failure
                FROM retention_runs WHERE project_id IN \(SQL.list(part))
                """
            ) { try RetentionRunRecord(&$0) }
            for row in rows { found[row.projectID] = row }
        }
        return found
    }

    func summarizeRetentionRuns(below namespaceID: Int64) throws -> RetentionRunRecord? {
        let found = try one(
            """
            SELECT COUNT(*), COUNT(r.failure), CAST(\(namespaceID) AS {integer}), MIN(r.next_run_at),
                MAX(r.leased_until), MAX(r.started_at), MAX(r.finished_at),
                CAST(COALESCE(SUM(r.kept_count), 0) AS {integer}),
                CAST(COALESCE(SUM(r.removed_count), 0) AS {integer}), MIN(r.failure)
            FROM retention_runs r JOIN namespaces n ON n.id = r.project_id
            JOIN namespace_ancestors g ON g.namespace_id = n.id
            WHERE \(Self.inherits(from: namespaceID)) AND n.deleted_at IS NULL
            """
        ) {
            (
                count: try $0.integer(), failed: try $0.integer(),
                run: try RetentionRunRecord(&$0)
            )
        }
        guard found.count > 0 else { return nil }
        guard found.failed > 1, let failure = found.run.failure else { return found.run }
        return found.run.failing("\(found.failed) projects failed, one of them: \(failure)")
    }

    func listUnscheduledProjects(limit: Int) throws -> [Int64] {
        // Only below what is enabled at all, which is little or nothing in most places.
        try all(
            """
            SELECT n.id FROM namespaces n LEFT JOIN retention_runs r ON r.project_id = n.id
            WHERE n.kind = \(NamespaceKind.project.rawValue) AND n.deleted_at IS NULL
                AND r.next_run_at IS NULL
                AND n.id IN (
                    SELECT a.namespace_id FROM retention_policies q
                    JOIN namespace_ancestors a ON a.ancestor_id = q.namespace_id
                    WHERE q.policy_enabled_at IS NOT NULL
                        OR q.translation_enabled_at IS NOT NULL)
                AND (
                    EXISTS (
                        SELECT 1 FROM retention_policies o
                        WHERE o.namespace_id = n.id AND o.translation_enabled_at IS NOT NULL)
                    OR (
                        SELECT q.policy_enabled_at FROM namespace_ancestors a
                        JOIN retention_policies q ON q.namespace_id = a.ancestor_id
                        WHERE a.namespace_id = n.id AND q.policy IS NOT NULL
                        ORDER BY a.depth LIMIT 1) IS NOT NULL)
            ORDER BY n.id LIMIT \(limit)
            """
        ) { try $0.integer() }
    }

    func hasDueRetentionRun(at now: Timestamp) throws -> Bool {
        try first(
            """
            SELECT 1 FROM retention_runs
            WHERE next_run_at <= \(now) AND (leased_until IS NULL OR leased_until <= \(now))
            LIMIT 1
            """
        ) { try $0.integer() } != nil
    }

    func listRetentionProjects(
        below namespaceID: Int64, after last: Int64, limit: Int
    ) throws -> [Int64] {
        try all(
            """
            SELECT n.id FROM namespaces n
            JOIN namespace_ancestors g ON g.namespace_id = n.id
            WHERE \(Self.inherits(from: namespaceID)) AND n.deleted_at IS NULL AND n.id > \(last)
            ORDER BY n.id LIMIT \(limit)
            """
        ) { try $0.integer() }
    }

    /// Whether the project `n`, by its place `g` below the namespace, has no nearer policy.
    private static func inherits(from namespaceID: Int64) -> SQL {
        """
        g.ancestor_id = \(namespaceID) AND n.kind = \(NamespaceKind.project.rawValue)
        AND NOT EXISTS (
            SELECT 1 FROM namespace_ancestors a
            JOIN retention_policies q ON q.namespace_id = a.ancestor_id
            WHERE a.namespace_id = n.id AND a.depth < g.depth AND q.policy IS NOT NULL)
        """
    }

    func unscheduleRetention(below namespaceID: Int64) throws {
        try session.execute(
            """
            UPDATE retention_runs SET next_run_at = NULL, attempts = 0
            WHERE project_id IN (
                SELECT n.id FROM namespaces n JOIN namespace_ancestors g ON g.namespace_id = n.id
                WHERE \(Self.inherits(from: namespaceID)))
            """)
    }

    func scheduleRetention(projectID: Int64, at moment: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO retention_runs (
                project_id, next_run_at, attempts, kept_count, removed_count)
            VALUES (\(projectID), \(moment), 0, 0, 0)
            ON CONFLICT (project_id) DO UPDATE SET
                next_run_at = excluded.next_run_at, attempts = 0
            """)
    }

    func claimRetentionRun(
        projectID: Int64?, at now: Timestamp, until end: Timestamp
    ) throws -> RetentionClaim? {
        let isWanted: SQL = projectID.map { "project_id = \($0)" } ?? "1 = 1"
        return try first(
            """
            UPDATE retention_runs SET
                leased_until = \(end), attempts = attempts + 1, started_at = \(now)
            WHERE project_id IN (
                SELECT project_id FROM retention_runs
                WHERE \(isWanted) AND next_run_at <= \(now)
                    AND (leased_until IS NULL OR leased_until <= \(now))
                ORDER BY next_run_at LIMIT 1 {skip locked})
            RETURNING project_id, next_run_at, attempts
            """
        ) { row in
            RetentionClaim(
                projectID: try row.integer(), dueAt: try row.timestamp(),
                attemptCount: Int(try row.integer()), leasedUntil: end)
        }
    }

    func extendRetentionRun(_ claim: RetentionClaim, until end: Timestamp) throws -> Bool {
        try session.execute(
            """
            UPDATE retention_runs SET leased_until = \(end)
            WHERE project_id = \(claim.projectID) AND leased_until = \(claim.leasedUntil)
            """) == 1
    }

    func finishRetentionRun(
        _ claim: RetentionClaim, _ outcome: RetentionOutcome, failure: String?,
        next: Timestamp?, at now: Timestamp
    ) throws {
        let attempts: SQL = failure == nil ? "0" : "attempts"
        try session.execute(
            """
            UPDATE retention_runs SET
                leased_until = NULL, attempts = \(attempts), finished_at = \(now),
                kept_count = \(outcome.keptCount), removed_count = \(outcome.removedCount),
                failure = \(failure),
                next_run_at = CASE WHEN next_run_at = \(claim.dueAt)
                    THEN CAST(\(next) AS {integer}) ELSE next_run_at END
            WHERE project_id = \(claim.projectID) AND leased_until = \(claim.leasedUntil)
            """)
    }
}

extension RetentionRunRecord {
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            projectID: try row.integer(), nextRunAt: try row.optionalTimestamp(),
            leasedUntil: try row.optionalTimestamp(), startedAt: try row.optionalTimestamp(),
            finishedAt: try row.optionalTimestamp(), keptCount: try row.integer(),
            removedCount: try row.integer(), failure: try row.optionalText())
    }

    /// The same with other words about its failure.
    fileprivate func failing(_ words: String) -> RetentionRunRecord {
        RetentionRunRecord(
            projectID: projectID, nextRunAt: nextRunAt, leasedUntil: leasedUntil,
            startedAt: startedAt, finishedAt: finishedAt, keptCount: keptCount,
            removedCount: removedCount, failure: words)
    }
}
