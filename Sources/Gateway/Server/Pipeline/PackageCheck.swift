import Registry

/// Refuses a publish before its body is read, where the address says what is published: by the rules
/// about packages, and because a deleted version's name is reserved. What only the body says is decided
/// in the transaction of the publish, which decides all of it again.
struct PackageCheck: Sendable {
    let operation: PreparedOperation
    let mount: Mount
    let context: RequestContext

    /// - Throws: `forbidden` with the rule that refuses, `conflict` when the name is reserved.
    func check() async throws(RegistryError) {
        guard case .format(let name) = mount.surface, let project = context.namespace,
            project.kind == .project
        else { return }
        let format = FormatID(stored: name)
        let authority = Authority(
            context.actor.principal, role: context.roles[project.id])
        for requirement in operation.access {
            guard requirement.action == .publishPackages, requirement.target == .scope,
                let package = requirement.package ?? packageInPath,
                project.hasPackageRules || requirement.version != nil
            else { continue }
            let now = context.services.clock.now()
            try await context.services.metadata.read { tx in
                try tx.checkPublishing(
                    format, package: package, version: requirement.version, in: project,
                    by: authority, at: now)
            }
        }
    }

    /// The package, where it is what the address says behind the project.
    private var packageInPath: String? {
        guard case .longestProject = mount.scope else { return nil }
        return context.remainder.joined(separator: "/")
    }
}
