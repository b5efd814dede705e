/// What people delete: hidden at once, restorable for a while, and looked at by the collector after.
public enum Trash {
    /// How long what was deleted can be restored: seven days.
    public static let retentionSeconds: Int64 = 7 * 86_400
}

extension MetadataWriting {
    /// Moves a version to the trash, and asks for a look at it when it can no longer be restored.
    ///
    /// - Returns: whether it was there.
    public func moveVersionToTrash(_ id: Int64, at now: Timestamp) throws -> Bool {
        guard try trashVersion(id, at: now) else { return false }
        try upsertReview(
            .version(id), event: "version.trashed",
            after: now.advanced(bySeconds: Trash.retentionSeconds))
        return true
    }

    /// Moves a file to the trash, and asks for a look at its version when it can no longer be
    /// restored.
    ///
    /// - Returns: whether it was there.
    public func moveFileToTrash(_ file: FileRecord, at now: Timestamp) throws -> Bool {
        guard try trashFile(file.id, at: now) else { return false }
        try upsertReview(
            .version(file.versionID), event: "file.trashed",
            after: now.advanced(bySeconds: Trash.retentionSeconds))
        return true
    }
}
