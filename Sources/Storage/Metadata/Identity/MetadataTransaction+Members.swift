import Database
import Registry

/// Statements on `memberships`. One that has expired is as good as none.
extension MetadataTransaction {
    func findRole(
        userID: Int64, in namespace: NamespaceRecord, at now: Timestamp
    ) throws -> Role? {
        let highest = try one(
            """
            SELECT MAX(m.role) FROM memberships m
            WHERE m.user_id = \(userID)
                AND m.namespace_id IN \(SQL.list(namespace.lineage + [namespace.id]))
                AND (m.expires_at IS NULL OR m.expires_at > \(now))
            """
        ) { try $0.optionalInteger() }
        return highest.flatMap { Role(rawValue: Int($0)) }
    }

    func findMember(userID: Int64, namespaceID: Int64) throws -> MemberRecord? {
        try first(
            """
            SELECT \(Self.userColumns), \(Self.memberColumns)
            FROM memberships m JOIN principals u ON u.id = m.user_id
            WHERE m.namespace_id = \(namespaceID) AND m.user_id = \(userID)
                AND (m.expires_at IS NULL OR m.expires_at > \(now))
            """
        ) { try MemberRecord(&$0) }
    }

    func listMembers(
        of namespace: NamespaceRecord, includingInherited: Bool, page request: PageRequest
    ) throws -> Page<MemberRecord> {
        let namespaceIDs = (includingInherited ? namespace.lineage : []) + [namespace.id]
        // Of a user's memberships the one with the highest role counts, and of those the first.
        return try page(
            "\(Self.userColumns), \(Self.memberColumns)",
            from: """
                memberships m JOIN principals u ON u.id = m.user_id
                WHERE m.namespace_id IN \(SQL.list(namespaceIDs))
                    AND (m.expires_at IS NULL OR m.expires_at > \(now))
                    AND NOT EXISTS (
                        SELECT 1 FROM memberships better
                        WHERE better.user_id = m.user_id
                            AND better.namespace_id IN \(SQL.list(namespaceIDs))
                            AND (better.expires_at IS NULL OR better.expires_at > \(now))
                            AND (better.role > m.role OR (
                                better.role = m.role AND better.namespace_id < m.namespace_id)))
                """,
            order: "m.user_id", request
        ) { try MemberRecord(&$0) }
    }

    func insertMember(
        userID: Int64, namespaceID: Int64, role: Role, expiresAt: Timestamp?, at now: Timestamp
    ) throws -> MemberRecord {
        try raiseAdministrationEpoch()
        let inserted = try session.execute(
            """
            INSERT INTO memberships (namespace_id, user_id, role, created_at, expires_at)
            VALUES (\(namespaceID), \(userID), \(role.rawValue), \(now), \(expiresAt))
            ON CONFLICT (namespace_id, user_id) DO UPDATE SET
                role = excluded.role, created_at = excluded.created_at,
                expires_at = excluded.expires_at
            WHERE memberships.expires_at <= excluded.created_at
            """)
        guard inserted == 1 else {
            throw RegistryError(
                .conflict, "the user is a member already", reason: "member_exists")
        }
        guard let member = try findMemberRow(userID: userID, namespaceID: namespaceID) else {
            throw DatabaseError(.other, "an inserted membership is not there")
        }
        return member
    }

    func updateMember(
        userID: Int64, namespaceID: Int64, role: Role, expiresAt: Timestamp?
    ) throws -> MemberRecord? {
        try raiseAdministrationEpoch()
        let count = try session.execute(
            """
            UPDATE memberships SET role = \(role.rawValue), expires_at = \(expiresAt)
            WHERE namespace_id = \(namespaceID) AND user_id = \(userID)
                AND (expires_at IS NULL OR expires_at > \(now))
            """)
        return count == 1
            ? try findMemberRow(userID: userID, namespaceID: namespaceID) : nil
    }

    func removeMember(userID: Int64, namespaceID: Int64) throws -> Bool {
        try raiseAdministrationEpoch()
        let count = try session.execute(
            """
            DELETE FROM memberships
            WHERE namespace_id = \(namespaceID) AND user_id = \(userID)
            """)
        return count == 1
    }

    private static let memberColumns: SQL = "m.namespace_id, m.role, m.created_at, m.expires_at"

    /// The membership, expired or not.
    private func findMemberRow(userID: Int64, namespaceID: Int64) throws -> MemberRecord? {
        try first(
            """
            SELECT \(Self.userColumns), \(Self.memberColumns)
            FROM memberships m JOIN principals u ON u.id = m.user_id
            WHERE m.namespace_id = \(namespaceID) AND m.user_id = \(userID)
            """
        ) { try MemberRecord(&$0) }
    }
}

extension MemberRecord {
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            user: try UserRecord(&row), namespaceID: try row.integer(), role: try row.role(),
            createdAt: try row.timestamp(), expiresAt: try row.optionalTimestamp())
    }
}
