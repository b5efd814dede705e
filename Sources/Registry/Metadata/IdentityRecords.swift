/// A row of `principals`: a user.
public struct UserRecord: Hashable, Sendable {
    /// Whether the user may act.
    public enum State: String, Sendable, CaseIterable {
        case active
        case blocked
    }

    public let id: Int64
    public let username: String
    public let name: String
    public let email: String
    public let isAdmin: Bool
    public let state: State
    /// The scrypt hash of the password, with its parameters and salt; `nil` when there is none.
    public let passwordHash: String?
    /// The user's own namespace.
    public let namespaceID: Int64
    public let createdAt: Timestamp

    public init(
        id: Int64, username: String, name: String, email: String, isAdmin: Bool, state: State,
        passwordHash: String?, namespaceID: Int64, createdAt: Timestamp
    ) {
        self.id = id
        self.username = username
        self.name = name
        self.email = email
        self.isAdmin = isAdmin
        self.state = state
        self.passwordHash = passwordHash
        self.namespaceID = namespaceID
        self.createdAt = createdAt
    }
}

/// A user to be inserted; the namespace of the same name is made with it.
public struct UserDraft: Sendable {
    public var username: String
    public var name: String
    public var email: String
    public var isAdmin: Bool
    public var passwordHash: String?

    public init(
        username: String, name: String, email: String, isAdmin: Bool = false,
        passwordHash: String? = nil
    ) {
        self.username = username
        self.name = name
        self.email = email
        self.isAdmin = isAdmin
        self.passwordHash = passwordHash
    }
}

/// What changes about a user; what is `nil` stays.
public struct UserChange: Sendable {
    public var name: String?
    public var email: String?
    public var isAdmin: Bool?
    public var state: UserRecord.State?
    public var passwordHash: String?

    public init(
        name: String? = nil, email: String? = nil, isAdmin: Bool? = nil,
        state: UserRecord.State? = nil, passwordHash: String? = nil
    ) {
        self.name = name
        self.email = email
        self.isAdmin = isAdmin
        self.state = state
        self.passwordHash = passwordHash
    }
}

/// A row of `memberships`: a user's role in a namespace, and through it in everything below.
public struct MemberRecord: Hashable, Sendable {
    public let user: UserRecord
    public let namespaceID: Int64
    public let role: Role
    public let createdAt: Timestamp
    /// When the membership ends; `nil` for never.
    public let expiresAt: Timestamp?

    public init(
        user: UserRecord, namespaceID: Int64, role: Role, createdAt: Timestamp,
        expiresAt: Timestamp?
    ) {
        self.user = user
        self.namespaceID = namespaceID
        self.role = role
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}

/// The kinds of tokens.
public enum TokenKind: String, Sendable, CaseIterable {
    /// Acts for a user.
    case personal
    /// Acts in a project or group.
    case deploy
    /// Acts for a CI job.
    case job
}

/// A row of `tokens`. The secret is stored as its SHA-256 and shown once.
public struct TokenRecord: Hashable, Sendable {
    public let id: Int64
    public let kind: TokenKind
    public let name: String
    /// What a deploy token is presented with; empty for the other kinds.
    public let username: String
    /// The owner of a personal token, the user of a job; `nil` for a deploy token.
    public let userID: Int64?
    /// The project or group of a deploy token, the project of a job; `nil` for a personal token.
    public let namespaceID: Int64?
    public let scopes: Set<TokenScope>
    /// The CI server's number of the job.
    public let jobID: Int64?
    public let build: BuildRecord
    public let createdAt: Timestamp
    public let expiresAt: Timestamp?
    public let revokedAt: Timestamp?
    /// When it was last used, to within `lastUsedStepSeconds`.
    public let lastUsedAt: Timestamp?

    /// How far `lastUsedAt` may lag behind, so that a read does not write: ten minutes.
    public static let lastUsedStepSeconds: Int64 = 600

    public init(
        id: Int64, kind: TokenKind, name: String, username: String, userID: Int64?,
        namespaceID: Int64?, scopes: Set<TokenScope>, jobID: Int64?, build: BuildRecord,
        createdAt: Timestamp, expiresAt: Timestamp?, revokedAt: Timestamp?, lastUsedAt: Timestamp?
    ) {
        self.id = id
        self.kind = kind
        self.name = name
        self.username = username
        self.userID = userID
        self.namespaceID = namespaceID
        self.scopes = scopes
        self.jobID = jobID
        self.build = build
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.lastUsedAt = lastUsedAt
    }

    /// Whether the token may still be used at `now`.
    public func isActive(at now: Timestamp) -> Bool {
        revokedAt == nil && expiresAt.map { now < $0 } ?? true
    }
}

/// A token to be inserted.
public struct TokenDraft: Sendable {
    public var kind: TokenKind
    public var name: String
    public var username: String
    public var userID: Int64?
    public var namespaceID: Int64?
    public var scopes: Set<TokenScope>
    public var jobID: Int64?
    public var build: BuildRecord
    public var expiresAt: Timestamp?
    /// SHA-256 of the secret, in hexadecimal.
    public var secretHash: String

    public init(
        kind: TokenKind, name: String, username: String = "", userID: Int64? = nil,
        namespaceID: Int64? = nil, scopes: Set<TokenScope> = [], jobID: Int64? = nil,
        build: BuildRecord = BuildRecord(), expiresAt: Timestamp? = nil, secretHash: String
    ) {
        self.kind = kind
        self.name = name
        self.username = username
        self.userID = userID
        self.namespaceID = namespaceID
        self.scopes = scopes
        self.jobID = jobID
        self.build = build
        self.expiresAt = expiresAt
        self.secretHash = secretHash
    }
}
