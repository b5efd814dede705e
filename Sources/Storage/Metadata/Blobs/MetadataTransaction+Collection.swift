import Database
import Registry

/// Statements of the collector on `reviews`, `unlinks`, `blobs` and `uploads`.
extension MetadataTransaction {
    func claimReviews(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [Review] {
        let claimed = try all(
            """
            UPDATE reviews SET leased_until = \(end), attempts = attempts + 1
            WHERE (subject_kind, subject) IN (
                SELECT subject_kind, subject FROM reviews
                WHERE review_after <= \(now)
                    AND (leased_until IS NULL OR leased_until <= \(now))
                ORDER BY review_after, subject LIMIT \(limit) {skip locked})
            RETURNING subject_kind, subject, event, review_after, attempts
            """
        ) { try ClaimedReview(&$0) }
        for row in claimed where row.review == nil {
            // What cannot be read must not keep anybody from the rest.
            try session.execute(
                """
                UPDATE reviews SET leased_until = NULL, review_after = \(now.advanced(bySeconds: 86_400)),
                    failure = 'it is nothing that can be reviewed'
                WHERE subject_kind = \(row.kind) AND subject = \(row.name)
                """)
        }
        return claimed.compactMap(\.review).sorted {
            ($0.dueAt, $0.subject.columns.name) < ($1.dueAt, $1.subject.columns.name)
        }
    }

    func listLaterReviews(
        _ reviews: [Review], at now: Timestamp
    ) throws -> [ReviewSubject: Timestamp] {
        var later: [ReviewSubject: Timestamp] = [:]
        for case .version(let id) in reviews.map(\.subject) {
            // As every publish does first. A tag that goes asks for a review in the same way.
            try session.execute(
                """
                UPDATE packages SET updated_at = updated_at
                WHERE id = (SELECT package_id FROM versions WHERE id = \(id))
                """)
        }
        for part in reviews.chunks() {
            guard let kind = part.first?.subject.columns.kind else { continue }
            let rows = try all(
                """
                SELECT subject, review_after FROM reviews
                WHERE subject_kind = \(kind) AND review_after > \(now)
                    AND subject IN \(SQL.list(part.map(\.subject.columns.name)))
                """
            ) { (try ReviewSubject(kind: kind, name: $0.text()), try $0.timestamp()) }
            for (subject, moment) in rows { later[subject] = moment }
        }
        return later
    }

    func finishReviews(_ reviews: [Review]) throws {
        // In one order everywhere, so that two collectors cannot wait for each other.
        for part in reviews.sorted(by: { $0.subject.columns.name < $1.subject.columns.name })
            .chunks()
        {
            guard let kind = part.first?.subject.columns.kind else { continue }
            let names = SQL.list(part.map(\.subject.columns.name))
            // Whoever asks again sets the attempts to 0, also where the moment stays the same
            // because two clocks differ.
            let claimed = part.map {
                "(\($0.subject.columns.name), \($0.dueAt), \($0.attemptCount))" as SQL
            }
            try session.execute(
                """
                DELETE FROM reviews WHERE subject_kind = \(kind) AND subject IN \(names)
                    AND (subject, review_after, attempts) IN (
                        VALUES \(SQL.joined(claimed, separator: ", ")))
                """)
            try session.execute(
                """
                UPDATE reviews SET leased_until = NULL
                WHERE subject_kind = \(kind) AND subject IN \(names)
                """)
        }
    }

    func postponeReview(_ review: Review, until moment: Timestamp, failure: String?) throws {
        let (kind, name) = review.subject.columns
        let attempts: SQL = failure == nil ? "0" : "attempts"
        try session.execute(
            """
            UPDATE reviews SET
                leased_until = NULL, failure = \(failure), attempts = \(attempts),
                review_after = CASE WHEN review_after = \(review.dueAt)
                        AND attempts = \(review.attemptCount)
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
            try insertUnlinks(collected.map { ("blob", $0.key, $0.size) }, at: now)
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

    func collectUpload(_ id: String, at now: Timestamp) throws -> ReviewOutcome {
        let gone = try first(
            """
            DELETE FROM uploads WHERE id = \(id) AND expires_at <= \(now)
            RETURNING store_id, byte_offset
            """
        ) { (storeID: try $0.optionalText(), size: try $0.integer()) }
        guard let gone else {
            let end = try first("SELECT expires_at FROM uploads WHERE id = \(id)") {
                try $0.timestamp()
            }
            return end.map { .postponed(until: $0) } ?? .absent
        }
        guard let storeID = gone.storeID else { return .collected(bytes: 0) }
        try insertUnlinks([("upload", storeID, gone.size)], at: now)
        return .collected(bytes: gone.size)
    }

    // MARK: Files

    private func insertUnlinks(
        _ unlinks: [(kind: String, name: String, size: Int64)], at now: Timestamp
    ) throws {
        for part in unlinks.chunks() {
            let rows = part.map { "(\($0.kind), \($0.name), \($0.size), 0, \(now), \(now))" as SQL }
            try session.execute(
                """
                INSERT INTO unlinks (kind, storage_key, size_bytes, attempts, due_at, created_at)
                VALUES \(SQL.joined(rows, separator: ", "))
                ON CONFLICT (storage_key) DO NOTHING
                """)
        }
    }

    func claimUnlinks(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [Unlink] {
        try all(
            """
            UPDATE unlinks SET due_at = \(end), attempts = attempts + 1
            WHERE storage_key IN (
                SELECT storage_key FROM unlinks WHERE due_at <= \(now)
                ORDER BY due_at LIMIT \(limit) {skip locked})
            RETURNING kind, storage_key, size_bytes, attempts
            """
        ) { row in
            let (kind, name) = (try row.text(), try row.text())
            return Unlink(
                target: kind == "upload" ? .upload(name) : .blob(StorageKey(stored: name)),
                size: try row.integer(), attemptCount: Int(try row.integer()))
        }
    }

    func finishUnlinks(_ unlinks: [Unlink]) throws -> Int64 {
        var bytes: Int64 = 0
        for part in unlinks.map(\.target.name).sorted().chunks() {
            bytes += try all(
                """
                DELETE FROM unlinks WHERE storage_key IN \(SQL.list(part)) RETURNING size_bytes
                """
            ) { try $0.integer() }.reduce(0, +)
        }
        return bytes
    }

    func postponeUnlink(_ unlink: Unlink, until moment: Timestamp, failure: String) throws {
        try session.execute(
            """
            UPDATE unlinks SET due_at = \(moment), failure = \(failure)
            WHERE storage_key = \(unlink.target.name)
            """)
    }

    // MARK: The switch

    func setCollectionPaused(_ moment: Timestamp?) throws {
        try session.execute("UPDATE collector SET paused_at = \(moment) WHERE id = 1")
    }

    func isCollectionPaused() throws -> Bool {
        try one("SELECT paused_at FROM collector WHERE id = 1") {
            try $0.optionalTimestamp() != nil
        }
    }

    func setCollectionWindow(_ window: String?) throws {
        try session.execute("UPDATE collector SET hours = \(window) WHERE id = 1")
    }
}

extension ReviewSubject {
    /// The kind and the name, as the table has them.
    var columns: (kind: String, name: String) {
        switch self {
        case .blob(let digest): ("blob", digest.description)
        case .version(let id): ("version", String(id))
        case .upload(let id): ("upload", id)
        case .periods(let review):
            ("periods", "\(review.namespaceID)/\(review.packageID)/\(review.versionID)")
        }
    }

    fileprivate init(kind: String, name: String) throws {
        switch (kind, Int64(name)) {
        case ("blob", _): self = .blob(try Digest(parsing: name))
        case ("version", let id?): self = .version(id)
        case ("upload", _): self = .upload(name)
        case ("periods", _): self = .periods(try PeriodReview(stored: name))
        default: throw DatabaseError(.other, "'\(kind) \(name)' is nothing to review")
        }
    }
}

extension PeriodReview {
    init(stored text: String) throws {
        let numbers = text.split(separator: "/").compactMap { Int64($0) }
        guard numbers.count == 3 else {
            throw DatabaseError(.other, "'\(text)' is no place among versions")
        }
        self.init(namespaceID: numbers[0], packageID: numbers[1], versionID: numbers[2])
    }
}

extension Unlink.Target {
    /// The name of the bytes, as the table has it.
    fileprivate var name: String {
        switch self {
        case .blob(let key): key.description
        case .upload(let id): id
        }
    }
}

/// A row of `reviews`, whatever stands in it.
private struct ClaimedReview {
    let kind: String
    let name: String
    /// `nil` where the subject cannot be read.
    let review: Review?

    init(_ row: inout SQLRow) throws {
        kind = try row.text()
        name = try row.text()
        let event = try row.text()
        let dueAt = try row.timestamp()
        let attemptCount = Int(try row.integer())
        review = (try? ReviewSubject(kind: kind, name: name)).map { subject in
            Review(subject: subject, event: event, dueAt: dueAt, attemptCount: attemptCount)
        }
    }
}
