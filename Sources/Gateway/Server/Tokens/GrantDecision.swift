import Registry

/// Decides what of the things that a token is asked for its caller gets, by the same policy as
/// requests.
struct GrantDecision: Sendable {
    let services: RegistryServices

    /// The part of `asked` that `principal` may do; what he may not is left out.
    ///
    /// *Source*: distribution, "Token Authentication Specification: Requesting a Token".
    func decide(
        _ asked: [RegistryGrant], for principal: Principal
    ) async throws(RegistryError) -> [RegistryGrant] {
        let repositories = asked.filter { $0.resource == .repository }
        let found = try await find(Set(repositories.map(\.reference)), for: principal)
        return asked.compactMap { grant in
            switch grant.resource {
            case .registry:
                RegistryGrant.catalogue.covers(grant) && grant.actions == [.all]
                    && isAllowed(.readPackages, principal, nil, nil) ? grant : nil
            case .repository:
                found[grant.reference].flatMap {
                    reduce(grant, for: principal, $0.namespace, $0.role)
                }
            }
        }
    }

    /// `grant` with what is allowed of it, or `nil` when that is nothing. Somebody who asks for
    /// everything gets as much of it as he may have.
    private func reduce(
        _ grant: RegistryGrant, for principal: Principal, _ namespace: NamespaceRecord,
        _ role: Role?
    ) -> RegistryGrant? {
        let isEverything = grant.actions.contains(.all)
        var allowed = Set(
            RegistryGrant.Action.allCases.filter { action in
                guard let access = action.access, isEverything || grant.actions.contains(action)
                else { return false }
                return isAllowed(access, principal, namespace, role)
            })
        if isEverything, allowed.count == RegistryGrant.Action.allCases.count - 1 {
            allowed = [.all]
        }
        return allowed.isEmpty ? nil : grant.with(allowed)
    }

    private func isAllowed(
        _ action: AccessAction, _ principal: Principal, _ namespace: NamespaceRecord?, _ role: Role?
    ) -> Bool {
        let question = AccessQuestion(
            principal: principal, action: action, namespace: namespace, role: role,
            family: .containerRegistry)
        return services.policy.decide(question) == .allow
    }

    /// The projects that the repositories of these names lie in, with the caller's roles.
    private func find(
        _ references: Set<NamespaceReference>, for principal: Principal
    ) async throws(RegistryError) -> [NamespaceReference: (namespace: NamespaceRecord, role: Role?)]
    {
        guard !references.isEmpty else { return [:] }
        let userID = principal.userID
        let now = services.clock.now()
        return try await services.metadata.read { tx in
            var found: [NamespaceReference: (namespace: NamespaceRecord, role: Role?)] = [:]
            for reference in references {
                guard let namespace = try tx.findNamespace(reference) else { continue }
                let role = try userID.flatMap {
                    try tx.findRole(userID: $0, in: namespace, at: now)
                }
                found[reference] = (namespace, role)
            }
            return found
        }
    }
}
