import Database

extension MetadataSchema {
    /// What the collector needs beside the rows that it was asked to look at.
    static let collectionChanges: [SQL] = [
        "ALTER TABLE reviews ADD COLUMN failure {text}",
        "CREATE TABLE collector (id {integer} PRIMARY KEY, paused_at {integer}) {table}",
        "INSERT INTO collector (id, paused_at) VALUES (1, NULL)",
        "CREATE INDEX unlinks_created ON unlinks (created_at)",
        "CREATE INDEX version_links_version ON version_links (version_id, kind)",
    ]
}
