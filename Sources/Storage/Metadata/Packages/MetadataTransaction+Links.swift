import Database
import Registry

/// Statements on `version_links`.
extension MetadataTransaction {
    func insertLinks(_ links: [VersionLink], versionID: Int64) throws {
        for part in links.chunks() {
            let rows = part.map { link -> SQL in
                "(\(versionID), \(link.kind.rawValue), \(link.target), \(link.label))"
            }
            try session.execute(
                """
                INSERT INTO version_links (version_id, kind, target_digest, label)
                VALUES \(SQL.joined(rows, separator: ", "))
                ON CONFLICT (version_id, kind, target_digest) DO NOTHING
                """)
        }
    }

    func listLinkingVersions(
        packageID: Int64, kind: VersionLink.Kind, target: String, limit: Int
    ) throws -> [String] {
        try all(
            """
            SELECT v.name FROM version_links k JOIN versions v ON v.id = k.version_id
            WHERE k.target_digest = \(target) AND k.kind = \(kind.rawValue)
                AND v.package_id = \(packageID) AND v.deleted_at IS NULL
            ORDER BY v.name LIMIT \(limit)
            """
        ) { try $0.text() }
    }

    func listLinkedFiles(
        packageID: Int64, kind: VersionLink.Kind, target: String, label: String?, path: String,
        after last: String?, limit: Int
    ) throws -> [PublishedFile] {
        let hasLabel: SQL = label.map { " AND k.label = \($0)" } ?? ""
        return try all(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns), \(Self.fileColumns)
            FROM version_links k
            JOIN versions v ON v.id = k.version_id
            JOIN packages p ON p.id = v.package_id
            JOIN files f ON f.version_id = v.id
            JOIN blobs b ON b.digest = f.blob_digest
            WHERE k.target_digest = \(target) AND k.kind = \(kind.rawValue)
                AND v.package_id = \(packageID) AND v.deleted_at IS NULL
                AND f.path = \(path) AND f.deleted_at IS NULL
                AND v.name > \(last ?? "")\(hasLabel)
            ORDER BY v.name LIMIT \(limit)
            """
        ) { try PublishedFile(&$0) }
    }
}
