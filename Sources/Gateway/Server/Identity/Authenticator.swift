import Registry

/// Finds out who presents a credential.
final class Authenticator: Sendable {
    private let hasher: PasswordHasher
    private let throttle: LoginThrottle

    init(clock: any RegistryClock, hasher: PasswordHasher) {
        self.hasher = hasher
        self.throttle = LoginThrottle(clock: clock)
    }

    /// What a credential turned out to be.
    enum Finding: Sendable {
        case principal(
            Principal, CredentialBinding, expiresAt: Timestamp?, usedTokenID: Int64?)
        /// A name and a password: `user` is `nil` when there is no such user.
        case needsPassword(user: UserRecord?)
        case wrong
    }

    /// Looks the credential up in a transaction, as far as one can without hashing a password.
    static func look(
        up credential: Credential, _ tx: any MetadataReading, at now: Timestamp
    ) throws -> Finding {
        switch credential {
        case .none:
            return .principal(.anonymous, .anonymous, expiresAt: nil, usedTokenID: nil)
        case .signed:
            // Counts for nothing before its signature was verified; see `look(up:binding…)`.
            return .wrong
        case .token(let secret, let kinds):
            guard let token = try tx.findToken(secretHash: SecretToken.hash(secret)),
                kinds.contains(token.kind)
            else { return .wrong }
            return try look(up: token, tx, at: now)
        case .basic(let username, let password):
            if let token = try tx.findToken(secretHash: SecretToken.hash(password)) {
                // A deploy token belongs to its name; other tokens are taken with any.
                if token.kind == .deploy, token.username != username { return .wrong }
                return try look(up: token, tx, at: now)
            }
            return .needsPassword(user: try tx.findUser(username: username))
        }
    }

    /// Looks up what a signed token names, which may have ended since the token was signed.
    static func look(
        up binding: CredentialBinding, _ tx: any MetadataReading, at now: Timestamp
    ) throws -> Finding {
        switch binding {
        case .anonymous:
            return .principal(.anonymous, .anonymous, expiresAt: nil, usedTokenID: nil)
        case .token(let kind, let id):
            guard let token = try tx.findToken(id), token.kind == kind else { return .wrong }
            return try look(up: token, tx, at: now)
        case .password(let userID, _):
            guard let user = try tx.findUser(userID), user.state == .active,
                CredentialBinding.password(of: user) == binding
            else { return .wrong }
            return .principal(
                principal(byPasswordOf: user), binding, expiresAt: nil, usedTokenID: nil)
        }
    }

    private static func principal(byPasswordOf user: UserRecord) -> Principal {
        .user(
            UserPrincipal(
                id: user.id, username: user.username, isAdmin: user.isAdmin, scopes: nil))
    }

    private static func look(
        up token: TokenRecord, _ tx: any MetadataReading, at now: Timestamp
    ) throws -> Finding {
        guard token.isActive(at: now) else { return .wrong }
        var user: UserRecord?
        if let userID = token.userID {
            user = try tx.findUser(userID)
            guard user?.state == .active else { return .wrong }
        }
        guard let principal = principal(of: token, user: user) else { return .wrong }
        let isDue =
            token.lastUsedAt.map { $0.advanced(bySeconds: TokenRecord.lastUsedStepSeconds) <= now }
            ?? true
        return .principal(
            principal, .token(token.kind, id: token.id), expiresAt: token.expiresAt,
            usedTokenID: isDue ? token.id : nil)
    }

    private static func principal(of token: TokenRecord, user: UserRecord?) -> Principal? {
        switch (token.kind, user, token.namespaceID) {
        case (.personal, .some(let user), _):
            return .user(
                UserPrincipal(
                    id: user.id, username: user.username, isAdmin: user.isAdmin,
                    scopes: token.scopes, tokenID: token.id))
        case (.deploy, _, .some(let namespaceID)):
            return .deployToken(
                DeployTokenPrincipal(
                    id: token.id, username: token.username, namespaceID: namespaceID,
                    scopes: token.scopes))
        case (.job, .some(let user), .some(let projectID)):
            return .job(
                JobPrincipal(
                    id: token.id, jobID: token.jobID ?? 0, projectID: projectID, userID: user.id,
                    username: user.username, build: token.build))
        default:
            return nil
        }
    }

    /// Checks a password, slowly on purpose.
    ///
    /// - Throws: `unauthenticated` when it is wrong, `tooManyRequests` after too many failures.
    func checkPassword(
        _ credential: Credential, user: UserRecord?, address: String
    ) async throws(RegistryError) -> VerifiedCredential {
        guard case .basic(let username, let password) = credential else {
            throw RegistryError.wrongCredential()
        }
        try throttle.check(account: username, address: address)
        let throttle = throttle
        let isActive = user?.state == .active
        let isRight = try await hasher.verify(
            password, against: user?.passwordHash,
            admit: { () throws(RegistryError) in
                // Again, because those before it in line may have failed meanwhile: attempts made
                // all at once are slowed like those made one by one.
                try throttle.check(account: username, address: address)
            },
            settle: { isRight in
                if isRight, isActive {
                    throttle.recordSuccess(account: username)
                } else {
                    throttle.recordFailure(account: username, address: address)
                }
            })
        guard isRight, isActive, let user, let binding = CredentialBinding.password(of: user)
        else { throw RegistryError.wrongCredential() }
        return VerifiedCredential(principal: Self.principal(byPasswordOf: user), binding: binding)
    }
}

extension RegistryError {
    /// The credential is not one that the gateway issued, or no longer good; which of the two is
    /// not said.
    static func wrongCredential() -> RegistryError {
        RegistryError(
            .unauthenticated, "the credential is wrong, expired or revoked",
            reason: "wrong_credential")
    }
}
