import Database

extension MetadataSchema {
    /// How long a blob stays that nothing names any more, as the instance was started with last.
    static let unreferencedChanges: [SQL] = [
        "ALTER TABLE collector ADD COLUMN unreferenced_seconds {integer}"
    ]
}
