import Database

extension MetadataSchema {
    /// Logins that people confirm on a page: known from then on, and not before.
    static let pageLoginTable: [SQL] = [
        """
        CREATE TABLE page_logins (
            receipt_hash {text} PRIMARY KEY,
            user_id {integer} NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
            password_digest {text} NOT NULL,
            created_at {integer} NOT NULL,
            expires_at {integer} NOT NULL,
            fetched_at {integer}
        ) {table}
        """,
        "CREATE INDEX page_logins_user ON page_logins (user_id)",
        "CREATE INDEX page_logins_expiry ON page_logins (expires_at)",
    ]
}
