import Database
import Registry

/// What collecting would remove, found out by reading alone: it may be very much, and nobody has to
/// wait for the answer.
extension MetadataTransaction {
    func estimateRemovals(at now: Timestamp) throws -> CollectionEstimate {
        var estimate = CollectionEstimate()
        try countFiles(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS {integer}) FROM unlinks
            WHERE due_at <= \(now)
            """, &estimate)
        estimate.blobCount = try countFiles(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(b.size), 0) AS {integer})
            FROM reviews r JOIN blobs b ON b.digest = r.subject
            WHERE r.subject_kind = 'blob' AND \(Self.isDue(at: now))
                AND NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_digest = b.digest)
                AND NOT EXISTS (
                    SELECT 1 FROM blob_leases l
                    WHERE l.digest = b.digest AND l.expires_at > \(now))
            """, &estimate)
        let due: SQL = """
            FROM reviews r JOIN uploads u ON u.id = r.subject
            WHERE r.subject_kind = 'upload' AND \(Self.isDue(at: now)) AND u.expires_at <= \(now)
            """
        estimate.uploadCount = Int(try one("SELECT COUNT(*) \(due)") { try $0.integer() })
        try countFiles(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(u.byte_offset), 0) AS {integer}) \(due)
                AND u.store_id IS NOT NULL
            """, &estimate)
        return estimate
    }

    func listDueVersions(
        packageID: Int64?, limit: Int, at now: Timestamp
    ) throws -> [(review: Review, packageID: Int64)] {
        let ofPackage: SQL = packageID.map { "AND v.package_id = \($0)" } ?? ""
        return try all(
            """
            SELECT v.id, v.package_id, r.event, r.review_after, r.attempts
            FROM reviews r JOIN versions v ON v.id = CAST(r.subject AS {integer})
            WHERE r.subject_kind = 'version' AND \(Self.isDue(at: now)) \(ofPackage)
            ORDER BY r.review_after, r.subject LIMIT \(limit)
            """
        ) { row in
            let (id, packageID) = (try row.integer(), try row.integer())
            return (
                review: Review(
                    subject: .version(id), event: try row.text(), dueAt: try row.timestamp(),
                    attemptCount: Int(try row.integer())), packageID: packageID
            )
        }
    }

    /// Adds files and their bytes.
    ///
    /// - Returns: how many there are.
    @discardableResult
    private func countFiles(_ statement: SQL, _ estimate: inout CollectionEstimate) throws -> Int {
        let (count, bytes) = try one(statement) { (Int(try $0.integer()), try $0.integer()) }
        estimate.fileCount += count
        estimate.bytes += bytes
        return count
    }

    /// What a collector claims at `now`, of `reviews r`.
    static func isDue(at now: Timestamp) -> SQL {
        "r.review_after <= \(now) AND (r.leased_until IS NULL OR r.leased_until <= \(now))"
    }
}
