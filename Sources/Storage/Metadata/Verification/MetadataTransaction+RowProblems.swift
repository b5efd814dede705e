import Database
import Registry

/// Statements that compare rows with each other, as far as the schema does not.
extension MetadataTransaction {
    func listRowProblems(_ kind: RowProblem.Kind, limit: Int) throws -> [RowProblem] {
        let query: SQL
        switch kind {
        case .fileOfOtherPackage:
            query = """
                SELECT CAST(f.id AS TEXT), \(Self.versionSubject) || ' ' || f.path
                FROM files f JOIN versions v ON v.id = f.version_id \(Self.versionOwner)
                WHERE f.package_id <> v.package_id ORDER BY f.id
                """
        case .tagOfOtherPackage:
            query = """
                SELECT CAST(v.id AS TEXT), \(Self.versionSubject) || ' tag ' || t.name
                FROM tags t JOIN versions v ON v.id = t.version_id \(Self.versionOwner)
                WHERE t.package_id <> v.package_id ORDER BY v.id, t.name
                """
        case .linkOfUnknownKind:
            query = """
                SELECT CAST(v.id AS TEXT), \(Self.versionSubject) || ' link ' || k.kind
                FROM version_links k JOIN versions v ON v.id = k.version_id \(Self.versionOwner)
                WHERE k.kind NOT IN \(SQL.list(VersionLink.Kind.allCases.map(\.rawValue)))
                ORDER BY v.id
                """
        case .unlinkOfNamedKey:
            query = """
                SELECT u.storage_key, b.digest FROM unlinks u
                JOIN blobs b ON b.storage_key = u.storage_key ORDER BY u.storage_key
                """
        case .unreviewedBlob:
            query = """
                SELECT b.digest, b.storage_key FROM blobs b
                WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_digest = b.digest)
                    AND NOT \(Self.isReviewed("blob", "b.digest"))
                ORDER BY b.digest
                """
        case .unreviewedVersion: return try listUnreviewedVersions(limit: limit)
        case .unreviewedUpload:
            query = """
                SELECT u.id, u.format || ' ' || u.package_name FROM uploads u
                WHERE NOT \(Self.isReviewed("upload", "u.id")) ORDER BY u.id
                """
        }
        return try all("\(query) LIMIT \(limit)") { row in
            RowProblem(kind, id: try row.text(), subject: try row.text())
        }
    }

    /// Versions that go one day unless something happens, and that nobody is going to look at. What a
    /// project keeps for ever goes on no day.
    private func listUnreviewedVersions(limit: Int) throws -> [RowProblem] {
        var problems: [RowProblem] = []
        var periods: [Int64: CollectionPeriods] = [:]
        var last: Int64 = 0
        while true {
            let rows = try all(
                """
                SELECT v.id, p.project_id, \(Self.versionSubject),
                    CASE WHEN \(Self.isInTrash) THEN 1 ELSE 0 END,
                    CASE WHEN \(Self.isUnneeded) THEN 1 ELSE 0 END
                FROM versions v \(Self.versionOwner)
                WHERE v.id > \(last) AND (\(Self.isInTrash) OR \(Self.isUnneeded))
                    AND NOT \(Self.isReviewed("version", "CAST(v.id AS TEXT)"))
                ORDER BY v.id LIMIT \(limit)
                """
            ) { row in
                (
                    id: try row.integer(), projectID: try row.integer(), subject: try row.text(),
                    isInTrash: try row.integer() == 1, isUnneeded: try row.integer() == 1
                )
            }
            for row in rows {
                let known = try periods[row.projectID] ?? findPeriods(ofNamespace: row.projectID)
                periods[row.projectID] = known
                let goes =
                    row.isInTrash && known.trash != .never
                    || row.isUnneeded && known.untagged != .never
                guard goes else { continue }
                problems.append(
                    RowProblem(.unreviewedVersion, id: "\(row.id)", subject: row.subject))
                if problems.count == limit { return problems }
            }
            guard rows.count == limit, let id = rows.last?.id else { return problems }
            last = id
        }
    }

    func correctRow(_ problem: RowProblem, at now: Timestamp) throws -> Bool {
        // What should have been looked at before is not deleted the moment somebody notices.
        switch problem.kind {
        case .fileOfOtherPackage, .tagOfOtherPackage, .linkOfUnknownKind: return false
        case .unlinkOfNamedKey:
            return try session.execute(
                """
                DELETE FROM unlinks WHERE storage_key = \(problem.id) AND EXISTS (
                    SELECT 1 FROM blobs b WHERE b.storage_key = unlinks.storage_key)
                """) == 1
        case .unreviewedBlob:
            try upsertReview(
                .blob(try Digest(parsing: problem.id)), event: "fsck",
                after: now.advanced(bySeconds: defaultPeriods.unreferencedBlob))
        case .unreviewedVersion:
            guard let id = Int64(problem.id) else { return false }
            // The look finds out by itself how long the version still has.
            try upsertReview(
                .version(id), event: "fsck",
                after: now.advanced(bySeconds: defaultPeriods.unreferencedBlob))
        case .unreviewedUpload:
            try upsertReview(.upload(problem.id), event: "fsck", after: now)
        }
        return true
    }

    /// `acme/web oci api sha256:…`, of the version `v`.
    private static let versionSubject: SQL =
        "n.path || ' ' || p.format || ' ' || p.name || ' ' || v.name"

    private static let versionOwner: SQL = """
        JOIN packages p ON p.id = v.package_id JOIN namespaces n ON n.id = p.project_id
        """

    private static func isReviewed(_ kind: String, _ subject: SQL) -> SQL {
        """
        EXISTS (
            SELECT 1 FROM reviews r WHERE r.subject_kind = \(kind) AND r.subject = \(subject))
        """
    }

    /// Whether the version `v`, or a file of it, is in the trash.
    private static let isInTrash: SQL = """
        (v.deleted_at IS NOT NULL
        OR EXISTS (SELECT 1 FROM files f WHERE f.version_id = v.id AND f.deleted_at IS NOT NULL))
        """

    /// Whether the version `v` lives only as long as something refers to it, and nothing does.
    private static let isUnneeded: SQL = """
        (v.lifetime = 'referenced'
        AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.version_id = v.id)
        AND NOT EXISTS (
            SELECT 1 FROM version_links k JOIN versions w ON w.id = k.version_id
            WHERE k.target_digest = v.name AND k.kind = 'child'
                AND w.package_id = v.package_id)
        AND NOT EXISTS (
            SELECT 1 FROM version_links k
            JOIN versions w ON w.package_id = v.package_id AND w.name = k.target_digest
            WHERE k.version_id = v.id AND k.kind = 'subject'))
        """
}
