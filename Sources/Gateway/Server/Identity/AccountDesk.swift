import Registry

/// Where clients of formats log in and out.
struct AccountDesk: Sendable {
    /// The name of tokens that a login made; only those end with a logout.
    static let tokenName = "npm login"
    /// What such a token may be used for.
    static let scopes: Set<TokenScope> = [.readPackageRegistry, .writePackageRegistry, .readUser]

    let resolver: AccessResolver
    let services: RegistryServices
}

/// The caller of one request, at the desk.
struct DeskCaller: CallerHandle {
    let desk: AccountDesk
    let actor: Actor

    var principal: Principal { actor.principal }

    func findAccount() async throws(RegistryError) -> CallerAccount? {
        guard let id = principal.userID else { return nil }
        return try await desk.services.metadata.read { tx in
            try tx.findUser(id).map { user in
                CallerAccount(
                    username: user.username, name: user.name, email: user.email,
                    createdAt: user.createdAt)
            }
        }
    }

    func logIn(username: String, password: String) async throws(RegistryError) -> String {
        guard !username.isEmpty, !password.isEmpty else {
            throw RegistryError(.unauthenticated, "a name and a password are needed to log in")
        }
        let facts = try await desk.resolver.resolve(
            .success(Credential(username: username, password: password)), [],
            clientAddress: actor.remoteAddress)
        guard case .user(let user) = try facts.principal.get(), case .password = facts.binding
        else {
            // A token was presented, which serves as it is and is not multiplied.
            return password
        }
        return try await createToken(for: user)
    }

    private func createToken(for user: UserPrincipal) async throws(RegistryError) -> String {
        let secret = SecretToken.generate(.personal)
        let now = desk.services.clock.now()
        let draft = TokenDraft(
            kind: .personal, name: AccountDesk.tokenName, userID: user.id,
            scopes: AccountDesk.scopes,
            expiresAt: now.advanced(
                bySeconds: ManagementLimits.personalTokenDefaultLifetimeDays * 86_400),
            secretHash: SecretToken.hash(secret))
        let actor = Actor(
            principal: .user(user), requestID: actor.requestID,
            remoteAddress: actor.remoteAddress)
        try await desk.services.metadata.write { tx in
            let token = try tx.insertToken(draft, at: now)
            try tx.append(
                AuditEvent(
                    action: "token.create", actor: actor, namespaceID: nil,
                    subject: "personal_token:\(token.id) of user:\(user.username)"),
                at: now)
        }
        return secret
    }

    func logOut(_ token: String) async throws(RegistryError) -> Bool {
        let (actor, now) = (actor, desk.services.clock.now())
        let isEnded = try await desk.services.metadata.write { tx in
            guard let record = try tx.findToken(secretHash: SecretToken.hash(token)),
                record.kind == .personal, record.name == AccountDesk.tokenName,
                record.userID == actor.principal.userID,
                try tx.revokeToken(record.id, at: now)
            else { return false }
            try tx.append(
                AuditEvent(
                    action: "token.revoke", actor: actor, namespaceID: nil,
                    subject: "personal_token:\(record.id)"),
                at: now)
            return true
        }
        // What this replica remembers of the token ends now; others notice within their period.
        if isEnded { try await desk.resolver.cache.refresh() }
        return isEnded
    }
}
