import Database
import Registry

/// Statements on `files`, each with its `blobs` row.
extension MetadataTransaction {
    static let fileColumns: SQL = """
        f.id, f.package_id, f.version_id, f.path, f.blob_digest, b.md5, b.sha1, b.sha512, b.size,
        b.storage_key, f.media_type, f.attributes, f.created_at,
        COALESCE(f.deleted_at, v.deleted_at)
        """

    static let fileSource: SQL = """
        files f JOIN blobs b ON b.digest = f.blob_digest
        JOIN versions v ON v.id = f.version_id
        """

    /// The statement of every download: one round trip, by the unique keys of package, version and
    /// file.
    func findFiles(
        _ address: FileAddress, in projects: ProjectSet, readableBy reader: PackageReader,
        limit: Int
    ) throws -> [PublishedFile] {
        let (source, isNamed): (SQL, SQL) =
            switch address.version {
            case .name(let name):
                ("versions v ON v.package_id = p.id", "v.name = \(name)")
            case .tag(let tag):
                (
                    """
                    tags t ON t.package_id = p.id
                    JOIN versions v ON v.id = t.version_id
                    """, "t.name = \(tag)"
                )
            }
        return try all(
            """
            SELECT \(Self.packageColumns), \(Self.versionColumns), \(Self.fileColumns)
            FROM packages p
            JOIN namespaces n ON n.id = p.project_id
            JOIN \(source)
            JOIN files f ON f.version_id = v.id
            JOIN blobs b ON b.digest = f.blob_digest
            WHERE p.format = \(address.format) AND p.name = \(address.package)
                AND p.deleted_at IS NULL
                AND \(isNamed) AND v.deleted_at IS NULL
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
        try addSize(of: [draft.blob.digest], packageID: version.package.id)
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
        guard count == 1 else { return false }
        try session.execute(
            """
            UPDATE packages SET size_bytes = size_bytes - \(Self.ownBytes(ofFile: id))
            WHERE id = (SELECT package_id FROM files WHERE id = \(id))
            """)
        return true
    }

    func insertFiles(
        _ references: [BlobReference], version: VersionRecord, at now: Timestamp
    ) throws {
        try addSize(of: references.map(\.digest), packageID: version.package.id)
        for part in references.chunks() {
            let rows = part.map { file -> SQL in
                """
                (\(version.package.id), \(version.id), \(file.path), \(file.digest),
                \(file.mediaType), '{}', \(now))
                """
            }
            _ = try orConflict("two of the files have the same path", reason: "file_exists") {
                try session.execute(
                    """
                    INSERT INTO files (
                        package_id, version_id, path, blob_digest, media_type, attributes,
                        created_at)
                    VALUES \(SQL.joined(rows, separator: ", "))
                    """)
            }
        }
    }

    /// Adds to the package's size what it does not name yet of these blobs.
    private func addSize(of digests: [Digest], packageID: Int64) throws {
        for part in Set(digests).map(\.description).sorted().chunks() {
            try session.execute(
                """
                UPDATE packages SET size_bytes = size_bytes + (
                    SELECT CAST(COALESCE(SUM(b.size), 0) AS {integer}) FROM blobs b
                    WHERE b.digest IN \(SQL.list(part)) AND NOT EXISTS (\(Self.liveFiles)))
                WHERE id = \(packageID)
                """)
        }
    }

    /// Bytes of the blob of a file, unless the package `packages` names it otherwise, or the file's
    /// version is in the trash, where it does not count.
    private static func ownBytes(ofFile id: Int64) -> SQL {
        """
        COALESCE((
            SELECT b.size FROM files f JOIN blobs b ON b.digest = f.blob_digest
            JOIN versions v ON v.id = f.version_id
            WHERE f.id = \(id) AND v.deleted_at IS NULL AND NOT EXISTS (\(liveFiles))), 0)
        """
    }

    /// The files that make the package `packages` name the blob `b`.
    private static let liveFiles: SQL = """
        SELECT 1 FROM files o JOIN versions w ON w.id = o.version_id
        WHERE o.blob_digest = b.digest AND o.package_id = packages.id
            AND o.deleted_at IS NULL AND w.deleted_at IS NULL
        """

    func restoreFile(_ id: Int64) throws -> Bool {
        try orConflict(
            "another file of the same name was published meanwhile", reason: "file_exists"
        ) {
            try session.execute(
                """
                UPDATE packages SET size_bytes = size_bytes + \(Self.ownBytes(ofFile: id))
                WHERE id = (
                    SELECT package_id FROM files WHERE id = \(id) AND deleted_at IS NOT NULL)
                """)
            return try session.execute(
                """
                UPDATE files SET deleted_at = NULL WHERE id = \(id) AND deleted_at IS NOT NULL
                """) == 1
        }
    }
}

extension FileRecord {
    /// The next columns, as `fileColumns` lists them.
    init(_ row: inout SQLRow) throws {
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
    init(_ row: inout SQLRow) throws {
        self.init(version: try VersionRecord(&row), file: try FileRecord(&row))
    }
}
