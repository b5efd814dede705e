import Registry

extension DeskCaller {
    /// The most logins of one user that may wait to be fetched.
    static let waitingPageLoginLimitCount = 10

    func beginPageLogin() throws(RegistryError) -> PageLogin {
        desk.resolver.signer.pageLogins.begin(
            from: actor.remoteAddress, at: desk.services.clock.now())
    }

    func findPageLogin(
        _ request: String
    ) async throws(RegistryError) -> PageLoginRequest {
        let opened = try await requireOpen(request)
        return PageLoginRequest(
            address: opened.address, isFromHere: opened.address == actor.remoteAddress,
            beganAt: opened.beganAt, expiresAt: opened.expiresAt)
    }

    func confirmPageLogin(
        _ request: String, username: String, password: String
    ) async throws(RegistryError) {
        let opened = try await requireOpen(request)
        guard let (user, digest) = try await findUser(username, password) else {
            throw RegistryError(
                .unauthenticated,
                "a password is needed here: a token can be used as it is, without logging in")
        }
        let login = PageLoginRecord(
            receiptHash: opened.receiptHash, userID: user.id, passwordDigest: digest,
            expiresAt: opened.fetchableUntil)
        let now = desk.services.clock.now()
        let actor = Actor(
            principal: .user(user), requestID: actor.requestID,
            remoteAddress: actor.remoteAddress)
        try await desk.services.metadata.write { tx in
            guard
                try tx.countPageLogins(userID: user.id, at: now)
                    < Self.waitingPageLoginLimitCount
            else {
                throw RegistryError(
                    .tooManyRequests,
                    "\(Self.waitingPageLoginLimitCount) logins of yours wait to be fetched; "
                        + "their time has to be over first",
                    retryAfterSeconds: Int(PageLogin.lifetimeSeconds))
            }
            try tx.insertPageLogin(login, at: now)
            try tx.append(
                AuditEvent(
                    action: "login.confirm", actor: actor, namespaceID: nil,
                    subject: "user:\(user.username) for \(opened.address)"), at: now)
        }
    }

    func finishPageLogin(_ receipt: String) async throws(RegistryError) -> String? {
        let now = desk.services.clock.now()
        guard let beganAt = desk.resolver.signer.pageLogins.open(receipt: receipt),
            now
                < beganAt.advanced(
                    bySeconds: PageLogin.lifetimeSeconds + PageLoginSeal.fetchGraceSeconds)
        else { throw RegistryError.noPageLogin }
        let hash = SecretToken.hash(receipt)
        let isFetchable = try await desk.services.metadata.read { tx in
            try tx.findPageLogin(receiptHash: hash, at: now)
        }
        guard let isFetchable else { return nil }
        guard isFetchable else { throw RegistryError.noPageLogin }
        let secret = SecretToken.generate(.personal)
        try await desk.services.metadata.write { tx in
            // Whoever was blocked or got another password since gets nothing.
            guard let login = try tx.takePageLogin(receiptHash: hash, at: now),
                case .principal(.user(let user), _, _, _) = try Authenticator.look(
                    up: .password(userID: login.userID, digest: login.passwordDigest), tx, at: now)
            else { throw RegistryError.noPageLogin }
            _ = try insertToken(secret, desk.scopes, of: user, tx, at: now)
        }
        return secret
    }

    /// A request that can be confirmed now.
    private func requireOpen(
        _ request: String
    ) async throws(RegistryError) -> PageLoginSeal.Request {
        let now = desk.services.clock.now()
        guard let opened = desk.resolver.signer.pageLogins.open(request: request),
            now < opened.expiresAt
        else { throw RegistryError.noPageLogin }
        let known = try await desk.services.metadata.read { tx in
            try tx.findPageLogin(receiptHash: opened.receiptHash, at: now)
        }
        guard known == nil else {
            throw RegistryError(
                .conflict, "this login was confirmed already", reason: "login_confirmed")
        }
        return opened
    }
}

extension RegistryError {
    /// Whether there was one, and what became of it, is not said.
    fileprivate static let noPageLogin = RegistryError(
        .notFound,
        "there is no such login any more: it can be confirmed for "
            + "\(PageLogin.lifetimeSeconds / 60) minutes and used once; begin it again",
        reason: "login_unknown")
}
