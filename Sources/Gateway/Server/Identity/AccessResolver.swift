import Registry

/// Everything about a request's caller and its namespaces that decisions are made from.
struct AccessFacts: Sendable {
    /// Who asks, or why the credential is not accepted.
    let principal: Result<Principal, RegistryError>
    /// The namespaces that exist, by the reference that was asked for.
    let namespaces: [NamespaceReference: NamespaceRecord]
    /// The highest role of the caller's user in each namespace, by id.
    let roles: [Int64: Role]
    /// What the credential ends with; that of anonymous where it is not accepted.
    let binding: CredentialBinding
    /// What the signed token that was presented grants; `nil` where none was, and nothing is
    /// restricted.
    let grants: [RegistryGrant]?
    let features: FeatureSnapshot

    init(
        principal: Result<Principal, RegistryError>,
        namespaces: [NamespaceReference: NamespaceRecord], roles: [Int64: Role],
        binding: CredentialBinding = .anonymous, grants: [RegistryGrant]? = nil,
        features: FeatureSnapshot
    ) {
        self.principal = principal
        self.namespaces = namespaces
        self.roles = roles
        self.binding = binding
        self.grants = grants
        self.features = features
    }
}

/// Collects `AccessFacts`: from memory, or with one transaction for all that is missing.
struct AccessResolver: Sendable {
    let metadata: any MetadataStore
    let clock: any RegistryClock
    let authenticator: Authenticator
    let cache: AdministrationCache
    let signer: TokenSigner

    /// The facts for a request that presents `credential` and concerns `references`, each of which
    /// is there once.
    ///
    /// - Throws: `unavailable` when the database is needed and cannot be reached.
    func resolve(
        _ credential: Result<Credential, RegistryError>, _ references: [NamespaceReference],
        clientAddress: String
    ) async throws(RegistryError) -> AccessFacts {
        let presented: Credential
        switch credential {
        case .success(let known):
            presented = known
        case .failure(let failure):
            let facts = try await resolve(.success(.none), references, clientAddress: clientAddress)
            return AccessFacts(
                principal: .failure(failure), namespaces: facts.namespaces, roles: [:],
                features: facts.features)
        }
        if let facts = findCached(presented, references) { return facts }
        var claims: TokenClaims?
        if case .signed(let token) = presented {
            do throws(RegistryError) {
                claims = try await signer.verify(token, for: .access, at: clock.now())
            } catch {
                return try await resolve(.failure(error), references, clientAddress: clientAddress)
            }
        }
        return try await look(up: presented, claims, references, clientAddress: clientAddress)
    }

    /// Who fetched a refresh token, and with what.
    ///
    /// - Throws: `unauthenticated` when it is not one, or no longer good.
    func resolve(refreshToken: String) async throws(RegistryError) -> VerifiedCredential {
        let now = clock.now()
        let claims = try await signer.verify(refreshToken, for: .refresh, at: now)
        let finding = try await metadata.read { tx in
            try Authenticator.look(up: claims.origin, tx, at: now)
        }
        guard case .principal(let principal, let binding, _, let usedTokenID) = finding else {
            throw RegistryError.wrongCredential()
        }
        if let usedTokenID { cache.noteUse(tokenID: usedTokenID, at: now) }
        return VerifiedCredential(principal: principal, binding: binding)
    }

    private func findCached(
        _ credential: Credential, _ references: [NamespaceReference]
    ) -> AccessFacts? {
        let cached = cache.find(credential, references)
        guard let features = cached.features, cached.namespaces.count == references.count
        else { return nil }
        var known: AdministrationCache.KnownPrincipal?
        if credential != .none {
            guard let found = cached.principal,
                found.expiresAt.map({ clock.now() < $0 }) ?? true
            else { return nil }
            known = found
        }
        let principal = known?.principal ?? .anonymous
        var roles: [Int64: Role] = [:]
        if let userID = principal.userID {
            for namespace in cached.namespaces.values {
                guard let role = cache.findRole(userID: userID, namespaceID: namespace.id) else {
                    return nil
                }
                roles[namespace.id] = role
            }
        }
        return AccessFacts(
            principal: .success(principal), namespaces: cached.namespaces, roles: roles,
            binding: known?.binding ?? .anonymous, grants: known?.grants, features: features)
    }

    /// What one transaction finds.
    private struct Lookup: Sendable {
        let epoch: Int64
        let finding: Authenticator.Finding
        let namespaces: [NamespaceReference: NamespaceRecord]
        let gates: [FeatureGate]
        let roles: [Int64: Role]
    }

    private func look(
        up credential: Credential, _ claims: TokenClaims?, _ references: [NamespaceReference],
        clientAddress: String
    ) async throws(RegistryError) -> AccessFacts {
        let now = clock.now()
        let known = cache.find(credential, []).principal
        let lookup = try await metadata.read { tx in
            try Self.look(up: credential, claims, known: known, references, tx, at: now)
        }
        let features = FeatureSnapshot(lookup.gates)
        let found: AdministrationCache.KnownPrincipal
        switch lookup.finding {
        case .principal(let principal, let binding, let expiresAt, let usedTokenID):
            if let usedTokenID { cache.noteUse(tokenID: usedTokenID, at: now) }
            let end = claims.map { Timestamp(seconds: $0.exp) }
            found = AdministrationCache.KnownPrincipal(
                principal: principal, binding: binding,
                expiresAt: [expiresAt, end].compactMap(\.self).min(), grants: claims?.grants)
        case .wrong:
            return AccessFacts(
                principal: .failure(RegistryError.wrongCredential()),
                namespaces: lookup.namespaces, roles: [:], features: features)
        case .needsPassword(let user):
            do throws(RegistryError) {
                let verified = try await authenticator.checkPassword(
                    credential, user: user, address: clientAddress)
                found = AdministrationCache.KnownPrincipal(
                    principal: verified.principal, binding: verified.binding, expiresAt: nil,
                    grants: nil)
            } catch {
                return AccessFacts(
                    principal: .failure(error), namespaces: lookup.namespaces, roles: [:],
                    features: features)
            }
        }
        remember(lookup, credential, found)
        return AccessFacts(
            principal: .success(found.principal), namespaces: lookup.namespaces,
            roles: lookup.roles, binding: found.binding, grants: found.grants, features: features)
    }

    private static func look(
        up credential: Credential, _ claims: TokenClaims?,
        known: AdministrationCache.KnownPrincipal?, _ references: [NamespaceReference],
        _ tx: any MetadataReading, at now: Timestamp
    ) throws -> Lookup {
        let epoch = try tx.findAdministrationEpoch()
        var finding =
            if let claims {
                try Authenticator.look(up: claims.origin, tx, at: now)
            } else {
                try Authenticator.look(up: credential, tx, at: now)
            }
        // A password that was right is not hashed again while nothing changed; its expiry is none.
        if case .needsPassword = finding, let known {
            finding = .principal(known.principal, known.binding, expiresAt: nil, usedTokenID: nil)
        }
        var namespaces: [NamespaceReference: NamespaceRecord] = [:]
        for reference in references where namespaces[reference] == nil {
            namespaces[reference] = try tx.findNamespace(reference)
        }
        let userID: Int64? =
            switch finding {
            case .principal(let principal, _, _, _): principal.userID
            case .needsPassword(let user): user?.id
            case .wrong: nil
            }
        var roles: [Int64: Role] = [:]
        if let userID {
            for namespace in namespaces.values {
                roles[namespace.id] = try tx.findRole(userID: userID, in: namespace, at: now)
            }
        }
        return Lookup(
            epoch: epoch, finding: finding, namespaces: namespaces, gates: try tx.listGates(),
            roles: roles)
    }

    private func remember(
        _ lookup: Lookup, _ credential: Credential, _ found: AdministrationCache.KnownPrincipal
    ) {
        cache.remember(
            epoch: lookup.epoch, credential: credential,
            principal: credential == .none ? nil : found, namespaces: lookup.namespaces,
            roles: found.principal.userID.map { userID in
                lookup.namespaces.values.map { (userID, $0.id, lookup.roles[$0.id]) }
            } ?? [])
    }
}
