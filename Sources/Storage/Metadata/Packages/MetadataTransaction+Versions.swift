import Database
import Registry

/// Statements on `versions`.
extension MetadataTransaction {
    static let versionColumns: SQL = """
        v.id, v.name, v.status, v.attributes, v.creator, v.creator_id, v.pipeline_id, v.ref,
        v.sha, v.created_at, COALESCE(v.deleted_at, p.deleted_at)
        """

    static let versionSource: SQL = """
        versions v JOIN packages p ON p.id = v.package_id
        JOIN namespaces n ON n.id = p.project_id
        """

    func findVersions(
        format: FormatID, package: String, version: String, in projects: ProjectSet,
        readableBy reader: PackageReader, limit: Int
    ) throws -> [VersionRecord] {
        try all(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns) FROM \(Self.versionSource)
            WHERE p.format = \(format) AND p.name = \(package) AND v.name = \(version)
                AND v.deleted_at IS NULL AND p.deleted_at IS NULL
                AND \(isCovered(by: projects, for: reader))
            ORDER BY v.created_at DESC, v.id DESC LIMIT \(limit)
            """
        ) { try VersionRecord(&$0) }
    }

    func findVersion(_ id: Int64) throws -> VersionRecord? {
        try first(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns) FROM \(Self.versionSource)
            WHERE v.id = \(id) AND n.deleted_at IS NULL
            """
        ) { try VersionRecord(&$0) }
    }

    func findDeletedVersion(packageID: Int64, name: String) throws -> VersionRecord? {
        try first(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns) FROM \(Self.versionSource)
            WHERE v.package_id = \(packageID) AND v.name = \(name) AND v.deleted_at IS NOT NULL
                AND n.deleted_at IS NULL
            ORDER BY v.deleted_at DESC, v.id DESC LIMIT 1
            """
        ) { try VersionRecord(&$0) }
    }

    func listVersions(
        _ filter: VersionFilter, in projects: ProjectSet, readableBy reader: PackageReader,
        page request: PageRequest
    ) throws -> Page<VersionRecord> {
        var conditions = [isCovered(by: projects, for: reader)]
        conditions.append(
            filter.isDeleted
                ? "COALESCE(v.deleted_at, p.deleted_at) IS NOT NULL"
                : "v.deleted_at IS NULL AND p.deleted_at IS NULL")
        if let format = filter.format { conditions.append("p.format = \(format)") }
        if !filter.excludedFormats.isEmpty {
            let names = filter.excludedFormats.map(\.name).sorted()
            conditions.append("p.format NOT IN \(SQL.list(names))")
        }
        if let part = filter.nameContains?.lowercased(), !part.isEmpty {
            conditions.append("{position}(p.name_key, \(part)) > 0")
        }
        if let name = filter.packageName { conditions.append("p.name = \(name)") }
        if let name = filter.versionName { conditions.append("v.name = \(name)") }
        let statuses =
            filter.statuses ?? Set(VersionStatus.allCases).subtracting([.hidden, .error])
        guard !statuses.isEmpty else { return Page(rows: [], totalCount: 0, request: request) }
        conditions.append("v.status IN \(SQL.list(statuses.map(\.rawValue).sorted()))")
        return try page(
            "\(Self.packageColumns), \(Self.versionColumns)",
            from: "\(Self.versionSource) WHERE \(Self.all(of: conditions))",
            order: Self.order(filter.order, filter.direction), request
        ) { try VersionRecord(&$0) }
    }

    func insertVersion(
        package: PackageRecord, name: String, status: VersionStatus, lifetime: VersionLifetime,
        attributes: String, actor: Actor, at now: Timestamp
    ) throws -> (version: VersionRecord, isNew: Bool) {
        let build = actor.principal.build
        let inserted = try first(
            """
            INSERT INTO versions (
                package_id, name, status, lifetime, attributes, creator, creator_id, pipeline_id,
                ref, sha, created_at, needed_at)
            VALUES (
                \(package.id), \(name), \(status.rawValue), \(lifetime.rawValue), \(attributes),
                \(actor.principal.label), \(actor.principal.userID), \(build.pipelineID),
                \(build.ref), \(build.sha), \(now), \(now))
            ON CONFLICT (package_id, name) WHERE deleted_at IS NULL DO NOTHING
            RETURNING id
            """
        ) { try $0.integer() }
        let version = try first(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns) FROM \(Self.versionSource)
            WHERE v.package_id = \(package.id) AND v.name = \(name) AND v.deleted_at IS NULL
            """
        ) { try VersionRecord(&$0) }
        guard let version else {
            // Only without the lock on the package's row could it go in between.
            throw RegistryError(.conflict, "the version '\(name)' was removed meanwhile")
        }
        return (version, inserted != nil)
    }

    func updateVersion(_ id: Int64, status: VersionStatus?, attributes: String?) throws {
        try session.execute(
            """
            UPDATE versions SET
                status = COALESCE(\(status?.rawValue), status),
                attributes = COALESCE(\(attributes), attributes)
            WHERE id = \(id)
            """)
    }

    /// Files and tags keep their rows: they are in the trash because their version is, and come
    /// back with it.
    func trashVersion(_ id: Int64, at now: Timestamp) throws -> Bool {
        try session.execute(
            """
            UPDATE packages SET size_bytes = size_bytes - \(Self.ownBytes(ofVersion: id))
            WHERE id = (SELECT package_id FROM versions WHERE id = \(id) AND deleted_at IS NULL)
            """)
        let count = try session.execute(
            """
            UPDATE versions SET deleted_at = \(now) WHERE id = \(id) AND deleted_at IS NULL
            """)
        return count == 1
    }

    func restoreVersion(_ id: Int64) throws -> Bool {
        try orConflict(
            "another version of the same name was published meanwhile", reason: "version_taken"
        ) {
            try session.execute(
                """
                UPDATE packages SET size_bytes = size_bytes + \(Self.ownBytes(ofVersion: id))
                WHERE id = (
                    SELECT package_id FROM versions WHERE id = \(id) AND deleted_at IS NOT NULL)
                """)
            return try session.execute(
                """
                UPDATE versions SET deleted_at = NULL
                WHERE id = \(id) AND deleted_at IS NOT NULL
                """) == 1
        }
    }

    func trashVersions(
        packageID: Int64, at now: Timestamp, reviewAfter moment: Timestamp?
    ) throws -> Int {
        try session.execute("UPDATE packages SET size_bytes = 0 WHERE id = \(packageID)")
        if let moment { try reviewVersions(packageID: packageID, after: moment) }
        return try session.execute(
            """
            UPDATE versions SET deleted_at = \(now)
            WHERE package_id = \(packageID) AND deleted_at IS NULL
            """)
    }

    private func reviewVersions(packageID: Int64, after moment: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO reviews (subject_kind, subject, event, review_after, attempts)
            SELECT 'version', '' || v.id, 'version.trashed', \(moment), 0
            FROM versions v WHERE v.package_id = \(packageID) AND v.deleted_at IS NULL
            ON CONFLICT (subject_kind, subject) DO UPDATE SET
                event = excluded.event,
                attempts = 0,
                review_after = CASE WHEN reviews.review_after < excluded.review_after
                    THEN excluded.review_after ELSE reviews.review_after END
            """)
    }

    func filterKnownVersions(_ names: [String], packageID: Int64) throws -> Set<String> {
        var known: Set<String> = []
        for part in names.chunks() {
            known.formUnion(
                try all(
                    """
                    SELECT name FROM versions
                    WHERE package_id = \(packageID) AND deleted_at IS NULL
                        AND name IN \(SQL.list(part))
                    """
                ) { try $0.text() })
        }
        return known
    }

    /// Bytes of the blobs of a version that no other version of the package `packages` names.
    private static func ownBytes(ofVersion id: Int64) -> SQL {
        """
        (SELECT CAST(COALESCE(SUM(b.size), 0) AS {integer}) FROM blobs b
        WHERE b.digest IN (
            SELECT f.blob_digest FROM files f
            WHERE f.version_id = \(id) AND f.deleted_at IS NULL)
            AND NOT EXISTS (
                SELECT 1 FROM files o JOIN versions w ON w.id = o.version_id
                WHERE o.blob_digest = b.digest AND o.package_id = packages.id
                    AND o.version_id <> \(id)
                    AND o.deleted_at IS NULL AND w.deleted_at IS NULL))
        """
    }

    private static func order(
        _ order: VersionFilter.Order, _ direction: SortDirection
    ) -> SQL {
        let columns: [SQL] =
            switch order {
            case .createdAt: ["v.created_at", "v.id"]
            case .name: ["p.name", "v.name", "v.id"]
            case .version: ["v.name", "v.id"]
            case .type: ["p.format", "p.name", "v.name", "v.id"]
            case .projectPath: ["n.path_key", "p.name", "v.name", "v.id"]
            }
        let word: SQL =
            switch direction {
            case .ascending: " ASC"
            case .descending: " DESC"
            }
        return SQL.joined(columns.map { "\($0)\(word)" }, separator: ", ")
    }
}

extension VersionRecord {
    /// The next columns, as `packageColumns` and `versionColumns` list them.
    init(_ row: inout SQLRow) throws {
        let package = try PackageRecord(&row)
        self.init(
            id: try row.integer(), package: package, name: try row.text(),
            status: try row.choice(), attributes: try row.text(), creator: try row.text(),
            creatorID: try row.optionalInteger(), build: try row.build(),
            createdAt: try row.timestamp(), deletedAt: try row.optionalTimestamp())
    }
}

extension Principal {
    /// What the CI server said about the job; empty for every other principal.
    fileprivate var build: BuildRecord {
        if case .job(let job) = self { job.build } else { BuildRecord() }
    }
}
