import Database
import Registry

/// Statements that compare rows with each other, as far as the schema does not.
extension MetadataTransaction {
    func listRowProblems(_ kind: RowProblem.Kind, limit: Int) throws -> [RowProblem] {
        let query: SQL =
            switch kind {
            case .fileOfOtherPackage:
                """
                SELECT CAST(f.id AS TEXT), \(Self.versionSubject) || ' ' || f.path
                FROM files f JOIN versions v ON v.id = f.version_id \(Self.versionOwner)
                WHERE f.package_id <> v.package_id ORDER BY f.id
                """
            case .tagOfOtherPackage:
                """
                SELECT CAST(v.id AS TEXT), \(Self.versionSubject) || ' tag ' || t.name
                FROM tags t JOIN versions v ON v.id = t.version_id \(Self.versionOwner)
                WHERE t.package_id <> v.package_id ORDER BY v.id, t.name
                """
            case .linkOfUnknownKind:
                """
                SELECT CAST(v.id AS TEXT), \(Self.versionSubject) || ' link ' || k.kind
                FROM version_links k JOIN versions v ON v.id = k.version_id \(Self.versionOwner)
                WHERE k.kind NOT IN \(SQL.list(VersionLink.Kind.allCases.map(\.rawValue)))
                ORDER BY v.id
                """
            case .unlinkOfNamedKey:
                """
                SELECT u.storage_key, b.digest FROM unlinks u
                JOIN blobs b ON b.storage_key = u.storage_key ORDER BY u.storage_key
                """
            case .unreviewedBlob:
                """
                SELECT b.digest, b.storage_key FROM blobs b
                WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_digest = b.digest)
                    AND NOT \(Self.isReviewed("blob", "b.digest"))
                ORDER BY b.digest
                """
            case .unreviewedVersion:
                """
                SELECT CAST(v.id AS TEXT), \(Self.versionSubject)
                FROM versions v \(Self.versionOwner)
                WHERE \(Self.needsReview)
                    AND NOT \(Self.isReviewed("version", "CAST(v.id AS TEXT)"))
                ORDER BY v.id
                """
            case .unreviewedUpload:
                """
                SELECT u.id, u.format || ' ' || u.package_name FROM uploads u
                WHERE NOT \(Self.isReviewed("upload", "u.id")) ORDER BY u.id
                """
            }
        return try all("\(query) LIMIT \(limit)") { row in
            RowProblem(kind, id: try row.text(), subject: try row.text())
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
                after: now.advanced(bySeconds: CollectionPeriods().unreferencedBlob))
        case .unreviewedVersion:
            guard let id = Int64(problem.id) else { return false }
            try upsertReview(
                .version(id), event: "fsck",
                after: now.advanced(bySeconds: VersionLifetime.unreferencedSeconds))
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

    /// Whether the version `v`, or a file of it, has to go one day unless something happens.
    private static let needsReview: SQL = """
        (v.deleted_at IS NOT NULL
        OR EXISTS (SELECT 1 FROM files f WHERE f.version_id = v.id AND f.deleted_at IS NOT NULL)
        OR (v.lifetime = 'referenced'
            AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.version_id = v.id)
            AND NOT EXISTS (
                SELECT 1 FROM version_links k JOIN versions w ON w.id = k.version_id
                WHERE k.target_digest = v.name AND k.kind = 'child'
                    AND w.package_id = v.package_id)
            AND NOT EXISTS (
                SELECT 1 FROM version_links k
                JOIN versions w ON w.package_id = v.package_id AND w.name = k.target_digest
                WHERE k.version_id = v.id AND k.kind = 'subject')))
        """
}
