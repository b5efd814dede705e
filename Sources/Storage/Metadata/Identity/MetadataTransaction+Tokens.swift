import Database
import Registry

/// Statements on `tokens`.
extension MetadataTransaction {
    private static let tokenColumns: SQL = """
        t.id, t.kind, t.name, t.username, t.user_id, t.namespace_id, t.scopes, t.job_id,
        t.pipeline_id, t.ref, t.sha, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
        """

    func findToken(_ id: Int64) throws -> TokenRecord? {
        try first("SELECT \(Self.tokenColumns) FROM tokens t WHERE t.id = \(id)") {
            try TokenRecord(&$0)
        }
    }

    func findToken(secretHash: String) throws -> TokenRecord? {
        try first(
            "SELECT \(Self.tokenColumns) FROM tokens t WHERE t.secret_hash = \(secretHash)"
        ) { try TokenRecord(&$0) }
    }

    func listTokens(_ filter: TokenFilter, page request: PageRequest) throws -> Page<TokenRecord> {
        var conditions: [SQL] = ["t.kind = \(filter.kind.rawValue)"]
        if let userID = filter.userID { conditions.append("t.user_id = \(userID)") }
        if let id = filter.namespaceID { conditions.append("t.namespace_id = \(id)") }
        if let name = filter.name { conditions.append("t.name = \(name)") }
        if let moment = filter.activeAt {
            conditions.append("t.revoked_at IS NULL")
            conditions.append("(t.expires_at IS NULL OR t.expires_at > \(moment))")
        }
        return try page(
            Self.tokenColumns, from: "tokens t WHERE \(Self.all(of: conditions))",
            order: "t.created_at DESC, t.id DESC", request
        ) { try TokenRecord(&$0) }
    }

    func insertToken(_ draft: TokenDraft, at now: Timestamp) throws -> TokenRecord {
        try raiseAdministrationEpoch()
        let scopes = draft.scopes.map(\.rawValue).sorted().joined(separator: " ")
        let id = try orConflict("a token with this secret exists already") {
            try one(
                """
                INSERT INTO tokens (
                    kind, name, username, user_id, namespace_id, scopes, job_id, pipeline_id,
                    ref, sha, secret_hash, created_at, expires_at)
                VALUES (
                    \(draft.kind.rawValue), \(draft.name), \(draft.username), \(draft.userID),
                    \(draft.namespaceID), \(scopes), \(draft.jobID), \(draft.build.pipelineID),
                    \(draft.build.ref), \(draft.build.sha), \(draft.secretHash), \(now),
                    \(draft.expiresAt))
                RETURNING id
                """
            ) { try $0.integer() }
        }
        guard let token = try findToken(id) else {
            throw DatabaseError(.other, "an inserted token is not there")
        }
        return token
    }

    func revokeToken(_ id: Int64, at now: Timestamp) throws -> Bool {
        try raiseAdministrationEpoch()
        let count = try session.execute(
            "UPDATE tokens SET revoked_at = \(now) WHERE id = \(id) AND revoked_at IS NULL")
        return count == 1
    }

    func recordTokenUse(_ id: Int64, at now: Timestamp) throws {
        let step = now.advanced(bySeconds: -TokenRecord.lastUsedStepSeconds)
        try session.execute(
            """
            UPDATE tokens SET last_used_at = \(now)
            WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at <= \(step))
            """)
    }
}

extension TokenRecord {
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            id: try row.integer(), kind: try row.choice(), name: try row.text(),
            username: try row.text(), userID: try row.optionalInteger(),
            namespaceID: try row.optionalInteger(), scopes: try row.scopes(),
            jobID: try row.optionalInteger(), build: try row.build(),
            createdAt: try row.timestamp(), expiresAt: try row.optionalTimestamp(),
            revokedAt: try row.optionalTimestamp(), lastUsedAt: try row.optionalTimestamp())
    }
}

extension SQLRow {
    /// The next column: names of scopes with spaces between them.
    fileprivate mutating func scopes() throws -> Set<TokenScope> {
        Set(
            try text().split(separator: " ").map { name in
                guard let scope = TokenScope(rawValue: String(name)) else {
                    throw DatabaseError(.other, "'\(name)' is no scope")
                }
                return scope
            })
    }
}
