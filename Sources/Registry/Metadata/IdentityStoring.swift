/// Queries on `principals`, `memberships` and `tokens`.
public protocol IdentityReading {
    func findUser(_ id: Int64) throws -> UserRecord?
    /// By name, compared without case.
    func findUser(username: String) throws -> UserRecord?
    /// In order of their ids; `search` is part of the user name, name or e-mail.
    func listUsers(search: String?, page: PageRequest) throws -> Page<UserRecord>
    /// The user's highest role in the namespace or any above it, at `now`.
    func findRole(userID: Int64, in namespace: NamespaceRecord, at now: Timestamp) throws -> Role?
    /// The user's own membership of the namespace, not one of those above it.
    func findMember(userID: Int64, namespaceID: Int64) throws -> MemberRecord?
    /// In order of user ids. With `includingInherited`, each user once, with the highest role.
    func listMembers(
        of namespace: NamespaceRecord, includingInherited: Bool, page: PageRequest
    ) throws -> Page<MemberRecord>
    func findToken(_ id: Int64) throws -> TokenRecord?
    /// By the SHA-256 of the secret in hexadecimal, whether it may still be used or not.
    func findToken(secretHash: String) throws -> TokenRecord?
    /// The newest first.
    func listTokens(_ filter: TokenFilter, page: PageRequest) throws -> Page<TokenRecord>
}

/// Which tokens a list is to contain.
public struct TokenFilter: Hashable, Sendable {
    public var kind: TokenKind
    public var userID: Int64?
    public var namespaceID: Int64?
    /// Only tokens that may be used at this moment; `nil` for all.
    public var activeAt: Timestamp?
    /// Only tokens of this name; `nil` for all.
    public var name: String?

    public init(
        kind: TokenKind, userID: Int64? = nil, namespaceID: Int64? = nil,
        activeAt: Timestamp? = nil, name: String? = nil
    ) {
        self.kind = kind
        self.userID = userID
        self.namespaceID = namespaceID
        self.activeAt = activeAt
        self.name = name
    }
}

/// Changes of `principals`, `memberships` and `tokens`; each but `recordTokenUse` makes every
/// replica forget what it knew about access.
public protocol IdentityWriting: IdentityReading {
    /// Inserts the user together with the user's namespace, of which the user is the owner.
    ///
    /// - Throws: `conflict` when the name or the path is taken.
    func insertUser(_ draft: UserDraft, at now: Timestamp) throws -> UserRecord
    /// - Throws: `notFound` when there is no such user.
    func updateUser(_ id: Int64, _ change: UserChange) throws -> UserRecord
    /// - Throws: `conflict` when the user is a member already.
    func insertMember(
        userID: Int64, namespaceID: Int64, role: Role, expiresAt: Timestamp?, at now: Timestamp
    ) throws -> MemberRecord
    /// `nil` when the user is no member.
    func updateMember(
        userID: Int64, namespaceID: Int64, role: Role, expiresAt: Timestamp?
    ) throws -> MemberRecord?
    /// Whether the user was a member.
    func removeMember(userID: Int64, namespaceID: Int64) throws -> Bool
    func insertToken(_ draft: TokenDraft, at now: Timestamp) throws -> TokenRecord
    /// Whether the token was there and not revoked.
    func revokeToken(_ id: Int64, at now: Timestamp) throws -> Bool
    func recordTokenUse(_ id: Int64, at now: Timestamp) throws
}
