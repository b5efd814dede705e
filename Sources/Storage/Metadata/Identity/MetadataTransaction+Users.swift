import Database
import Registry

/// Statements on `principals`.
extension MetadataTransaction {
    static let userColumns: SQL = """
        u.id, u.username, u.name, u.email, u.is_admin, u.state, u.password_hash,
        u.namespace_id, u.created_at
        """

    func findUser(_ id: Int64) throws -> UserRecord? {
        try first("SELECT \(Self.userColumns) FROM principals u WHERE u.id = \(id)") {
            try UserRecord(&$0)
        }
    }

    func findUser(username: String) throws -> UserRecord? {
        try first(
            """
            SELECT \(Self.userColumns) FROM principals u
            WHERE u.username_key = \(username.lowercased())
            """
        ) { try UserRecord(&$0) }
    }

    func listUsers(search: String?, page request: PageRequest) throws -> Page<UserRecord> {
        var source: SQL = "principals u"
        if let search = search?.lowercased(), !search.isEmpty {
            source.append(
                """
                 WHERE {position}(u.username_key, \(search)) > 0
                    OR {position}(u.name_key, \(search)) > 0
                    OR {position}(u.email_key, \(search)) > 0
                """)
        }
        return try page(Self.userColumns, from: source, order: "u.id", request) {
            try UserRecord(&$0)
        }
    }

    func insertUser(_ draft: UserDraft, at now: Timestamp) throws -> UserRecord {
        try raiseAdministrationEpoch()
        // Everything below a user's namespace is as visible as it says itself.
        let namespace = try insertNamespaceRow(
            NamespaceDraft(
                kind: .user, path: NamespacePath(segments: [draft.username]), name: draft.name,
                visibility: .public), at: now)
        let id = try orConflict(
            "the user name '\(draft.username)' is taken", reason: "username_taken"
        ) {
            try one(
                """
                INSERT INTO principals (
                    username, username_key, name, name_key, email, email_key, is_admin, state,
                    password_hash, namespace_id, created_at)
                VALUES (
                    \(draft.username), \(draft.username.lowercased()), \(draft.name),
                    \(draft.name.lowercased()), \(draft.email), \(draft.email.lowercased()),
                    \(draft.isAdmin ? 1 : 0), \(UserRecord.State.active.rawValue),
                    \(draft.passwordHash), \(namespace.id), \(now))
                RETURNING id
                """
            ) { try $0.integer() }
        }
        try session.execute(
            "UPDATE namespaces SET creator_id = \(id) WHERE id = \(namespace.id)")
        try session.execute(
            """
            INSERT INTO memberships (namespace_id, user_id, role, created_at)
            VALUES (\(namespace.id), \(id), \(Role.owner.rawValue), \(now))
            """)
        return try requireUser(id)
    }

    func updateUser(_ id: Int64, _ change: UserChange) throws -> UserRecord {
        try raiseAdministrationEpoch()
        try session.execute(
            """
            UPDATE principals SET
                name = COALESCE(\(change.name), name),
                name_key = COALESCE(\(change.name?.lowercased()), name_key),
                email = COALESCE(\(change.email), email),
                email_key = COALESCE(\(change.email?.lowercased()), email_key),
                is_admin = COALESCE(\(change.isAdmin.map { $0 ? 1 : 0 }), is_admin),
                state = COALESCE(\(change.state?.rawValue), state),
                password_hash = COALESCE(\(change.passwordHash), password_hash)
            WHERE id = \(id)
            """)
        return try requireUser(id)
    }

    private func requireUser(_ id: Int64) throws -> UserRecord {
        guard let user = try findUser(id) else {
            throw RegistryError(.notFound, "there is no such user")
        }
        return user
    }
}

extension UserRecord {
    /// The next columns, as `userColumns` lists them.
    init(_ row: inout SQLRow) throws {
        self.init(
            id: try row.integer(), username: try row.text(), name: try row.text(),
            email: try row.text(), isAdmin: try row.integer() != 0, state: try row.choice(),
            passwordHash: try row.optionalText(), namespaceID: try row.integer(),
            createdAt: try row.timestamp())
    }
}
