import Registry

extension RequestContext {
    /// Asks for something that only the body of the request revealed, by the same rules as the
    /// pipeline: a namespace named in a JSON field, say.
    ///
    /// - Returns: the namespace.
    /// - Throws: `notFound` when there is none or the caller may not know of it, `forbidden` with
    ///   what is missing.
    func require(
        _ action: AccessAction, in reference: NamespaceReference
    ) async throws(RegistryError) -> NamespaceRecord {
        let actor = actor
        let now = services.clock.now()
        let found = try await services.metadata.read {
            tx -> (namespace: NamespaceRecord, role: Role?)? in
            guard let namespace = try tx.findNamespace(reference) else { return nil }
            let role = try actor.principal.userID.flatMap {
                try tx.findRole(userID: $0, in: namespace, at: now)
            }
            return (namespace, role)
        }
        guard let found else { throw RegistryError.namespaceNotFound() }
        let decision = services.policy.decide(
            AccessQuestion(
                principal: actor.principal, action: action, namespace: found.namespace,
                role: found.role, family: nil))
        switch decision {
        case .allow: return found.namespace
        case .refuse(let why): throw RegistryError(.forbidden, why)
        case .challenge, .conceal: throw RegistryError.namespaceNotFound()
        }
    }
}

extension RegistryError {
    /// There is no such namespace, or the caller may not know of it: the two answers are one.
    static func namespaceNotFound() -> RegistryError {
        RegistryError(.notFound, "there is no such project or group")
    }
}
