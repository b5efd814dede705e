import Database

extension MetadataSchema {
    /// How far the slow reading of all blobs is, so that replicas share it and a restart goes on.
    static let scrubTable: [SQL] = [
        """
        CREATE TABLE scrub (
            id {integer} PRIMARY KEY,
            cursor_key {text},
            began_at {integer},
            ended_at {integer},
            checked_count {integer} NOT NULL,
            checked_bytes {integer} NOT NULL,
            finding_count {integer} NOT NULL,
            owner {text},
            leased_until {integer}
        ) {table}
        """,
        """
        INSERT INTO scrub (id, checked_count, checked_bytes, finding_count) VALUES (1, 0, 0, 0)
        """,
    ]
}
