import Registry

/// A package format as the pipeline sees it.
struct FormatSurface<Format: PackageFormat>: RequestSurface {
    let format: Format
    let desk: AccountDesk

    var feature: (name: String, stage: Stage)? { (Format.id.name, Format.stage) }

    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation? {
        guard let operation = try format.parse(head) else { return nil }
        let (format, desk) = (format, desk)
        return PreparedOperation(
            label: operation.label, access: operation.access,
            bodyLimitBytes: operation.bodyLimitBytes, family: Format.family,
            judgesCredential: operation.judgesCredential,
            endsPathWithSecret: operation.endsPathWithSecret,
            run: { (context, body) async throws(RegistryError) -> FormatResponse in
                let response = try await format.handle(
                    operation, context.head, body: body, in: context.makeScope(desk))
                context.services.recordPull(with: response, to: context.head)
                return response
            })
    }

    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        format.render(failure, for: head)
    }
}

extension PackageFormat {
    /// The format with its type erased.
    func makeSurface(_ desk: AccountDesk) -> any RequestSurface {
        FormatSurface(format: self, desk: desk)
    }
}

extension RequestContext {
    /// The scope that the request's address names.
    fileprivate func makeScope(_ desk: AccountDesk) -> any ScopeHandle {
        let caller = DeskCaller(desk: desk, actor: actor)
        if let namespace, namespace.kind == .project {
            return HostedProject(
                project: namespace, remainder: remainder, actor: actor,
                role: roles[namespace.id], sources: targets, services: services,
                caller: caller)
        }
        return PackageUnion(
            group: namespace, actor: actor, services: services, caller: caller)
    }
}
