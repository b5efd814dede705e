import Database

extension MetadataSchema {
    /// What the collector did, and what it cannot do at the moment.
    static let collectorActivityChanges: [SQL] = [
        // What must go is a blob's bytes under a storage key, or an upload's under the store's name.
        "ALTER TABLE unlinks ADD COLUMN kind {text} NOT NULL DEFAULT 'blob'",
        "ALTER TABLE unlinks ADD COLUMN size_bytes {integer} NOT NULL DEFAULT 0",
        // When to try next: at once, at the end of a collector's claim, or after a failure.
        "ALTER TABLE unlinks ADD COLUMN due_at {integer} NOT NULL DEFAULT 0",
        "ALTER TABLE unlinks ADD COLUMN failure {text}",
        "UPDATE unlinks SET due_at = leased_until WHERE leased_until IS NOT NULL",
        "ALTER TABLE unlinks DROP COLUMN leased_until",
        "DROP INDEX unlinks_created",
        "CREATE INDEX unlinks_due ON unlinks (due_at)",
        "CREATE INDEX unlinks_failed ON unlinks (due_at) WHERE failure IS NOT NULL",
        "CREATE INDEX reviews_failed ON reviews (review_after) WHERE failure IS NOT NULL",
        // The hours in which the collector works by itself, as the server that started last has it.
        "ALTER TABLE collector ADD COLUMN hours {text}",
        "ALTER TABLE collector ADD COLUMN reviews {integer} NOT NULL DEFAULT 0",
        "ALTER TABLE collector ADD COLUMN reclaimed_bytes {integer} NOT NULL DEFAULT 0",
        // One row for ten seconds, for all replicas together, and a day of them.
        """
        CREATE TABLE collector_activity (
            started_at {integer} PRIMARY KEY,
            reviews {integer} NOT NULL,
            reclaimed_bytes {integer} NOT NULL
        ) {table}
        """,
    ]
}
