import Database
import Registry

/// Statements for documents that are derived from all versions of a package.
extension MetadataTransaction {
    func findPackages(
        _ address: PackageAddress, in projects: ProjectSet, readableBy reader: PackageReader
    ) throws -> [PackageRecord] {
        try all(
            """
            SELECT \(Self.packageColumns)
            FROM packages p JOIN namespaces n ON n.id = p.project_id
            WHERE p.format = \(address.format) AND p.name = \(address.name)
                AND p.deleted_at IS NULL
                AND \(Self.hasVersions) AND \(isCovered(by: projects, for: reader))
            ORDER BY p.id
            """
        ) { try PackageRecord(&$0) }
    }

    func listReleases(packageIDs: [Int64]) throws -> [Release] {
        var versions: [VersionRecord] = []
        var files: [Int64: [FileRecord]] = [:]
        var tags: [Int64: [String]] = [:]
        for part in packageIDs.chunks() {
            let packages = SQL.list(part)
            versions += try all(
                """
                SELECT \(Self.packageColumns), \(Self.versionColumns)
                FROM versions v JOIN packages p ON p.id = v.package_id
                WHERE v.package_id IN \(packages)
                    AND v.deleted_at IS NULL AND p.deleted_at IS NULL
                """
            ) { try VersionRecord(&$0) }
            let listedFiles = try all(
                """
                SELECT \(Self.fileColumns) FROM \(Self.fileSource)
                WHERE f.package_id IN \(packages)
                    AND f.deleted_at IS NULL AND v.deleted_at IS NULL
                ORDER BY f.path, f.id
                """
            ) { try FileRecord(&$0) }
            for file in listedFiles { files[file.versionID, default: []].append(file) }
            let listedTags = try all(
                """
                SELECT t.version_id, t.name FROM tags t WHERE t.package_id IN \(packages)
                ORDER BY t.name
                """
            ) { (id: try $0.integer(), name: try $0.text()) }
            for tag in listedTags { tags[tag.id, default: []].append(tag.name) }
        }
        return
            versions
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
            .map { Release(version: $0, files: files[$0.id] ?? [], tags: tags[$0.id] ?? []) }
    }

    func listPackageNames(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        after last: String?, limit: Int
    ) throws -> [String] {
        let isBehind: SQL = last.map { "p.name > \($0)" } ?? "1 = 1"
        return try all(
            """
            SELECT DISTINCT p.name FROM packages p JOIN namespaces n ON n.id = p.project_id
            WHERE p.format = \(format) AND p.deleted_at IS NULL AND \(isBehind)
                AND \(Self.hasVersions) AND \(isCovered(by: projects, for: reader))
            ORDER BY p.name LIMIT \(limit)
            """
        ) { try $0.text() }
    }

    func searchPackages(
        format: FormatID, terms: [String], in projects: ProjectSet,
        readableBy reader: PackageReader, page request: PageRequest
    ) throws -> Page<PackageRecord> {
        var conditions = [isCovered(by: projects, for: reader), Self.hasVersions]
        for term in terms where !term.isEmpty {
            conditions.append("{position}(p.search_text, \(term)) > 0")
        }
        return try page(
            Self.packageColumns,
            from: """
                packages p JOIN namespaces n ON n.id = p.project_id
                WHERE p.format = \(format) AND p.deleted_at IS NULL
                    AND \(Self.all(of: conditions))
                """,
            order: "p.name, p.id", request
        ) { try PackageRecord(&$0) }
    }

    func findFile(
        format: FormatID, digest: Digest, path: String, in projects: ProjectSet,
        readableBy reader: PackageReader
    ) throws -> PublishedFile? {
        try first(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns), \(Self.fileColumns)
            FROM \(Self.fileSource) JOIN packages p ON p.id = v.package_id
            JOIN namespaces n ON n.id = p.project_id
            WHERE f.blob_digest = \(digest) AND f.path = \(path) AND p.format = \(format)
                AND f.deleted_at IS NULL AND v.deleted_at IS NULL AND p.deleted_at IS NULL
                AND \(isCovered(by: projects, for: reader))
            ORDER BY f.created_at DESC, f.id DESC LIMIT 1
            """
        ) { try PublishedFile(&$0) }
    }

    func updatePackage(_ id: Int64, attributes: String?, searchText: String?) throws {
        try session.execute(
            """
            UPDATE packages SET
                attributes = COALESCE(\(attributes), attributes),
                search_text = COALESCE(\(searchText?.lowercased()), search_text)
            WHERE id = \(id)
            """)
    }
}
