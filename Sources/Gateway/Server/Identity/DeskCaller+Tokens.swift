import Registry

extension DeskCaller {
    func listTokens() async throws(RegistryError) -> [CallerToken] {
        let user = try requireUser()
        let filter = TokenFilter(
            kind: .personal, userID: user.id, activeAt: desk.services.clock.now(),
            name: desk.tokenName)
        let page = try await desk.services.metadata.read { tx in
            try tx.listTokens(filter, page: PageRequest(size: PageRequest.limitCount))
        }
        return page.rows.map(view)
    }

    func createToken(
        password: String, isReadOnly: Bool
    ) async throws(RegistryError) -> (token: CallerToken, secret: String) {
        let caller = try requireUser()
        guard let (user, _) = try await findUser(caller.username, password), user.id == caller.id
        else { throw RegistryError.wrongCredential() }
        let secret = SecretToken.generate(.personal)
        let now = desk.services.clock.now()
        let scopes = isReadOnly ? desk.readScopes : desk.scopes
        let token = try await desk.services.metadata.write { tx in
            try insertToken(secret, scopes, of: user, tx, at: now)
        }
        return (view(of: token), secret)
    }

    func revokeToken(_ id: Int64) async throws(RegistryError) -> Bool {
        try await revoke { tx in try tx.findToken(id) }
    }

    private func requireUser() throws(RegistryError) -> UserPrincipal {
        guard case .user(let user) = principal else {
            throw RegistryError(
                .notFound, "only a user has tokens, and this credential is no user's")
        }
        return user
    }

    private func view(of token: TokenRecord) -> CallerToken {
        CallerToken(
            id: token.id, prefix: SecretToken.prefix(of: token.kind), createdAt: token.createdAt,
            expiresAt: token.expiresAt, isReadOnly: !desk.scopes.isSubset(of: token.scopes))
    }
}
