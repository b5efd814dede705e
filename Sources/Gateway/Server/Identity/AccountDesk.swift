import Registry

/// Where clients of a format log in and out.
struct AccountDesk: Sendable {
    let resolver: AccessResolver
    let services: RegistryServices
    /// The name of tokens that a login made; only those end with a logout.
    let tokenName: String
    /// What such a token may be used for.
    let scopes: Set<TokenScope>
    /// What one may be used for that only reads.
    let readScopes: Set<TokenScope>

    /// The desk of the format of this name.
    init(
        of format: FormatID, _ family: ScopeFamily, resolver: AccessResolver,
        services: RegistryServices
    ) {
        self.resolver = resolver
        self.services = services
        tokenName = "\(format) login"
        switch family {
        case .containerRegistry: readScopes = [.readRegistry, .readUser]
        case .packageRegistry: readScopes = [.readPackageRegistry, .readUser]
        }
        scopes = readScopes.union(
            [family == .containerRegistry ? .writeRegistry : .writePackageRegistry])
    }
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
        guard let (user, _) = try await findUser(username, password) else {
            // A token was presented, which serves as it is and is not multiplied.
            return password
        }
        let secret = SecretToken.generate(.personal)
        let now = desk.services.clock.now()
        _ = try await desk.services.metadata.write { tx in
            try insertToken(secret, desk.scopes, of: user, tx, at: now)
        }
        return secret
    }

    func logOut(_ token: String) async throws(RegistryError) -> Bool {
        try await revoke { tx in try tx.findToken(secretHash: SecretToken.hash(token)) }
    }

    /// Who has this name and password; `nil` for somebody who presents a token as the password.
    ///
    /// - Throws: `unauthenticated` when they are wrong, `tooManyRequests` after too many failures.
    func findUser(
        _ username: String, _ password: String
    ) async throws(RegistryError) -> (user: UserPrincipal, passwordDigest: String)? {
        guard !username.isEmpty, !password.isEmpty else {
            throw RegistryError(.unauthenticated, "a name and a password are needed to log in")
        }
        let facts = try await desk.resolver.resolve(
            .success(Credential(username: username, password: password)), [],
            clientAddress: actor.remoteAddress)
        guard case .user(let user) = try facts.principal.get(),
            case .password(_, let digest) = facts.binding
        else { return nil }
        return (user, digest)
    }

    /// Writes down a token of `user`.
    func insertToken(
        _ secret: String, _ scopes: Set<TokenScope>, of user: UserPrincipal,
        _ tx: any MetadataWriting, at now: Timestamp
    ) throws -> TokenRecord {
        let token = try tx.insertToken(
            TokenDraft(
                kind: .personal, name: desk.tokenName, userID: user.id, scopes: scopes,
                expiresAt: now.advanced(
                    bySeconds: ManagementLimits.personalTokenDefaultLifetimeDays * 86_400),
                secretHash: SecretToken.hash(secret)), at: now)
        let actor = Actor(
            principal: .user(user), requestID: actor.requestID,
            remoteAddress: actor.remoteAddress)
        try tx.append(
            AuditEvent(
                action: "token.create", actor: actor, namespaceID: nil,
                subject: "personal_token:\(token.id) of user:\(user.username)"),
            at: now)
        return token
    }

    /// Ends the token that `find` finds, if it is one of the caller's from this desk and can do no
    /// more than what the caller presented.
    func revoke(
        _ find: @escaping @Sendable (any MetadataWriting) throws -> TokenRecord?
    ) async throws(RegistryError) -> Bool {
        let now = desk.services.clock.now()
        let isEnded = try await desk.services.metadata.write { tx in
            guard let record = try find(tx), record.kind == .personal,
                record.name == desk.tokenName, record.userID == actor.principal.userID,
                actor.principal.covers(record.scopes), try tx.revokeToken(record.id, at: now)
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

extension Principal {
    /// Whether the user's credential may be used for all of `scopes`.
    fileprivate func covers(_ scopes: Set<TokenScope>) -> Bool {
        guard case .user(let user) = self else { return false }
        guard let own = user.scopes, !own.contains(.api) else { return true }
        return scopes.isSubset(of: own)
    }
}
