import Database
import Registry

/// Statements on blobs as a package sees them, and on `blob_leases`.
extension MetadataTransaction {
    /// Of `b`.
    static let blobColumns: SQL =
        "b.digest, b.md5, b.sha1, b.sha512, b.size, b.storage_key"

    /// Of `b`, and of what the package `package` (an expression) has to do with it. A blob of a
    /// version in the trash is not named.
    private static func heldColumns(_ package: SQL) -> SQL {
        """
        \(blobColumns), \(package),
        CASE WHEN EXISTS (
            SELECT 1 FROM files f JOIN versions v ON v.id = f.version_id
            WHERE f.blob_digest = b.digest AND f.package_id = \(package)
                AND f.deleted_at IS NULL AND v.deleted_at IS NULL
        ) THEN 1 ELSE 0 END,
        (SELECT l.expires_at FROM blob_leases l
            WHERE l.digest = b.digest AND l.package_id = \(package))
        """
    }

    /// Whether `b` is the blob of this digest.
    private static func isBlob(_ digest: Digest) -> SQL {
        switch digest.algorithm {
        case .sha256: "b.digest = \(digest)"
        case .sha512: "b.sha512 = \(digest.hex)"
        }
    }

    func findBlob(_ address: BlobAddress, projectID: Int64) throws -> HeldBlob? {
        try first(
            """
            SELECT \(Self.heldColumns("p.id"))
            FROM packages p JOIN namespaces n ON n.id = p.project_id JOIN blobs b
                ON \(Self.isBlob(address.digest))
            WHERE p.project_id = \(projectID) AND p.format = \(address.format)
                AND p.name = \(address.package)
                AND p.deleted_at IS NULL AND n.deleted_at IS NULL
            LIMIT 1
            """
        ) { try HeldBlob(&$0) }
    }

    func findBlobs(_ digests: [Digest], packageID: Int64) throws -> [Digest: HeldBlob] {
        try find(digests, blob: \.blob) { isWanted in
            try all(
                """
                SELECT \(Self.heldColumns("p.id")) FROM blobs b, packages p
                WHERE p.id = \(packageID) AND \(isWanted)
                """
            ) { try HeldBlob(&$0) }
        }
    }

    func findBlobs(_ digests: [Digest]) throws -> [Digest: BlobRecord] {
        try find(digests, blob: \.self) { isWanted in
            try all("SELECT \(Self.blobColumns) FROM blobs b WHERE \(isWanted)") {
                try BlobRecord(&$0)
            }
        }
    }

    /// Asks for blobs in pieces of limited length, and gives them by the digests that were asked for.
    private func find<Found>(
        _ digests: [Digest], blob: KeyPath<Found, BlobRecord>,
        _ query: (_ isWanted: SQL) throws -> [Found]
    ) throws -> [Digest: Found] {
        var found: [Digest: Found] = [:]
        for (algorithm, digests) in Dictionary(grouping: Set(digests), by: \.algorithm) {
            for part in digests.chunks() {
                let isWanted: SQL =
                    switch algorithm {
                    case .sha256: "b.digest IN \(SQL.list(part.map(\.description).sorted()))"
                    case .sha512: "b.sha512 IN \(SQL.list(part.map(\.hex).sorted()))"
                    }
                for row in try query(isWanted) {
                    let digests = row[keyPath: blob].digests
                    switch algorithm {
                    case .sha256: found[digests.sha256] = row
                    case .sha512:
                        guard let hex = digests.sha512 else { continue }
                        found[try Digest(.sha512, hex: hex)] = row
                    }
                }
            }
        }
        return found
    }

    func upsertLease(_ digest: Digest, packageID: Int64, until end: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO blob_leases (digest, package_id, expires_at)
            VALUES (\(digest), \(packageID), \(end))
            ON CONFLICT (digest, package_id) DO UPDATE SET
                expires_at = CASE WHEN blob_leases.expires_at < excluded.expires_at
                    THEN excluded.expires_at ELSE blob_leases.expires_at END
            """)
    }

    func removeLease(_ digest: Digest, packageID: Int64) throws -> Bool {
        try session.execute(
            """
            DELETE FROM blob_leases WHERE digest = \(digest) AND package_id = \(packageID)
            """) == 1
    }
}

extension HeldBlob {
    /// The next columns, as `heldColumns` lists them.
    fileprivate init(_ row: inout SQLRow) throws {
        let blob = try BlobRecord(&row)
        self.init(
            blob: blob, packageID: try row.integer(), isNamed: try row.integer() == 1,
            leasedUntil: try row.optionalTimestamp())
    }
}

extension BlobRecord {
    /// The next columns, as `blobColumns` lists them.
    init(_ row: inout SQLRow) throws {
        let digest = try Digest(parsing: row.text())
        let digests = BlobDigests(
            sha256: digest, md5: try row.optionalText(), sha1: try row.optionalText(),
            sha512: try row.optionalText())
        self.init(
            digests: digests, size: try row.integer(),
            storageKey: StorageKey(stored: try row.text()))
    }
}

/// Statements on `uploads`.
extension MetadataTransaction {
    func findUpload(_ id: String, at now: Timestamp) throws -> UploadRecord? {
        try first(
            """
            SELECT u.id, u.project_id, u.format, u.package_name, u.creator, u.hashes, u.store_id,
                u.byte_offset, u.state, u.created_at
            FROM uploads u JOIN namespaces n ON n.id = u.project_id
            WHERE u.id = \(id) AND u.expires_at > \(now) AND n.deleted_at IS NULL
            """
        ) { try UploadRecord(&$0) }
    }

    func insertUpload(_ record: UploadRecord, expiresAt end: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO uploads (
                id, project_id, format, package_name, creator, byte_offset, state, hashes,
                store_id, created_at, updated_at, expires_at)
            VALUES (
                \(record.id), \(record.projectID), \(record.format), \(record.package),
                \(record.creator), \(record.offset), \(record.state?.hashState ?? []),
                \(Int64(record.hashes.rawValue)), \(record.state?.uploadID),
                \(record.createdAt), \(record.createdAt), \(end))
            """)
    }

    func updateUpload(
        _ id: String, replacing previous: String?, with state: UploadState, at now: Timestamp,
        expiresAt end: Timestamp
    ) throws -> Bool {
        let isUnchanged: SQL =
            previous.map { "store_id = \($0)" } ?? "store_id IS NULL"
        return try session.execute(
            """
            UPDATE uploads SET
                store_id = \(state.uploadID), byte_offset = \(state.offset),
                state = \(state.hashState), updated_at = \(now), expires_at = \(end)
            WHERE id = \(id) AND \(isUnchanged)
            """) == 1
    }

    func removeUpload(_ id: String) throws -> Bool {
        try session.execute("DELETE FROM uploads WHERE id = \(id)") == 1
    }
}

extension UploadRecord {
    fileprivate init(_ row: inout SQLRow) throws {
        let (id, projectID, format, package, creator) = (
            try row.text(), try row.integer(), FormatID(stored: try row.text()),
            try row.text(), try row.text()
        )
        let hashes = ExtraHashes(rawValue: UInt8(truncatingIfNeeded: try row.integer()))
        let (storeID, offset, state) = (
            try row.optionalText(), try row.integer(), try row.bytes()
        )
        self.init(
            id: id, projectID: projectID, format: format, package: package, creator: creator,
            hashes: hashes,
            state: storeID.map {
                UploadState(uploadID: $0, offset: offset, hashes: hashes, hashState: state)
            },
            createdAt: try row.timestamp())
    }
}
