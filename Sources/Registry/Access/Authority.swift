/// What somebody counts as where a rule asks for a role or a token.
public struct Authority: Hashable, Sendable {
    public let role: Role
    /// The number of the token that was presented; `nil` for a password, and for a job's token.
    public let tokenID: Int64?
    /// The username of the deploy token that was presented.
    public let tokenUsername: String?
    /// Whether it is whoever runs the registry, to whom rules about packages do not apply.
    public let isConsole: Bool

    /// Somebody with this role and without a token that a rule could name.
    public init(_ role: Role) {
        self.role = role
        tokenID = nil
        tokenUsername = nil
        isConsole = false
    }

    /// What `principal` counts as whose user has the role `role`.
    public init(_ principal: Principal, role: Role?) {
        self.role = principal.authority(role)
        isConsole = principal == .console
        switch principal {
        case .user(let user): (tokenID, tokenUsername) = (user.tokenID, nil)
        case .deployToken(let token): (tokenID, tokenUsername) = (token.id, token.username)
        case .job, .anonymous, .console, .server: (tokenID, tokenUsername) = (nil, nil)
        }
    }
}
