import Database
import Registry

/// Statements that compare rows with bytes.
extension MetadataTransaction {
    func measureBlobs(inProject projectID: Int64?) throws -> (count: Int64, bytes: Int64) {
        try one(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(b.size), 0) AS {integer})
            FROM blobs b WHERE \(Self.isNamed(inProject: projectID))
            """
        ) { (count: try $0.integer(), bytes: try $0.integer()) }
    }

    func listBlobs(
        after key: StorageKey?, inProject projectID: Int64?, limit: Int
    ) throws -> [BlobRecord] {
        try all(
            """
            SELECT \(Self.blobColumns) FROM blobs b
            WHERE b.storage_key > \(key?.description ?? "")
                AND \(Self.isNamed(inProject: projectID))
            ORDER BY b.storage_key LIMIT \(limit)
            """
        ) { try BlobRecord(&$0) }
    }

    /// Whether a file of the project names `b`; every blob passes where no project is given.
    private static func isNamed(inProject projectID: Int64?) -> SQL {
        guard let projectID else { return "1 = 1" }
        return """
            EXISTS (
                SELECT 1 FROM files f JOIN packages p ON p.id = f.package_id
                WHERE f.blob_digest = b.digest AND p.project_id = \(projectID))
            """
    }

    func listUses(of digest: Digest, after id: Int64, limit: Int) throws -> [BlobUse] {
        try all(
            """
            SELECT f.id, n.path, p.format, p.name, v.name, f.path,
                CASE WHEN COALESCE(f.deleted_at, v.deleted_at, p.deleted_at) IS NULL
                    THEN 0 ELSE 1 END
            FROM files f JOIN versions v ON v.id = f.version_id
            JOIN packages p ON p.id = f.package_id JOIN namespaces n ON n.id = p.project_id
            WHERE f.blob_digest = \(digest) AND f.id > \(id) ORDER BY f.id LIMIT \(limit)
            """
        ) { row in
            BlobUse(
                id: try row.integer(), project: try row.text(), format: try row.text(),
                package: try row.text(), version: try row.text(), path: try row.text(),
                isDeleted: try row.integer() == 1)
        }
    }

    func filterUnlinks(_ keys: [StorageKey]) throws -> Set<StorageKey> {
        var found: Set<StorageKey> = []
        for part in keys.chunks() {
            found.formUnion(
                try all(
                    """
                    SELECT storage_key FROM unlinks
                    WHERE storage_key IN \(SQL.list(part.map(\.description)))
                    """
                ) { StorageKey(stored: try $0.text()) })
        }
        return found
    }

    func correctExtraDigests(_ digests: BlobDigests) throws {
        try session.execute(
            """
            UPDATE blobs SET
                md5 = \(digests.md5), sha1 = \(digests.sha1), sha512 = \(digests.sha512)
            WHERE digest = \(digests.sha256)
            """)
    }

    // MARK: Sizes of packages

    /// Bytes of the blobs that the package `p` names outside of the trash, each once.
    private static let actualBytes: SQL = """
        CAST(COALESCE((
            SELECT SUM(b.size) FROM blobs b WHERE b.digest IN (
                SELECT f.blob_digest FROM files f JOIN versions v ON v.id = f.version_id
                WHERE f.package_id = p.id AND f.deleted_at IS NULL AND v.deleted_at IS NULL)
        ), 0) AS {integer})
        """

    func listPackageSizes(
        after id: Int64, inProject projectID: Int64?, limit: Int
    ) throws -> [PackageSize] {
        let isWanted: SQL = projectID.map { "p.project_id = \($0)" } ?? "1 = 1"
        return try all(
            """
            SELECT p.id, n.path, p.format, p.name, p.size_bytes, \(Self.actualBytes)
            FROM packages p JOIN namespaces n ON n.id = p.project_id
            WHERE p.id > \(id) AND \(isWanted) ORDER BY p.id LIMIT \(limit)
            """
        ) { row in
            let (id, path, format, name) = (
                try row.integer(), try row.text(), try row.text(), try row.text()
            )
            return PackageSize(
                packageID: id, address: "\(path)/-/\(format)/\(name)",
                recorded: try row.integer(), actual: try row.integer())
        }
    }

    func correctPackageSize(_ id: Int64) throws -> Bool {
        // Every publish locks this row first, so what is counted then stays as it is.
        try session.execute("UPDATE packages SET updated_at = updated_at WHERE id = \(id)")
        let actual = try first("SELECT \(Self.actualBytes) FROM packages p WHERE p.id = \(id)") {
            try $0.integer()
        }
        guard let actual else { return false }
        return try session.execute(
            """
            UPDATE packages SET size_bytes = \(actual) WHERE id = \(id) AND size_bytes <> \(actual)
            """) == 1
    }
}

/// Statements on `scrub`.
extension MetadataTransaction {
    private static let scrubColumns: SQL =
        "cursor_key, began_at, ended_at, checked_count, checked_bytes, finding_count"

    func findScrubState() throws -> ScrubState {
        try one("SELECT \(Self.scrubColumns) FROM scrub WHERE id = 1") { try ScrubState(&$0) }
    }

    func claimScrub(owner: String, at now: Timestamp, until end: Timestamp) throws -> ScrubState? {
        try first(
            """
            UPDATE scrub SET owner = \(owner), leased_until = \(end)
            WHERE id = 1
                AND (leased_until IS NULL OR leased_until <= \(now) OR owner = \(owner))
            RETURNING \(Self.scrubColumns)
            """
        ) { try ScrubState(&$0) }
    }

    func saveScrub(_ state: ScrubState, owner: String, until end: Timestamp?) throws -> Bool {
        try session.execute(
            """
            UPDATE scrub SET
                cursor_key = \(state.cursor?.description), began_at = \(state.beganAt),
                ended_at = \(state.endedAt), checked_count = \(state.checkedCount),
                checked_bytes = \(state.checkedBytes), finding_count = \(state.findingCount),
                leased_until = \(end)
            WHERE id = 1 AND owner = \(owner)
            """) == 1
    }
}

extension ScrubState {
    /// The next columns, as `scrubColumns` lists them.
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            cursor: try row.optionalText().map { StorageKey(stored: $0) },
            beganAt: try row.optionalTimestamp(), endedAt: try row.optionalTimestamp(),
            checkedCount: try row.integer(), checkedBytes: try row.integer(),
            findingCount: try row.integer())
    }
}
