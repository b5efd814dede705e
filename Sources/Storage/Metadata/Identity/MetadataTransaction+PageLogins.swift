import Database
import Registry

/// Statements on `page_logins`.
extension MetadataTransaction {
    func findPageLogin(receiptHash: String, at now: Timestamp) throws -> Bool? {
        try first(
            """
            SELECT fetched_at, expires_at FROM page_logins WHERE receipt_hash = \(receiptHash)
            """
        ) { row in
            let isFetched = try row.optionalTimestamp() != nil
            return try row.timestamp() > now && !isFetched
        }
    }

    func countPageLogins(userID: Int64, at now: Timestamp) throws -> Int {
        Int(
            try one(
                """
                SELECT COUNT(*) FROM page_logins
                WHERE user_id = \(userID) AND fetched_at IS NULL AND expires_at > \(now)
                """
            ) { try $0.integer() })
    }

    func insertPageLogin(_ login: PageLoginRecord, at now: Timestamp) throws {
        try session.execute("DELETE FROM page_logins WHERE expires_at <= \(now)")
        try orConflict("this login was confirmed already", reason: "login_confirmed") {
            _ = try session.execute(
                """
                INSERT INTO page_logins (
                    receipt_hash, user_id, password_digest, created_at, expires_at)
                VALUES (
                    \(login.receiptHash), \(login.userID), \(login.passwordDigest), \(now),
                    \(login.expiresAt))
                """)
        }
    }

    func takePageLogin(receiptHash: String, at now: Timestamp) throws -> PageLoginRecord? {
        try first(
            """
            UPDATE page_logins SET fetched_at = \(now)
            WHERE receipt_hash = \(receiptHash) AND fetched_at IS NULL AND expires_at > \(now)
            RETURNING receipt_hash, user_id, password_digest, expires_at
            """
        ) { row in
            PageLoginRecord(
                receiptHash: try row.text(), userID: try row.integer(),
                passwordDigest: try row.text(), expiresAt: try row.timestamp())
        }
    }
}
