import Database

extension MetadataSchema {
    /// What formats keep about a whole package, and what packages are searched by.
    static let releaseChanges: [SQL] = [
        "ALTER TABLE packages ADD COLUMN attributes {text} NOT NULL DEFAULT '{}'",
        "ALTER TABLE packages ADD COLUMN search_text {text} NOT NULL DEFAULT ''",
    ]
}
