import Registry

/// A user as commands print it.
struct UserRow: OutputRow {
    static let headings = ["ID", "USERNAME", "NAME", "EMAIL", "ADMIN", "STATE", "CREATED"]

    let id: Int64
    let username: String
    let name: String
    let email: String
    let isAdmin: Bool
    let state: String
    let createdAt: String

    init(_ user: UserRecord) {
        id = user.id
        username = user.username
        name = user.name
        email = user.email
        isAdmin = user.isAdmin
        state = user.state.rawValue
        createdAt = user.createdAt.iso8601
    }

    var cells: [String] {
        ["\(id)", username, name, email, isAdmin ? "yes" : "no", state, createdAt]
    }
}

/// A user whose password was just set.
struct UserSecretRow: OutputRow {
    static let headings = ["ID", "USERNAME", "PASSWORD"]

    let id: Int64
    let username: String
    /// `nil` when the person at the keyboard chose it.
    let password: String?

    var cells: [String] { ["\(id)", username, password ?? "(as given)"] }
}

/// A group or project as commands print it.
struct NamespaceRow: OutputRow {
    static let headings = ["ID", "PATH", "NAME", "VISIBILITY", "CREATED"]

    let id: Int64
    let path: String
    let name: String
    let visibility: String
    let createdAt: String

    init(_ namespace: NamespaceRecord) {
        id = namespace.id
        path = namespace.path.description
        name = namespace.name
        visibility = namespace.visibility.rawValue
        createdAt = namespace.createdAt.iso8601
    }

    var cells: [String] { ["\(id)", path, name, visibility, createdAt] }
}

/// A token as commands print it, without its secret.
struct TokenRow: OutputRow {
    static let headings = ["ID", "KIND", "NAME", "OF", "SCOPES", "STATE", "EXPIRES", "LAST USED"]

    let id: Int64
    let kind: String
    let name: String
    /// The user name, or the path of the project or group.
    let of: String
    let scopes: [String]
    let state: String
    let expiresAt: String?
    let lastUsedAt: String?

    init(_ token: TokenRecord, of owner: String, at now: Timestamp) {
        id = token.id
        kind = token.kind.rawValue
        name = token.name
        of = owner
        scopes = token.scopes.map(\.rawValue).sorted()
        state =
            if token.revokedAt != nil { "revoked" } else if token.isActive(at: now) {
                "active"
            } else { "expired" }
        expiresAt = token.expiresAt?.iso8601
        lastUsedAt = token.lastUsedAt?.iso8601
    }

    var cells: [String] {
        [
            "\(id)", kind, name, of, scopes.joined(separator: ","), state, expiresAt ?? "never",
            lastUsedAt ?? "never",
        ]
    }
}

/// A token that was just made, with its secret, which nobody sees again.
struct TokenSecretRow: OutputRow {
    static let headings = ["ID", "NAME", "USERNAME", "EXPIRES", "TOKEN"]

    let id: Int64
    let name: String
    let username: String
    let expiresAt: String?
    let token: String

    var cells: [String] { ["\(id)", name, username, expiresAt ?? "never", token] }
}

/// A rule about image tags as commands print it.
struct TagRuleRow: OutputRow {
    static let headings = ["ID", "PATTERN", "PUSH", "DELETE", "IMMUTABLE"]

    let id: Int64
    let pattern: String
    let push: String?
    let delete: String?
    let isImmutable: Bool

    init(_ rule: TagRule) {
        id = rule.id
        pattern = rule.pattern.description
        push = rule.pushRole?.name
        delete = rule.deleteRole?.name
        isImmutable = rule.isImmutable
    }

    var cells: [String] {
        ["\(id)", pattern, push ?? "-", delete ?? "-", isImmutable ? "yes" : "no"]
    }
}

/// A setting with its value and where that comes from.
struct SettingRow: OutputRow {
    static let headings = ["NAME", "VALUE", "FROM"]

    let name: String
    let value: String?
    let from: String

    var cells: [String] { [name, value ?? "-", from] }
}

/// A format's feature flag.
struct FeatureRow: OutputRow {
    static let headings = ["NAME", "STAGE", "STATE", "GATES"]

    let name: String
    let stage: String
    /// `on`, `off`, or `conditional` when it depends on who asks.
    let state: String
    let gates: [String]

    var cells: [String] { [name, stage, state, gates.joined(separator: " ")] }
}
