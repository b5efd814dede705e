import Database
import Registry

/// Statements on `packages`, and the conditions that queries of packages, versions and files share.
///
/// Aliases: `p` package, `n` its project, `v` version, `f` file, `b` blob.
extension MetadataTransaction {
    static let packageColumns: SQL = """
        p.id, p.project_id, p.format, p.name, p.revision, p.created_at, p.updated_at
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
                project_id, format, name, name_key, revision, created_at, updated_at)
            SELECT n.id, \(format), \(name), \(name.lowercased()), 1, \(now), \(now)
            FROM namespaces n
            WHERE n.id = \(projectID) AND n.kind = \(NamespaceKind.project.rawValue)
                AND n.deleted_at IS NULL
            ON CONFLICT (project_id, format, name) DO UPDATE SET
                revision = p.revision + 1, updated_at = excluded.updated_at
            WHERE p.deleted_at IS NULL
            RETURNING id, project_id, format, name, revision, created_at, updated_at
            """
        ) { try PackageRecord(&$0) }
        guard let record else {
            throw RegistryError(.notFound, "there is no such project any more")
        }
        return record
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

extension PackageRecord {
    /// The next columns, as `packageColumns` lists them.
    init(_ row: inout SQLRow) throws {
        self.init(
            id: try row.integer(), projectID: try row.integer(),
            format: FormatID(stored: try row.text()), name: try row.text(),
            revision: try row.integer(), createdAt: try row.timestamp(),
            updatedAt: try row.timestamp())
    }
}
