import Database
import Registry

/// Statements on `blobs`, `uploads`, `reviews` and `unlinks`.
extension MetadataTransaction {
    func findBlobKey(_ digest: Digest) throws -> StorageKey? {
        try first("SELECT storage_key FROM blobs WHERE digest = \(digest)") {
            StorageKey(stored: try $0.text())
        }
    }

    func upsertBlob(_ blob: CommittedBlob, at now: Timestamp) throws -> StorageKey {
        // Only columns outside of every key change, so that publishers of the same bytes whose
        // files point at the row do not wait for more than each other's upsert.
        try one(
            """
            INSERT INTO blobs (
                digest, size, md5, sha1, sha512, storage_key, created_at, last_seen_at)
            VALUES (
                \(blob.digest), \(blob.size), \(blob.digests.md5), \(blob.digests.sha1),
                \(blob.digests.sha512), \(blob.key), \(now), \(now))
            ON CONFLICT (digest) DO UPDATE SET
                last_seen_at = excluded.last_seen_at,
                md5 = COALESCE(blobs.md5, excluded.md5),
                sha1 = COALESCE(blobs.sha1, excluded.sha1),
                sha512 = COALESCE(blobs.sha512, excluded.sha512)
            RETURNING storage_key
            """
        ) { StorageKey(stored: try $0.text()) }
    }

    func replaceBlobKey(_ digest: Digest, old: StorageKey, new: StorageKey) throws -> Bool {
        let count = try session.execute(
            """
            UPDATE blobs SET storage_key = \(new)
            WHERE digest = \(digest) AND storage_key = \(old)
            """)
        guard count == 1 else { return false }
        // What is left of the lost bytes, if anything, has to go.
        try session.execute(
            """
            INSERT INTO unlinks (storage_key, attempts, created_at)
            VALUES (\(old), 0, \(now))
            ON CONFLICT (storage_key) DO UPDATE SET attempts = 0
            """)
        return true
    }

    func filterKnownKeys(_ keys: [StorageKey]) throws -> Set<StorageKey> {
        var known: Set<StorageKey> = []
        for part in keys.chunks() {
            known.formUnion(
                try all(
                    """
                    SELECT storage_key FROM blobs
                    WHERE storage_key IN \(SQL.list(part.map(\.description)))
                    """
                ) { StorageKey(stored: try $0.text()) })
        }
        return known
    }

    func filterKnownUploads(_ ids: [String]) throws -> Set<String> {
        var known: Set<String> = []
        for part in ids.chunks() {
            known.formUnion(
                try all("SELECT store_id FROM uploads WHERE store_id IN \(SQL.list(part))") {
                    try $0.text()
                })
        }
        return known
    }

    func upsertReview(
        _ subject: ReviewSubject, event: String, after moment: Timestamp
    ) throws {
        let (kind, name) = subject.columns
        // A review that somebody is at work on keeps its lease: it is due again because it moved.
        try session.execute(
            """
            INSERT INTO reviews (subject_kind, subject, event, review_after, attempts)
            VALUES (\(kind), \(name), \(event), \(moment), 0)
            ON CONFLICT (subject_kind, subject) DO UPDATE SET
                event = excluded.event,
                attempts = 0,
                failure = NULL,
                review_after = CASE WHEN reviews.review_after < excluded.review_after
                    THEN excluded.review_after ELSE reviews.review_after END
            """)
    }
}

/// Statements on `audit_events`.
extension MetadataTransaction {
    func append(_ event: AuditEvent, at now: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO audit_events (
                action, principal, user_id, request_id, remote_address, namespace_id, subject,
                created_at)
            VALUES (
                \(event.action), \(event.actor.principal.label), \(event.actor.principal.userID),
                \(event.actor.requestID), \(event.actor.remoteAddress), \(event.namespaceID),
                \(event.subject), \(now))
            """)
    }
}
