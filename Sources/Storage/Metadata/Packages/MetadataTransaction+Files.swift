import Database
import Registry

/// Statements on `files`, each with its `blobs` row.
extension MetadataTransaction {
    private static let fileColumns: SQL = """
        f.id, f.package_id, f.version_id, f.path, f.blob_digest, b.md5, b.sha1, b.sha512, b.size,
        b.storage_key, f.media_type, f.attributes, f.created_at,
        COALESCE(f.deleted_at, v.deleted_at)
        """

    private static let fileSource: SQL = """
        files f JOIN blobs b ON b.digest = f.blob_digest
        JOIN versions v ON v.id = f.version_id
        """

    /// The statement of every download: one round trip, by the unique keys of package, version and
    /// file.
    func findFiles(
        _ address: FileAddress, in projects: ProjectSet, readableBy reader: PackageReader,
        limit: Int
    ) throws -> [PublishedFile] {
        try all(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns), \(Self.fileColumns)
            FROM packages p
            JOIN namespaces n ON n.id = p.project_id
            JOIN versions v ON v.package_id = p.id
            JOIN files f ON f.version_id = v.id
            JOIN blobs b ON b.digest = f.blob_digest
            WHERE p.format = \(address.format) AND p.name = \(address.package)
                AND p.deleted_at IS NULL
                AND v.name = \(address.version) AND v.deleted_at IS NULL
                AND f.path = \(address.path) AND f.deleted_at IS NULL
                AND \(isCovered(by: projects, for: reader))
            ORDER BY f.created_at DESC, f.id DESC LIMIT \(limit)
            """
        ) { try PublishedFile(&$0) }
    }

    func findFile(_ id: Int64) throws -> PublishedFile? {
        try first(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns), \(Self.fileColumns)
            FROM \(Self.fileSource) JOIN packages p ON p.id = v.package_id
            JOIN namespaces n ON n.id = p.project_id
            WHERE f.id = \(id) AND n.deleted_at IS NULL
            """
        ) { try PublishedFile(&$0) }
    }

    func findFile(versionID: Int64, path: String) throws -> FileRecord? {
        try first(
            """
            SELECT \(Self.fileColumns) FROM \(Self.fileSource)
            WHERE f.version_id = \(versionID) AND f.path = \(path)
                AND f.deleted_at IS NULL AND v.deleted_at IS NULL
            """
        ) { try FileRecord(&$0) }
    }

    func listFiles(
        versionID: Int64, isDeleted: Bool, page request: PageRequest
    ) throws -> Page<FileRecord> {
        let isWanted: SQL =
            isDeleted
            ? "COALESCE(f.deleted_at, v.deleted_at) IS NOT NULL"
            : "f.deleted_at IS NULL AND v.deleted_at IS NULL"
        return try page(
            Self.fileColumns,
            from: "\(Self.fileSource) WHERE f.version_id = \(versionID) AND \(isWanted)",
            order: "f.path, f.id", request
        ) { try FileRecord(&$0) }
    }

    func insertFile(
        _ draft: FileDraft, version: VersionRecord, at now: Timestamp
    ) throws -> FileRecord {
        let id = try orConflict(
            "the file '\(draft.path)' is there already", reason: "file_exists"
        ) {
            try one(
                """
                INSERT INTO files (
                    package_id, version_id, path, blob_digest, media_type, attributes, created_at)
                VALUES (
                    \(version.package.id), \(version.id), \(draft.path), \(draft.blob.digest),
                    \(draft.mediaType), \(draft.attributes), \(now))
                RETURNING id
                """
            ) { try $0.integer() }
        }
        return try one(
            "SELECT \(Self.fileColumns) FROM \(Self.fileSource) WHERE f.id = \(id)"
        ) { try FileRecord(&$0) }
    }

    func trashFile(_ id: Int64, at now: Timestamp) throws -> Bool {
        let count = try session.execute(
            "UPDATE files SET deleted_at = \(now) WHERE id = \(id) AND deleted_at IS NULL")
        return count == 1
    }

    func restoreFile(_ id: Int64) throws -> Bool {
        try orConflict(
            "another file of the same name was published meanwhile", reason: "file_exists"
        ) {
            try session.execute(
                """
                UPDATE files SET deleted_at = NULL WHERE id = \(id) AND deleted_at IS NOT NULL
                """) == 1
        }
    }
}

extension FileRecord {
    /// The next columns, as `fileColumns` lists them.
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            id: try row.integer(), packageID: try row.integer(), versionID: try row.integer(),
            path: try row.text(),
            digests: BlobDigests(
                sha256: try Digest(parsing: row.text()), md5: try row.optionalText(),
                sha1: try row.optionalText(), sha512: try row.optionalText()),
            size: try row.integer(), storageKey: StorageKey(stored: try row.text()),
            mediaType: try row.optionalText(), attributes: try row.text(),
            createdAt: try row.timestamp(), deletedAt: try row.optionalTimestamp())
    }
}

extension PublishedFile {
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(version: try VersionRecord(&row), file: try FileRecord(&row))
    }
}
