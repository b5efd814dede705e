import Database
import Registry

/// Statements on `removed_tags`, and lists of what is in the trash.
extension MetadataTransaction {
    private static let removedTagColumns: SQL = """
        g.id, g.name, g.updated_at, g.deleted_at, g.remover, \(packageColumns), \(versionColumns)
        """

    private static let removedTagSource: SQL = """
        removed_tags g JOIN versions v ON v.id = g.version_id
        JOIN packages p ON p.id = g.package_id JOIN namespaces n ON n.id = p.project_id
        """

    func trashTag(
        _ name: String, packageID: Int64, actor: Actor, at now: Timestamp
    ) throws -> Bool {
        let count = try session.execute(
            """
            INSERT INTO removed_tags (
                package_id, name, version_id, updated_at, deleted_at, remover, remover_id)
            SELECT t.package_id, t.name, t.version_id, t.updated_at, \(now),
                \(actor.principal.label), \(actor.principal.userID)
            FROM tags t JOIN versions v ON v.id = t.version_id
            WHERE t.package_id = \(packageID) AND t.name = \(name) AND v.deleted_at IS NULL
            """)
        guard count == 1 else { return false }
        return try removeTag(name, packageID: packageID)
    }

    func forgetRemovedTag(_ id: Int64) throws -> Bool {
        try session.execute("DELETE FROM removed_tags WHERE id = \(id)") == 1
    }

    func findRemovedTag(_ name: String, packageID: Int64) throws -> RemovedTagRecord? {
        try first(
            """
            SELECT \(Self.removedTagColumns) FROM \(Self.removedTagSource)
            WHERE g.package_id = \(packageID) AND g.name = \(name) AND n.deleted_at IS NULL
            ORDER BY g.deleted_at DESC, g.id DESC LIMIT 1
            """
        ) { try RemovedTagRecord(&$0) }
    }

    func findRemovedTag(_ id: Int64, projectID: Int64) throws -> RemovedTagRecord? {
        try first(
            """
            SELECT \(Self.removedTagColumns) FROM \(Self.removedTagSource)
            WHERE g.id = \(id) AND p.project_id = \(projectID) AND n.deleted_at IS NULL
            """
        ) { try RemovedTagRecord(&$0) }
    }

    func listRemovedTags(
        projectID: Int64, packageID: Int64?, page request: PageRequest
    ) throws -> Page<RemovedTagRecord> {
        let ofPackage: SQL = packageID.map { "AND p.id = \($0)" } ?? ""
        return try page(
            Self.removedTagColumns,
            from: """
                \(Self.removedTagSource)
                WHERE p.project_id = \(projectID) AND n.deleted_at IS NULL \(ofPackage)
                """,
            order: "g.deleted_at DESC, g.id DESC", request
        ) { try RemovedTagRecord(&$0) }
    }

    func listDeletedFiles(
        projectID: Int64, packageID: Int64?, page request: PageRequest
    ) throws -> Page<PublishedFile> {
        let ofPackage: SQL = packageID.map { "AND p.id = \($0)" } ?? ""
        return try page(
            "\(Self.packageColumns), \(Self.versionColumns), \(Self.fileColumns)",
            from: """
                files f JOIN blobs b ON b.digest = f.blob_digest
                JOIN versions v ON v.id = f.version_id JOIN packages p ON p.id = v.package_id
                JOIN namespaces n ON n.id = p.project_id
                WHERE p.project_id = \(projectID) AND n.deleted_at IS NULL
                    AND p.deleted_at IS NULL AND v.deleted_at IS NULL
                    AND f.deleted_at IS NOT NULL \(ofPackage)
                """,
            order: "f.deleted_at DESC, f.id DESC", request
        ) { try PublishedFile(&$0) }
    }

    func listDeletedPackages(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        page request: PageRequest
    ) throws -> Page<DeletedPackage> {
        let last: SQL = """
            SELECT MAX(v.deleted_at) FROM versions v WHERE v.package_id = p.id
            """
        return try page(
            """
            \(Self.listingColumns), (\(last)),
            (SELECT COUNT(*) FROM versions w
                WHERE w.package_id = p.id AND w.deleted_at = (\(last)))
            """,
            from: """
                packages p JOIN namespaces n ON n.id = p.project_id
                WHERE p.format = \(format) AND p.deleted_at IS NULL
                    AND NOT \(Self.hasVersions) AND EXISTS (
                        SELECT 1 FROM versions v
                        WHERE v.package_id = p.id AND v.deleted_at IS NOT NULL)
                    AND \(isCovered(by: projects, for: reader))
                """,
            order: "p.id", request
        ) { row in
            DeletedPackage(
                listing: try PackageListing(&row), deletedAt: try row.timestamp(),
                versionCount: Int(try row.integer()))
        }
    }

    func listVersionsWithTrash(
        projectID: Int64, packageID: Int64?, deletedBefore moment: Timestamp, after last: Int64,
        limit: Int
    ) throws -> [Int64] {
        let ofPackage: SQL = packageID.map { "AND p.id = \($0)" } ?? ""
        return try all(
            """
            SELECT v.id FROM versions v JOIN packages p ON p.id = v.package_id
            WHERE p.project_id = \(projectID) \(ofPackage) AND v.id > \(last)
                AND (v.deleted_at <= \(moment) OR EXISTS (
                    SELECT 1 FROM files f WHERE f.version_id = v.id AND f.deleted_at <= \(moment))
                OR EXISTS (
                    SELECT 1 FROM removed_tags g
                    WHERE g.version_id = v.id AND g.deleted_at <= \(moment)))
            ORDER BY v.id LIMIT \(limit)
            """
        ) { try $0.integer() }
    }
}

/// Statements on whole packages that come back from the trash.
extension MetadataTransaction {
    func findLiveVersion(
        _ name: String, of package: PackageRecord
    ) throws -> (version: VersionRecord, lifetime: VersionLifetime)? {
        try first(
            """
            SELECT v.lifetime, \(Self.packageColumns), \(Self.versionColumns)
            FROM \(Self.versionSource)
            WHERE v.package_id = \(package.id) AND v.name = \(name) AND v.deleted_at IS NULL
                AND n.deleted_at IS NULL
            """
        ) { row in
            let lifetime = try row.choice(VersionLifetime.self)
            return (try VersionRecord(&row), lifetime)
        }
    }

    func findLastDeletion(packageID: Int64) throws -> Timestamp? {
        try one("SELECT MAX(deleted_at) FROM versions WHERE package_id = \(packageID)") {
            try $0.optionalTimestamp()
        }
    }

    func listTakenVersions(packageID: Int64, deletedAt: Timestamp) throws -> [VersionRecord] {
        try all(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns) FROM \(Self.versionSource)
            WHERE v.package_id = \(packageID) AND v.deleted_at IS NULL
                AND v.lifetime = \(VersionLifetime.explicit.rawValue) AND EXISTS (
                    SELECT 1 FROM versions d WHERE d.package_id = \(packageID)
                        AND d.deleted_at = \(deletedAt) AND d.name = v.name)
            ORDER BY v.id
            """
        ) { try VersionRecord(&$0) }
    }

    func restoreVersions(
        packageID: Int64, deletedAt: Timestamp, at now: Timestamp
    ) throws -> (versions: Int, tags: Int) {
        // The same content under the same name: what was published again gets the tags.
        let twin: SQL = """
            SELECT l.id FROM versions d JOIN versions l ON l.package_id = d.package_id
                AND l.name = d.name AND l.deleted_at IS NULL
            WHERE d.id = tags.version_id
            """
        let moved = try session.execute(
            """
            UPDATE tags SET version_id = (\(twin))
            WHERE package_id = \(packageID) AND EXISTS (\(twin)) AND version_id IN (
                SELECT id FROM versions
                WHERE package_id = \(packageID) AND deleted_at = \(deletedAt))
            """)
        let restored = try one(
            """
            SELECT COUNT(*) FROM tags t JOIN versions v ON v.id = t.version_id
            WHERE t.package_id = \(packageID) AND v.deleted_at = \(deletedAt)
            """
        ) { try $0.integer() }
        let versions = try session.execute(
            """
            UPDATE versions SET deleted_at = NULL,
                needed_at = CASE WHEN needed_at < \(now) THEN \(now) ELSE needed_at END
            WHERE package_id = \(packageID) AND deleted_at = \(deletedAt) AND NOT EXISTS (
                SELECT 1 FROM versions l WHERE l.package_id = \(packageID)
                    AND l.name = versions.name AND l.deleted_at IS NULL)
            """)
        try session.execute(
            """
            UPDATE packages SET size_bytes = (
                SELECT CAST(COALESCE(SUM(b.size), 0) AS {integer}) FROM blobs b
                WHERE b.digest IN (
                    SELECT f.blob_digest FROM files f JOIN versions v ON v.id = f.version_id
                    WHERE f.package_id = packages.id
                        AND f.deleted_at IS NULL AND v.deleted_at IS NULL))
            WHERE id = \(packageID)
            """)
        return (versions, moved + Int(restored))
    }

    func reviewUntaggedVersions(packageID: Int64, after moment: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO reviews (subject_kind, subject, event, review_after, attempts)
            SELECT 'version', CAST(v.id AS TEXT), 'version.restored', \(moment), 0
            FROM versions v WHERE v.package_id = \(packageID) AND v.deleted_at IS NULL
                AND v.lifetime = \(VersionLifetime.referenced.rawValue)
                AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.version_id = v.id)
            ON CONFLICT (subject_kind, subject) DO UPDATE SET
                event = excluded.event, attempts = 0, failure = NULL,
                review_after = CASE WHEN reviews.review_after < excluded.review_after
                    THEN excluded.review_after ELSE reviews.review_after END
            """)
    }

    func noteNeed(ofVersion id: Int64, at moment: Timestamp) throws {
        try session.execute(
            "UPDATE versions SET needed_at = \(moment) WHERE id = \(id) AND needed_at < \(moment)")
    }
}

extension RemovedTagRecord {
    /// The next columns, as `removedTagColumns` lists them.
    fileprivate init(_ row: inout SQLRow) throws {
        let (id, name) = (try row.integer(), try row.text())
        let (updatedAt, deletedAt) = (try row.timestamp(), try row.timestamp())
        let remover = try row.text()
        self.init(
            id: id, name: name, version: try VersionRecord(&row), updatedAt: updatedAt,
            deletedAt: deletedAt, remover: remover)
    }
}
