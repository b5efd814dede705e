import HTTPTypes
import Registry

@testable import GatewayServer

/// An example of a format at the addresses of one project, and what has to come of it.
struct MatrixEntry: Sendable {
    let example: ExampleRequest
    let family: ScopeFamily
    /// Every address that means the same.
    let targets: [String]
    private let project: NamespaceRecord
    let requirements: [AccessRequirement]
    /// The namespace that the address names; `nil` for the instance.
    private let scope: NamespaceReference?

    /// An example that its format does not understand.
    struct Misunderstood: Error {
        let example: ExampleRequest
    }

    init<Format: PackageFormat>(
        _ format: Format, _ example: ExampleRequest, _ project: NamespaceRecord
    ) throws {
        let path = project.path.description
        let target = example.tail.replacing("{project}", with: path)
        let halves = target.split(separator: "?", maxSplits: 1)
        let parsed = try RequestPath(parsing: halves[0])
        let location = Format.locate(parsed)
        let prefixCount = location?.prefixCount ?? 0
        let operation = try format.parse(
            RequestHead(
                method: example.method, tail: parsed.dropFirst(prefixCount),
                query: try RequestQuery(parsing: halves.count == 2 ? halves[1] : ""), headers: [:],
                origin: PublicOrigin(scheme: "http", authority: "a"),
                mountPath: location == nil
                    ? "/x" : parsed.segments.prefix(prefixCount).map { "/" + $0 }.joined(),
                requestID: "test"))
        guard let operation else { throw Misunderstood(example: example) }
        self.example = example
        self.project = project
        family = Format.family
        requirements = operation.access
        if let location {
            scope = location.scope
            targets = [target]
        } else {
            scope = .path(path, nil)
            targets = [
                "/\(path)/-/\(Format.id)",
                "/api/v4/projects/\(PercentEncoding.encode(path))/packages/\(Format.id)",
                "/api/v4/projects/\(project.id)/packages/\(Format.id)",
            ].map { $0 + target }
        }
    }

    private func reference(of requirement: AccessRequirement) -> NamespaceReference? {
        switch requirement.target {
        case .scope: scope
        case .namespace(let reference): reference
        case .instance: nil
        }
    }

    /// What a token would have to grant for all of it.
    var scopes: [RegistryGrant] {
        requirements.compactMap { RegistryGrant($0.action, on: reference(of: $0)) }
    }

    /// What the rules say to a member with his own credential, or with a token that he fetched for
    /// `scopes`: the first refusal, or that it is allowed.
    func decision(
        for member: AccessCast.Member, withTokenFor scopes: [RegistryGrant]? = nil
    ) -> AccessDecision {
        for requirement in requirements where !requirement.isOptional {
            let namespace = reference(of: requirement).map { _ in project }
            let decision = StandardAccessPolicy().decide(
                AccessQuestion(
                    principal: member.principal, action: requirement.action,
                    namespace: namespace, role: namespace.flatMap { member.roles[$0.id] },
                    family: family, hasSignedToken: scopes != nil))
            guard decision == .allow else { return decision }
            if let scopes, scopes.isEmpty, requirement.action != .presentCredential {
                return .challenge
            }
        }
        return .allow
    }
}
