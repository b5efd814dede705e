import Registry

/// A package format as the pipeline sees it.
struct FormatSurface<Format: PackageFormat>: RequestSurface {
    let format: Format

    var feature: (name: String, stage: Stage)? { (Format.id.name, Format.stage) }

    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation? {
        guard let operation = try format.parse(head) else { return nil }
        let format = format
        return PreparedOperation(
            label: operation.label, access: operation.access,
            bodyLimitBytes: operation.bodyLimitBytes, family: Format.family,
            run: { (context, body) async throws(RegistryError) -> FormatResponse in
                let response = try await format.handle(
                    operation, context.head, body: body, in: context.makeScope())
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
    func makeSurface() -> any RequestSurface {
        FormatSurface(format: self)
    }
}

extension RequestContext {
    /// The scope that the request's address names.
    fileprivate func makeScope() -> any ScopeHandle {
        if let namespace, namespace.kind == .project {
            return HostedProject(
                project: namespace, remainder: remainder, actor: actor,
                role: roles[namespace.id], sources: targets, services: services)
        }
        return PackageUnion(group: namespace, actor: actor, services: services)
    }
}
