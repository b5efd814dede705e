import Database
import Registry

/// Statements of the collector on `versions` and what belongs to them.
extension MetadataTransaction {
    func collectVersion(
        _ id: Int64, _ periods: CollectionPeriods, at now: Timestamp
    ) throws -> ReviewOutcome {
        let packageID = try first("SELECT package_id FROM versions WHERE id = \(id)") {
            try $0.integer()
        }
        guard let packageID else { return .absent }
        // Every publish locks this row first, so what is read from here on stays as it is.
        try session.execute("UPDATE packages SET updated_at = updated_at WHERE id = \(packageID)")
        let version = try first(
            "SELECT name, lifetime, deleted_at FROM versions WHERE id = \(id)"
        ) { row -> CollectedVersion in
            CollectedVersion(
                id: id, packageID: packageID, name: try row.text(),
                lifetime: try row.choice(), deletedAt: try row.optionalTimestamp())
        }
        guard let version else { return .absent }
        if let deletedAt = version.deletedAt {
            let end = deletedAt.advanced(bySeconds: periods.trash)
            guard end <= now else { return .postponed(until: end) }
            try delete(version, periods, at: now)
            return .collected(bytes: 0)
        }
        let next = try collectFiles(of: version, periods, at: now)
        if version.lifetime == .referenced, try !isReferenced(version, at: now) {
            try touchPackage(packageID, at: now)
            _ = try trashVersion(id, at: now)
            try delete(version, periods, at: now)
            return .collected(bytes: 0)
        }
        return next.map { .postponed(until: $0) } ?? .kept
    }

    /// Deletes the files of a version that have been in the trash long enough.
    ///
    /// - Returns: when the next of them will have been.
    private func collectFiles(
        of version: CollectedVersion, _ periods: CollectionPeriods, at now: Timestamp
    ) throws -> Timestamp? {
        let limit = now.advanced(bySeconds: -periods.trash)
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
        ) { try $0.optionalTimestamp() }?.advanced(bySeconds: periods.trash)
    }

    /// The most versions that are looked at to find out what keeps one.
    private static let keeperLimitCount = 1000

    /// Whether something keeps the version: a tag of its own, or a version that is kept, and that has
    /// it as a part or is its subject. Two that only keep each other keep nothing.
    private func isReferenced(_ version: CollectedVersion, at now: Timestamp) throws -> Bool {
        let isTagged = try first("SELECT 1 FROM tags WHERE version_id = \(version.id) LIMIT 1") {
            try $0.integer()
        }
        if isTagged != nil { return true }
        var seen: Set<Int64> = [version.id]
        var frontier = [(id: version.id, name: version.name)]
        while let next = frontier.popLast() {
            for keeper in try listKeepers(next.id, next.name, version.packageID, at: now) {
                // What is not looked at to its end is kept: too much is better than too little.
                if keeper.isRoot || seen.count >= Self.keeperLimitCount { return true }
                if seen.insert(keeper.id).inserted { frontier.append((keeper.id, keeper.name)) }
            }
        }
        return false
    }

    /// The versions that have this one as a part, and its subject. A root lives by itself for now: it
    /// is tagged, or in the trash from where it can be restored, or somebody will look at it later.
    private func listKeepers(
        _ id: Int64, _ name: String, _ packageID: Int64, at now: Timestamp
    ) throws -> [(id: Int64, name: String, isRoot: Bool)] {
        let columns: SQL = """
            v.id, v.name, CASE WHEN v.deleted_at IS NOT NULL OR v.lifetime <> 'referenced'
                OR EXISTS (SELECT 1 FROM tags t WHERE t.version_id = v.id)
                OR EXISTS (
                    SELECT 1 FROM reviews r WHERE r.subject_kind = 'version'
                        AND r.subject = CAST(v.id AS TEXT) AND r.review_after > \(now))
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
    let name: String
    let lifetime: VersionLifetime
    let deletedAt: Timestamp?
}
