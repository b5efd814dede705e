import Database
import Registry

/// Statements on `packages`, and the conditions that queries of packages, versions and files share.
///
/// Aliases: `p` package, `n` its project, `v` version, `f` file, `b` blob.
extension MetadataTransaction {
    static let packageColumns: SQL = """
        p.id, p.project_id, p.format, p.name, p.revision, p.attributes, p.created_at, p.updated_at
        """

    func findPackage(projectID: Int64, format: FormatID, name: String) throws -> PackageRecord? {
        try first(
            """
            SELECT \(Self.packageColumns)
            FROM packages p JOIN namespaces n ON n.id = p.project_id
            WHERE p.project_id = \(projectID) AND p.format = \(format) AND p.name = \(name)
                AND p.deleted_at IS NULL AND n.deleted_at IS NULL
            """
        ) { try PackageRecord(&$0) }
    }

    func upsertPackage(
        projectID: Int64, format: FormatID, name: String, at now: Timestamp
    ) throws -> PackageRecord {
        let record = try first(
            """
            INSERT INTO packages AS p (
                project_id, format, name, name_key, address, revision, created_at, updated_at)
            SELECT n.id, \(format), \(name), \(name.lowercased()), \(Self.address(of: name)), 1,
                \(now), \(now)
            FROM namespaces n
            WHERE n.id = \(projectID) AND n.kind = \(NamespaceKind.project.rawValue)
                AND n.deleted_at IS NULL
            ON CONFLICT (project_id, format, name) DO UPDATE SET
                revision = p.revision + 1, updated_at = excluded.updated_at
            WHERE p.deleted_at IS NULL
            RETURNING id, project_id, format, name, revision, attributes, created_at, updated_at
            """
        ) { try PackageRecord(&$0) }
        guard let record else {
            throw RegistryError(.notFound, "there is no such project any more")
        }
        return record
    }

    func ensurePackage(
        projectID: Int64, format: FormatID, name: String, at now: Timestamp
    ) throws -> PackageRecord {
        if let known = try findPackage(projectID: projectID, format: format, name: name) {
            return known
        }
        return try upsertPackage(projectID: projectID, format: format, name: name, at: now)
    }

    /// Where clients find a package of this name in the project `n`.
    private static func address(of name: String) -> SQL {
        name.isEmpty ? "n.path_key" : "n.path_key || \("/" + name)"
    }

    /// Whether the package `p` has a version that is not in the trash.
    static let hasVersions: SQL = """
        EXISTS (SELECT 1 FROM versions v WHERE v.package_id = p.id AND v.deleted_at IS NULL)
        """

    static let listingColumns: SQL = """
        \(packageColumns), p.address,
        (SELECT COUNT(*) FROM tags t JOIN versions v ON v.id = t.version_id
            WHERE t.package_id = p.id AND v.deleted_at IS NULL),
        p.size_bytes
        """

    func listPackageAddresses(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        after last: String?, limit: Int
    ) throws -> [String] {
        try all(
            """
            SELECT p.address FROM packages p JOIN namespaces n ON n.id = p.project_id
            WHERE p.format = \(format) AND p.deleted_at IS NULL AND p.address > \(last ?? "")
                AND \(Self.hasVersions) AND \(isCovered(by: projects, for: reader))
            ORDER BY p.address LIMIT \(limit)
            """
        ) { try $0.text() }
    }

    func listPackages(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        page request: PageRequest
    ) throws -> Page<PackageListing> {
        try page(
            Self.listingColumns,
            from: """
                packages p JOIN namespaces n ON n.id = p.project_id
                WHERE p.format = \(format) AND p.deleted_at IS NULL
                    AND \(Self.hasVersions) AND \(isCovered(by: projects, for: reader))
                """,
            order: "p.id", request
        ) { try PackageListing(&$0) }
    }

    func findPackage(_ id: Int64) throws -> PackageListing? {
        try first(
            """
            SELECT \(Self.listingColumns)
            FROM packages p JOIN namespaces n ON n.id = p.project_id
            WHERE p.id = \(id) AND p.deleted_at IS NULL AND n.deleted_at IS NULL
            """
        ) { try PackageListing(&$0) }
    }

    func measureBlobs(format: FormatID, atOrBelow address: String) throws -> Int64 {
        // What lies below begins with a slash; '0' is the character behind it.
        try one(
            """
            SELECT CAST(COALESCE(SUM(b.size), 0) AS {integer}) FROM blobs b WHERE b.digest IN (
                SELECT f.blob_digest FROM packages p
                JOIN namespaces n ON n.id = p.project_id
                JOIN files f ON f.package_id = p.id
                JOIN versions v ON v.id = f.version_id
                WHERE p.format = \(format) AND p.deleted_at IS NULL AND n.deleted_at IS NULL
                    AND (p.address = \(address)
                        OR (p.address >= \(address + "/") AND p.address < \(address + "0")))
                    AND f.deleted_at IS NULL AND v.deleted_at IS NULL)
            """
        ) { try $0.integer() }
    }

    func touchPackage(_ id: Int64, at now: Timestamp) throws {
        try session.execute(
            """
            UPDATE packages SET revision = revision + 1, updated_at = \(now) WHERE id = \(id)
            """)
    }

    /// What keeps a query to `projects`, to what `reader` may read, and away from removed projects.
    func isCovered(by projects: ProjectSet, for reader: PackageReader) -> SQL {
        var conditions: [SQL] = ["n.deleted_at IS NULL"]
        switch projects {
        case .project(let id):
            conditions.append("p.project_id = \(id)")
        case .below(let id):
            conditions.append(
                """
                p.project_id IN (
                    SELECT namespace_id FROM namespace_ancestors WHERE ancestor_id = \(id))
                """)
        case .instance: break
        }
        if let readable = isReadable(by: reader, atLeast: .reporter) {
            conditions.append(readable)
        }
        return Self.all(of: conditions)
    }
}

extension PackageListing {
    /// The next columns, as `listingColumns` lists them.
    init(_ row: inout SQLRow) throws {
        self.init(
            package: try PackageRecord(&row), address: try row.text(),
            tagCount: Int(try row.integer()), sizeBytes: try row.integer())
    }
}

extension PackageRecord {
    /// The next columns, as `packageColumns` lists them.
    init(_ row: inout SQLRow) throws {
        self.init(
            id: try row.integer(), projectID: try row.integer(),
            format: FormatID(stored: try row.text()), name: try row.text(),
            revision: try row.integer(), attributes: try row.text(), createdAt: try row.timestamp(),
            updatedAt: try row.timestamp())
    }
}
