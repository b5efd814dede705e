import Registry

/// Decides what an operation asks for: the policy first, and then the signed token, where one was
/// presented.
struct AccessCheck: Sendable {
    let facts: AccessFacts
    let mount: Mount
    let policy: any AccessPolicy

    /// Decides every requirement of the operation (I5).
    ///
    /// - Returns: the namespaces that the operation may use: all that its requirements name, less
    ///   those of optional ones that were refused.
    /// - Throws: `unauthenticated`, `forbidden` or `notFound`.
    func authorize(
        _ operation: PreparedOperation, _ principal: Principal
    ) throws(RegistryError) -> [NamespaceReference: NamespaceRecord] {
        var targets = facts.namespaces
        for requirement in operation.access {
            do throws(RegistryError) {
                try enforce(requirement, principal, operation.family)
            } catch {
                guard requirement.isOptional else { throw error }
                if let reference = reference(of: requirement) { targets[reference] = nil }
            }
        }
        return targets
    }

    private func reference(of requirement: AccessRequirement) -> NamespaceReference? {
        switch requirement.target {
        case .scope: mount.scope
        case .namespace(let reference): reference
        case .instance: nil
        }
    }

    private func enforce(
        _ requirement: AccessRequirement, _ principal: Principal, _ family: ScopeFamily?
    ) throws(RegistryError) {
        let reference = reference(of: requirement)
        let namespace = reference.flatMap { facts.namespaces[$0] }
        let decision =
            reference != nil && namespace == nil
            ? AccessDecision.conceal
            : policy.decide(
                AccessQuestion(
                    principal: principal, action: requirement.action, namespace: namespace,
                    role: namespace.flatMap { facts.roles[$0.id] }, family: family,
                    hasSignedToken: facts.grants != nil))
        switch decision {
        case .allow:
            try requireGrant(requirement, reference)
        case .refuse(let why):
            throw RegistryError(.forbidden, why)
        case .challenge, .conceal:
            // To somebody unknown, what is private and what does not exist look the same. A package
            // client is asked for its credential; the management API says that there is nothing,
            // as GitLab's does. The instance as a whole is no secret.
            let isSecret =
                family == nil && requirement.action.isRead && requirement.target != .instance
            guard principal == .anonymous, !isSecret else {
                throw RegistryError.namespaceNotFound()
            }
            throw RegistryError(
                .unauthenticated, "a credential is needed to \(requirement.action.phrase)")
        }
    }

    /// A signed token restricts what its principal may do, and adds nothing.
    private func requireGrant(
        _ requirement: AccessRequirement, _ reference: NamespaceReference?
    ) throws(RegistryError) {
        guard let grants = facts.grants, requirement.action != .presentCredential else { return }
        // The management API looks up by itself what a request names, so no grant can cover it.
        guard mount.surface != .management,
            let needed = RegistryGrant(requirement.action, on: reference),
            grants.contains(where: { $0.covers(needed) })
        else {
            throw RegistryError(
                .unauthenticated,
                "the token does not allow to \(requirement.action.phrase) here; fetch another",
                reason: RegistryTokens.insufficientScopeReason)
        }
    }
}

extension RegistryError {
    /// The failure, and for somebody who has to say who he is what to fetch a token for.
    func asking(for scopeText: String?) -> RegistryError {
        guard code == .unauthenticated, let scopeText else { return self }
        return RegistryError(
            code, message, reason: reason,
            detail: detail.merging([RegistryTokens.scopeDetail: scopeText]) { $1 },
            retryAfterSeconds: retryAfterSeconds, headers: headers, cause: cause)
    }
}

extension PreparedOperation {
    /// What a token has to grant for the operation, as the `scope` of a challenge; `nil` where
    /// every token will do, or none.
    func scopeText(at mount: Mount) -> String? {
        guard family == .containerRegistry else { return nil }
        var scopes: [RegistryGrant] = []
        for requirement in access {
            let reference: NamespaceReference? =
                switch requirement.target {
                case .scope: mount.scope
                case .namespace(let reference): reference
                case .instance: nil
                }
            guard let needed = RegistryGrant(requirement.action, on: reference) else { continue }
            // Whoever pushes also asks what is there already.
            let actions =
                needed.actions.contains(.push) ? needed.actions.union([.pull]) : needed.actions
            if let index = scopes.firstIndex(where: {
                $0.resource == needed.resource && $0.name == needed.name
            }) {
                scopes[index] = RegistryGrant(
                    needed.resource, name: needed.name,
                    actions: scopes[index].actions.union(actions))
            } else {
                scopes.append(RegistryGrant(needed.resource, name: needed.name, actions: actions))
            }
        }
        return scopes.isEmpty ? nil : scopes.map(\.description).joined(separator: " ")
    }
}
