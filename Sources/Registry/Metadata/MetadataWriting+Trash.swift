extension MetadataWriting {
    /// Moves a version to the trash, and asks for a look at it when it can no longer be restored.
    ///
    /// - Returns: whether it was there.
    public func moveVersionToTrash(_ id: Int64, at now: Timestamp) throws -> Bool {
        guard let version = try findVersion(id), try trashVersion(id, at: now) else { return false }
        let periods = try findPeriods(ofNamespace: version.package.projectID)
        if let end = periods.trash.end(from: now) {
            try upsertReview(.version(id), event: "version.trashed", after: end)
        }
        return true
    }

    /// Moves a file to the trash, and asks for a look at its version when it can no longer be
    /// restored.
    ///
    /// - Returns: whether it was there.
    public func moveFileToTrash(_ file: FileRecord, at now: Timestamp) throws -> Bool {
        guard let version = try findVersion(file.versionID), try trashFile(file.id, at: now) else {
            return false
        }
        let periods = try findPeriods(ofNamespace: version.package.projectID)
        if let end = periods.trash.end(from: now) {
            try upsertReview(.version(file.versionID), event: "file.trashed", after: end)
        }
        return true
    }

    /// Moves a tag of a package whose row is locked to the trash. Its version is looked at when
    /// nothing keeps it any more.
    ///
    /// - Returns: whether there was such a tag.
    func moveTagToTrash(
        _ name: String, of package: PackageRecord, actor: Actor, at now: Timestamp
    ) throws -> Bool {
        guard let tag = try findTag(name, packageID: package.id),
            try trashTag(name, packageID: package.id, actor: actor, at: now)
        else { return false }
        let periods = try findPeriods(ofNamespace: package.projectID)
        try renewVersion(tag.version.id, event: "tag.removed", from: now, periods)
        if let end = periods.trash.end(from: now) {
            try upsertReview(.version(tag.version.id), event: "tag.removed", after: end)
        }
        return true
    }

    /// Lets the time begin anew for which a version of lifetime `referenced` is kept that nothing
    /// refers to, because it was needed at `moment`: published, pulled, or named by a tag until then.
    ///
    /// - Parameter periods: those of its project.
    public func renewVersion(
        _ id: Int64, event: String, from moment: Timestamp, _ periods: CollectionPeriods
    ) throws {
        try noteNeed(ofVersion: id, at: moment)
        guard let end = periods.untagged.end(from: moment) else { return }
        try upsertReview(.version(id), event: event, after: end)
    }
}
