import Database
import Registry

/// Statements on `version_pulls`.
extension MetadataTransaction {
    /// Rows of one statement.
    private static let pullRowCount = 100

    func listPulls(versionIDs: [Int64]) throws -> [Int64: PullRecord] {
        var pulls: [Int64: PullRecord] = [:]
        for part in versionIDs.chunks() {
            let rows = try all(
                """
                SELECT version_id, pull_count, last_pulled_at FROM version_pulls
                WHERE version_id IN \(SQL.list(part))
                """
            ) { (id: try $0.integer(), count: try $0.integer(), lastAt: try $0.timestamp()) }
            for row in rows { pulls[row.id] = PullRecord(count: row.count, lastAt: row.lastAt) }
        }
        return pulls
    }

    func addPulls(_ pulls: [Int64: PullRecord]) throws {
        // In one order everywhere, so that two replicas cannot wait for each other.
        let sorted = pulls.sorted { $0.key < $1.key }
        for part in sorted.chunks(of: Self.pullRowCount) { try insertPulls(part) }
    }

    private func insertPulls(_ pulls: ArraySlice<(key: Int64, value: PullRecord)>) throws {
        let rows = pulls.map { id, pull -> SQL in
            """
            (CAST(\(id) AS {integer}), CAST(\(pull.count) AS {integer}),
            CAST(\(pull.lastAt) AS {integer}))
            """
        }
        try session.execute(
            """
            WITH counted (version_id, pull_count, last_pulled_at) AS (
                VALUES \(SQL.joined(rows, separator: ", ")))
            INSERT INTO version_pulls (version_id, pull_count, last_pulled_at)
            SELECT v.id, c.pull_count, c.last_pulled_at
            FROM counted c JOIN versions v ON v.id = c.version_id
            WHERE c.pull_count > 0 ORDER BY v.id
            ON CONFLICT (version_id) DO UPDATE SET
                pull_count = version_pulls.pull_count + excluded.pull_count,
                last_pulled_at = CASE
                    WHEN version_pulls.last_pulled_at < excluded.last_pulled_at
                    THEN excluded.last_pulled_at ELSE version_pulls.last_pulled_at END
            """)
    }
}
