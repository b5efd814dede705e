import Registry

/// Everything about a request's caller and its namespaces that decisions are made from.
struct AccessFacts: Sendable {
    /// Who asks, or why the credential is not accepted.
    let principal: Result<Principal, RegistryError>
    /// The namespaces that exist, by the reference that was asked for.
    let namespaces: [NamespaceReference: NamespaceRecord]
    /// The highest role of the caller's user in each namespace, by id.
    let roles: [Int64: Role]
    /// What the signed token that was presented grants; `nil` where none was, and nothing is
    /// restricted.
    let grants: [RegistryGrant]?
    let features: FeatureSnapshot

    init(
        principal: Result<Principal, RegistryError>,
        namespaces: [NamespaceReference: NamespaceRecord], roles: [Int64: Role],
        grants: [RegistryGrant]? = nil, features: FeatureSnapshot
    ) {
        self.principal = principal
        self.namespaces = namespaces
        self.roles = roles
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

    /// The facts for a request that presents `credential` and concerns `references`.
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
        return try await look(up: presented, references, clientAddress: clientAddress)
    }

    private func findCached(
        _ credential: Credential, _ references: [NamespaceReference]
    ) -> AccessFacts? {
        let cached = cache.find(credential, references)
        guard let features = cached.features, cached.namespaces.count == Set(references).count
        else { return nil }
        let principal: Principal
        if credential == .none {
            principal = .anonymous
        } else {
            guard let known = cached.principal,
                known.expiresAt.map({ clock.now() < $0 }) ?? true
            else { return nil }
            principal = known.principal
        }
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
            features: features)
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
        up credential: Credential, _ references: [NamespaceReference], clientAddress: String
    ) async throws(RegistryError) -> AccessFacts {
        let now = clock.now()
        let known = cache.find(credential, []).principal?.principal
        let lookup = try await metadata.read { tx in
            try Self.look(up: credential, known: known, references, tx, at: now)
        }
        let features = FeatureSnapshot(lookup.gates)
        switch lookup.finding {
        case .principal(let principal, let expiresAt, let tokenID):
            if let tokenID { cache.noteUse(tokenID: tokenID, at: now) }
            remember(lookup, credential, principal, expiresAt: expiresAt)
            return AccessFacts(
                principal: .success(principal), namespaces: lookup.namespaces,
                roles: lookup.roles, features: features)
        case .wrong:
            return AccessFacts(
                principal: .failure(RegistryError.wrongCredential()),
                namespaces: lookup.namespaces, roles: [:], features: features)
        case .needsPassword(let user):
            let principal: Principal
            do throws(RegistryError) {
                principal = try await authenticator.checkPassword(
                    credential, user: user, address: clientAddress)
            } catch {
                return AccessFacts(
                    principal: .failure(error), namespaces: lookup.namespaces, roles: [:],
                    features: features)
            }
            remember(lookup, credential, principal, expiresAt: nil)
            return AccessFacts(
                principal: .success(principal), namespaces: lookup.namespaces,
                roles: lookup.roles, features: features)
        }
    }

    private static func look(
        up credential: Credential, known: Principal?, _ references: [NamespaceReference],
        _ tx: any MetadataReading, at now: Timestamp
    ) throws -> Lookup {
        let epoch = try tx.findAdministrationEpoch()
        // A password that was right is not hashed again while nothing changed; its expiry is none.
        var finding = try Authenticator.look(up: credential, tx, at: now)
        if case .needsPassword = finding, let known {
            finding = .principal(known, expiresAt: nil, tokenID: nil)
        }
        var namespaces: [NamespaceReference: NamespaceRecord] = [:]
        for reference in references where namespaces[reference] == nil {
            namespaces[reference] = try tx.findNamespace(reference)
        }
        let userID: Int64? =
            switch finding {
            case .principal(let principal, _, _): principal.userID
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
        _ lookup: Lookup, _ credential: Credential, _ principal: Principal,
        expiresAt: Timestamp?
    ) {
        cache.remember(
            epoch: lookup.epoch, credential: credential,
            principal: credential == .none
                ? nil
                : AdministrationCache.KnownPrincipal(principal: principal, expiresAt: expiresAt),
            namespaces: lookup.namespaces,
            roles: principal.userID.map { userID in
                lookup.namespaces.values.map { (userID, $0.id, lookup.roles[$0.id]) }
            } ?? [])
    }
}
