/// How something is to come back from the trash whose name somebody else has now.
public enum RestorePolicy: Hashable, Sendable {
    /// Not at all: the answer says what has the name.
    case refusing
    /// What has the name goes to the trash, or loses the tag.
    case overwriting
}

/// What came back with a package.
public struct RestoredPackage: Hashable, Sendable {
    /// When it had been deleted.
    public let deletedAt: Timestamp
    /// The versions that were deleted together.
    public let versionCount: Int
    /// The tags that came back with them.
    public let tagCount: Int
}

/// Everything here is about a package whose row is locked by its caller, so that what is read stays as
/// it is: neither a publish nor the collector comes in between.
extension MetadataWriting {
    /// Brings back a version with its files, and those of its tags that nobody has set meanwhile.
    ///
    /// - Throws: `notFound` when it is not in the trash, `conflict` with the version that has the
    ///   name now, `forbidden` when that may not be deleted.
    /// - Returns: the version as it is now.
    public func restore(
        _ version: VersionRecord, _ policy: RestorePolicy, by authority: Authority,
        at now: Timestamp
    ) throws -> VersionRecord {
        if let taken = try findLiveVersion(version.name, of: version.package) {
            guard policy == .overwriting, taken.lifetime == .explicit else {
                throw RegistryError.nameTaken(taken.version)
            }
            try checkRemoving(taken.version, by: authority)
            _ = try moveVersionToTrash(taken.version.id, at: now)
        }
        guard try restoreVersion(version.id), let restored = try findVersion(version.id) else {
            throw RegistryError(.notFound, "the version is not in the trash")
        }
        try renewVersion(
            version.id, event: "version.restored", from: now,
            try findPeriods(ofNamespace: version.package.projectID))
        return restored
    }

    /// Brings back a file of a version that is not in the trash.
    ///
    /// - Throws: `notFound` when it is not in the trash, `conflict` with the file that has the name
    ///   now, `forbidden` when that may not be deleted.
    public func restore(
        _ file: PublishedFile, _ policy: RestorePolicy, by authority: Authority, at now: Timestamp
    ) throws {
        let (version, path) = (file.version, file.file.path)
        if let taken = try findFile(versionID: version.id, path: path) {
            guard policy == .overwriting else {
                throw RegistryError(
                    .conflict,
                    "the file \(taken.id), of \(taken.size) bytes and sha256 "
                        + "\(taken.digests.sha256.hex), has the name '\(path)' now",
                    reason: "file_exists", detail: ["file": String(taken.id)])
            }
            try packageProtection(of: version.package.projectID, for: authority)
                .checkRemoving(version.package.format, version.package.name)
            _ = try moveFileToTrash(taken, at: now)
        }
        guard try restoreFile(file.file.id) else {
            throw RegistryError(.notFound, "the file is not in the trash")
        }
    }

    /// Makes a removed tag name its version again.
    ///
    /// - Throws: `conflict` with what the tag names now, or when its version is in the trash itself;
    ///   `forbidden` or `conflict` when a rule keeps the tag from being set.
    /// - Returns: the tag as it is now.
    public func restore(
        _ removed: RemovedTagRecord, _ policy: RestorePolicy, by authority: Authority,
        at now: Timestamp
    ) throws -> TagRecord {
        let (version, package) = (removed.version, removed.version.package)
        guard version.deletedAt == nil else {
            throw RegistryError(
                .conflict,
                "the tag '\(removed.name)' named \(version.name), which is in the trash: restore "
                    + "that first",
                reason: "version_in_trash", detail: ["version": String(version.id)])
        }
        let current = try findTag(removed.name, packageID: package.id)
        let isMoving = current.map { $0.version.id != version.id } ?? false
        if let current, isMoving, policy == .refusing {
            throw RegistryError(
                .conflict,
                "the tag '\(removed.name)' names \(current.version.name) now",
                reason: "tag_taken", detail: ["version": String(current.version.id)])
        }
        try TagProtection(
            try listTagRules(projectID: package.projectID, format: package.format),
            role: authority.role
        ).checkSetting(removed.name, isMoving: isMoving)
        try setTag(removed.name, version: version, at: now)
        if let current, isMoving {
            try renewVersion(
                current.version.id, event: "tag.moved", from: now,
                try findPeriods(ofNamespace: package.projectID))
        }
        _ = try forgetRemovedTag(removed.id)
        guard let restored = try findTag(removed.name, packageID: package.id) else {
            throw RegistryError(.internalError, "the tag was set and cannot be found")
        }
        return restored
    }

    /// Brings back the versions of a package that were deleted together, the last ones that were,
    /// with those of their tags that nobody has set meanwhile. A version that was published again
    /// with the same content gets the tags.
    ///
    /// - Throws: `notFound` when nothing of it is in the trash, `conflict` with the version that has
    ///   one of the names now, `forbidden` when that may not be deleted.
    public func restoreVersions(
        of package: PackageRecord, _ policy: RestorePolicy, by authority: Authority,
        at now: Timestamp
    ) throws -> RestoredPackage {
        guard let deletedAt = try findLastDeletion(packageID: package.id) else {
            throw RegistryError(.notFound, "nothing of the package is in the trash")
        }
        for taken in try listTakenVersions(packageID: package.id, deletedAt: deletedAt) {
            guard policy == .overwriting else { throw RegistryError.nameTaken(taken) }
            try checkRemoving(taken, by: authority)
            _ = try moveVersionToTrash(taken.id, at: now)
        }
        let counts = try restoreVersions(packageID: package.id, deletedAt: deletedAt, at: now)
        let periods = try findPeriods(ofNamespace: package.projectID)
        if let end = periods.untagged.end(from: now) {
            try reviewUntaggedVersions(packageID: package.id, after: end)
        }
        return RestoredPackage(
            deletedAt: deletedAt, versionCount: counts.versions, tagCount: counts.tags)
    }
}

extension RegistryError {
    /// The refusal to bring back a version whose name another has.
    fileprivate static func nameTaken(_ version: VersionRecord) -> RegistryError {
        RegistryError(
            .conflict,
            "the version \(version.id), published \(version.createdAt.iso8601) by "
                + "\(version.creator), has the name '\(version.name)' now",
            reason: "version_taken", detail: ["version": String(version.id)])
    }
}
