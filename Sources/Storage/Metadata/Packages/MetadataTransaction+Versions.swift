import Database
import Registry

/// Statements on `versions` and `tags`.
extension MetadataTransaction {
    static let versionColumns: SQL = """
        v.id, v.name, v.status, v.attributes, v.creator, v.creator_id, v.pipeline_id, v.ref,
        v.sha, v.created_at, COALESCE(v.deleted_at, p.deleted_at)
        """

    private static let versionSource: SQL = """
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
        package: PackageRecord, name: String, status: VersionStatus, attributes: String,
        actor: Actor, at now: Timestamp
    ) throws -> (version: VersionRecord, isNew: Bool) {
        let build = actor.principal.build
        let inserted = try first(
            """
            INSERT INTO versions (
                package_id, name, status, attributes, creator, creator_id, pipeline_id, ref,
                sha, created_at)
            VALUES (
                \(package.id), \(name), \(status.rawValue), \(attributes),
                \(actor.principal.label), \(actor.principal.userID), \(build.pipelineID),
                \(build.ref), \(build.sha), \(now))
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
                UPDATE versions SET deleted_at = NULL
                WHERE id = \(id) AND deleted_at IS NOT NULL
                """) == 1
        }
    }

    func setTag(_ name: String, version: VersionRecord, at now: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO tags (package_id, name, version_id, updated_at)
            VALUES (\(version.package.id), \(name), \(version.id), \(now))
            ON CONFLICT (package_id, name) DO UPDATE SET
                version_id = excluded.version_id, updated_at = excluded.updated_at
            """)
    }

    func listTags(versionIDs: [Int64]) throws -> [Int64: [String]] {
        var names: [Int64: [String]] = [:]
        for part in versionIDs.chunks() {
            let rows = try all(
                """
                SELECT version_id, name FROM tags WHERE version_id IN \(SQL.list(part))
                ORDER BY version_id, name
                """
            ) { (id: try $0.integer(), name: try $0.text()) }
            for row in rows { names[row.id, default: []].append(row.name) }
        }
        return names
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
