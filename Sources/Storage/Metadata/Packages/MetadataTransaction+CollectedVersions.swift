import Database
import Registry

/// Statements of the collector on `versions` and what belongs to them.
extension MetadataTransaction {
    func collectVersion(
        _ id: Int64, _ periods: CollectionPeriods, at now: Timestamp
    ) throws -> ReviewOutcome {
        guard let version = try lockVersion(id) else { return .absent }
        let settings = try findSettings(ofNamespace: version.projectID)
        let periods = periods.completed(by: settings)
        return try collect(
            version, trashedBy: periods.trash.latestStart(endedAt: now), periods, at: now)
    }

    func emptyTrash(
        ofVersion id: Int64, deletedBefore moment: Timestamp, _ periods: CollectionPeriods,
        at now: Timestamp
    ) throws -> ReviewOutcome {
        guard let version = try lockVersion(id) else { return .absent }
        let settings = try findSettings(ofNamespace: version.projectID)
        let periods = periods.completed(by: settings)
        return try collect(
            version, trashedBy: max(moment, periods.trash.latestStart(endedAt: now)), periods,
            at: now)
    }

    /// The version, whose package's row is locked from here on. Every publish and every restoration
    /// locks this row first, so what is read stays as it is.
    private func lockVersion(_ id: Int64) throws -> CollectedVersion? {
        let packageID = try first("SELECT package_id FROM versions WHERE id = \(id)") {
            try $0.integer()
        }
        guard let packageID else { return nil }
        try session.execute("UPDATE packages SET updated_at = updated_at WHERE id = \(packageID)")
        return try first(
            """
            SELECT p.project_id, v.name, v.lifetime, v.deleted_at, v.needed_at, d.last_pulled_at
            FROM versions v JOIN packages p ON p.id = v.package_id
            LEFT JOIN version_pulls d ON d.version_id = v.id WHERE v.id = \(id)
            """
        ) { row -> CollectedVersion in
            CollectedVersion(
                id: id, packageID: packageID, projectID: try row.integer(), name: try row.text(),
                lifetime: try row.choice(), deletedAt: try row.optionalTimestamp(),
                neededAt: try max(
                    row.timestamp(), row.optionalTimestamp() ?? Timestamp(microseconds: .min)))
        }
    }

    /// Collects what went to the trash at `limit` or before, and what nothing keeps.
    private func collect(
        _ version: CollectedVersion, trashedBy limit: Timestamp, _ periods: CollectionPeriods,
        at now: Timestamp
    ) throws -> ReviewOutcome {
        if let deletedAt = version.deletedAt, deletedAt <= limit {
            try delete(version, periods, at: now)
            return .collected(bytes: 0)
        }
        var moments = [
            version.deletedAt.flatMap { periods.trash.end(from: $0) },
            try collectFiles(of: version, trashedBy: limit, periods, at: now),
            try collectRemovedTags(of: version, trashedBy: limit, periods),
        ]
        if version.deletedAt == nil, version.lifetime == .referenced, try !isNamed(version) {
            let end = periods.untagged.end(from: version.neededAt)
            if let end, end <= now, try !isReferenced(version, periods, at: now) {
                try touchPackage(version.packageID, at: now)
                _ = try trashVersion(version.id, at: now)
                try delete(version, periods, at: now)
                return .collected(bytes: 0)
            }
            if let end, end > now { moments.append(end) }
        }
        return moments.compactMap(\.self).min().map { .postponed(until: $0) } ?? .kept
    }

    /// Deletes the files of a version that went to the trash at `limit` or before.
    ///
    /// - Returns: when the next of them will have been there long enough.
    private func collectFiles(
        of version: CollectedVersion, trashedBy limit: Timestamp, _ periods: CollectionPeriods,
        at now: Timestamp
    ) throws -> Timestamp? {
        let digests = try all(
            """
            DELETE FROM files WHERE version_id = \(version.id) AND deleted_at <= \(limit)
            RETURNING blob_digest
            """
        ) { try Digest(parsing: $0.text()) }
        try reviewBlobs(digests, periods, at: now)
        return try one(
            """
            SELECT MIN(deleted_at) FROM files
            WHERE version_id = \(version.id) AND deleted_at IS NOT NULL
            """
        ) { try $0.optionalTimestamp() }.flatMap { periods.trash.end(from: $0) }
    }

    /// Deletes removed tags of a version that went to the trash at `limit` or before.
    ///
    /// - Returns: when the next of them will have been there long enough.
    private func collectRemovedTags(
        of version: CollectedVersion, trashedBy limit: Timestamp, _ periods: CollectionPeriods
    ) throws -> Timestamp? {
        try session.execute(
            "DELETE FROM removed_tags WHERE version_id = \(version.id) AND deleted_at <= \(limit)")
        return try one(
            "SELECT MIN(deleted_at) FROM removed_tags WHERE version_id = \(version.id)"
        ) { try $0.optionalTimestamp() }.flatMap { periods.trash.end(from: $0) }
    }

    /// Whether a tag names the version, or a removed one that can still be restored.
    private func isNamed(_ version: CollectedVersion) throws -> Bool {
        try first(
            """
            SELECT 1 FROM tags WHERE version_id = \(version.id)
            UNION ALL SELECT 1 FROM removed_tags WHERE version_id = \(version.id) LIMIT 1
            """
        ) { try $0.integer() } != nil
    }

    /// The most versions that are looked at to find out what keeps one.
    private static let keeperLimitCount = 1000

    /// Whether something keeps a version that no tag names: a version that is kept, and that has it as
    /// a part or is its subject. Two that only keep each other keep nothing.
    private func isReferenced(
        _ version: CollectedVersion, _ periods: CollectionPeriods, at now: Timestamp
    ) throws -> Bool {
        var seen: Set<Int64> = [version.id]
        var frontier = [(id: version.id, name: version.name)]
        while let next = frontier.popLast() {
            let keepers = try listKeepers(next.id, next.name, version.packageID, periods, at: now)
            for keeper in keepers {
                // What is not looked at to its end is kept: too much is better than too little.
                if keeper.isRoot || seen.count >= Self.keeperLimitCount { return true }
                if seen.insert(keeper.id).inserted { frontier.append((keeper.id, keeper.name)) }
            }
        }
        return false
    }

    /// The versions that have this one as a part, and its subject. A root lives by itself for now: it
    /// has a tag, or one that can be restored; or it can be restored itself; or it was needed lately.
    private func listKeepers(
        _ id: Int64, _ name: String, _ packageID: Int64, _ periods: CollectionPeriods,
        at now: Timestamp
    ) throws -> [(id: Int64, name: String, isRoot: Bool)] {
        let unneeded = periods.untagged.latestStart(endedAt: now)
        let columns: SQL = """
            v.id, v.name, CASE WHEN v.deleted_at IS NOT NULL OR v.lifetime <> 'referenced'
                OR v.needed_at > \(unneeded) OR EXISTS (
                    SELECT 1 FROM version_pulls d
                    WHERE d.version_id = v.id AND d.last_pulled_at > \(unneeded))
                OR EXISTS (SELECT 1 FROM tags t WHERE t.version_id = v.id)
                OR EXISTS (
                    SELECT 1 FROM removed_tags g WHERE g.version_id = v.id
                        AND g.deleted_at > \(periods.trash.latestStart(endedAt: now)))
            THEN 1 ELSE 0 END
            """
        return try all(
            """
            SELECT \(columns) FROM version_links k JOIN versions v ON v.id = k.version_id
            WHERE k.target_digest = \(name) AND k.kind = 'child' AND v.package_id = \(packageID)
            UNION
            SELECT \(columns) FROM version_links k
            JOIN versions v ON v.package_id = \(packageID) AND v.name = k.target_digest
            WHERE k.version_id = \(id) AND k.kind = 'subject'
            """
        ) { (id: try $0.integer(), name: try $0.text(), isRoot: try $0.integer() == 1) }
    }

    /// Deletes a version that does not count any more, and asks for a look at what it held.
    private func delete(
        _ version: CollectedVersion, _ periods: CollectionPeriods, at now: Timestamp
    ) throws {
        let digests = try all(
            "DELETE FROM files WHERE version_id = \(version.id) RETURNING blob_digest"
        ) { try Digest(parsing: $0.text()) }
        let others = try all(
            """
            SELECT v.id FROM version_links k
            JOIN versions v ON v.package_id = \(version.packageID) AND v.name = k.target_digest
            WHERE k.version_id = \(version.id) AND k.kind = 'child'
            UNION
            SELECT v.id FROM version_links k JOIN versions v ON v.id = k.version_id
            WHERE k.target_digest = \(version.name) AND k.kind = 'subject'
                AND v.package_id = \(version.packageID)
            """
        ) { try $0.integer() }
        try session.execute("DELETE FROM versions WHERE id = \(version.id)")
        try reviewBlobs(digests, periods, at: now)
        for other in others.sorted() where other != version.id {
            try upsertReview(.version(other), event: "version.collected", after: now)
        }
    }

    private func reviewBlobs(
        _ digests: [Digest], _ periods: CollectionPeriods, at now: Timestamp
    ) throws {
        let moment = now.advanced(bySeconds: periods.unreferencedBlob)
        for digest in Set(digests).sorted(by: { $0.hex < $1.hex }) {
            try upsertReview(.blob(digest), event: "version.collected", after: moment)
        }
    }
}

/// A version under the lock of its package.
private struct CollectedVersion {
    let id: Int64
    let packageID: Int64
    let projectID: Int64
    let name: String
    let lifetime: VersionLifetime
    let deletedAt: Timestamp?
    /// When it was last published, restored, pulled, or lost a tag.
    let neededAt: Timestamp
}
