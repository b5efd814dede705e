import Database

extension MetadataSchema {
    /// Downloads stand in a table of their own, so that counting them waits for no publish.
    static let pullTables: [SQL] = [
        """
        CREATE TABLE version_pulls (
            version_id {integer} PRIMARY KEY REFERENCES versions (id) ON DELETE CASCADE,
            pull_count {integer} NOT NULL,
            last_pulled_at {integer} NOT NULL
        ) {table}
        """
    ]
}
