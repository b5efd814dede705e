import Database
import Registry

/// Statements of the collector on `reviews`, `unlinks`, `blobs` and `uploads`.
extension MetadataTransaction {
    func claimReviews(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [Review] {
        try all(
            """
            UPDATE reviews SET leased_until = \(end), attempts = attempts + 1
            WHERE (subject_kind, subject) IN (
                SELECT subject_kind, subject FROM reviews
                WHERE review_after <= \(now)
                    AND (leased_until IS NULL OR leased_until <= \(now))
                ORDER BY review_after LIMIT \(limit) {skip locked})
            RETURNING subject_kind, subject, event, review_after, attempts
            """
        ) { try Review(&$0) }
    }

    func finishReview(_ review: Review) throws {
        let (kind, name) = review.subject.columns
        try session.execute(
            """
            DELETE FROM reviews
            WHERE subject_kind = \(kind) AND subject = \(name) AND review_after = \(review.dueAt)
            """)
        try session.execute(
            """
            UPDATE reviews SET leased_until = NULL
            WHERE subject_kind = \(kind) AND subject = \(name)
            """)
    }

    func postponeReview(_ review: Review, until moment: Timestamp, failure: String?) throws {
        let (kind, name) = review.subject.columns
        let attempts: SQL = failure == nil ? "0" : "attempts"
        try session.execute(
            """
            UPDATE reviews SET
                leased_until = NULL, failure = \(failure), attempts = \(attempts),
                review_after = CASE WHEN review_after = \(review.dueAt)
                    THEN \(moment) ELSE review_after END
            WHERE subject_kind = \(kind) AND subject = \(name)
            """)
    }

    func collectBlobs(
        _ digests: [Digest], at now: Timestamp
    ) throws -> [Digest: ReviewOutcome] {
        var outcomes: [Digest: ReviewOutcome] = [:]
        // In one order everywhere, so that two collectors cannot wait for each other.
        for part in Set(digests).map(\.description).sorted().chunks() {
            let list = SQL.list(part)
            try session.execute(
                "DELETE FROM blob_leases WHERE digest IN \(list) AND expires_at <= \(now)")
            let collected = try all(
                """
                DELETE FROM blobs WHERE digest IN \(list)
                    AND NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_digest = blobs.digest)
                    AND NOT EXISTS (SELECT 1 FROM blob_leases l WHERE l.digest = blobs.digest)
                RETURNING digest, storage_key, size
                """
            ) {
                (
                    digest: try Digest(parsing: $0.text()), key: try $0.text(),
                    size: try $0.integer()
                )
            }
            for row in collected { outcomes[row.digest] = .collected(bytes: row.size) }
            for rows in collected.map({ "(\($0.key), 0, \(now))" as SQL }).chunks() {
                try session.execute(
                    """
                    INSERT INTO unlinks (storage_key, attempts, created_at)
                    VALUES \(SQL.joined(Array(rows), separator: ", "))
                    ON CONFLICT (storage_key) DO NOTHING
                    """)
            }
            let left = try all(
                """
                SELECT b.digest,
                    (SELECT MAX(l.expires_at) FROM blob_leases l WHERE l.digest = b.digest)
                FROM blobs b WHERE b.digest IN \(list)
                """
            ) { (digest: try Digest(parsing: $0.text()), end: try $0.optionalTimestamp()) }
            for row in left {
                outcomes[row.digest] = row.end.map { .postponed(until: $0) } ?? .kept
            }
        }
        for digest in digests where outcomes[digest] == nil { outcomes[digest] = .absent }
        return outcomes
    }

    func collectUpload(
        _ id: String, at now: Timestamp
    ) throws -> (outcome: ReviewOutcome, storeID: String?) {
        let gone = try first(
            """
            DELETE FROM uploads WHERE id = \(id) AND expires_at <= \(now) RETURNING store_id
            """
        ) { try $0.optionalText() }
        if let gone { return (.collected(bytes: 0), gone) }
        let end = try first("SELECT expires_at FROM uploads WHERE id = \(id)") {
            try $0.timestamp()
        }
        return (end.map { .postponed(until: $0) } ?? .absent, nil)
    }

    func claimUnlinks(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [StorageKey] {
        try all(
            """
            UPDATE unlinks SET leased_until = \(end), attempts = attempts + 1
            WHERE storage_key IN (
                SELECT storage_key FROM unlinks
                WHERE leased_until IS NULL OR leased_until <= \(now)
                ORDER BY created_at LIMIT \(limit) {skip locked})
            RETURNING storage_key
            """
        ) { StorageKey(stored: try $0.text()) }
    }

    func finishUnlinks(_ keys: [StorageKey]) throws {
        for part in keys.map(\.description).sorted().chunks() {
            try session.execute("DELETE FROM unlinks WHERE storage_key IN \(SQL.list(part))")
        }
    }

    func setCollectionPaused(_ moment: Timestamp?) throws {
        try session.execute("UPDATE collector SET paused_at = \(moment) WHERE id = 1")
    }

    func isCollectionPaused() throws -> Bool {
        try one("SELECT paused_at FROM collector WHERE id = 1") {
            try $0.optionalTimestamp() != nil
        }
    }

    func summarizeCollection(at now: Timestamp) throws -> CollectionSummary {
        let pausedAt = try one("SELECT paused_at FROM collector WHERE id = 1") {
            try $0.optionalTimestamp()
        }
        let unlinkCount = try one("SELECT COUNT(*) FROM unlinks") { try $0.integer() }
        return try one(
            """
            SELECT COUNT(*), COUNT(CASE WHEN review_after <= \(now) THEN 1 END),
                MIN(CASE WHEN review_after <= \(now) THEN review_after END),
                COUNT(failure)
            FROM reviews
            """
        ) { row in
            CollectionSummary(
                reviewCount: Int(try row.integer()), dueCount: Int(try row.integer()),
                oldestDueAt: try row.optionalTimestamp(), blockedCount: Int(try row.integer()),
                unlinkCount: Int(unlinkCount), pausedAt: pausedAt)
        }
    }
}

extension ReviewSubject {
    /// The kind and the name, as the table has them.
    var columns: (kind: String, name: String) {
        switch self {
        case .blob(let digest): ("blob", digest.description)
        case .version(let id): ("version", String(id))
        case .upload(let id): ("upload", id)
        }
    }

    fileprivate init(kind: String, name: String) throws {
        switch (kind, Int64(name)) {
        case ("blob", _): self = .blob(try Digest(parsing: name))
        case ("version", let id?): self = .version(id)
        case ("upload", _): self = .upload(name)
        default: throw DatabaseError(.other, "'\(kind) \(name)' is nothing to review")
        }
    }
}

extension Review {
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            subject: try ReviewSubject(kind: row.text(), name: row.text()),
            event: try row.text(), dueAt: try row.timestamp(),
            attemptCount: Int(try row.integer()))
    }
}
