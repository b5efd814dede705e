import FormatKit
import HTTPTypes
import Registry

/// Calls on the deploy tokens of projects and groups.
///
/// *Source*: GitLab, "Deploy tokens API".
enum DeployTokenEndpoints {
    static let all: [ManagementEndpoint] =
        [
            ManagementEndpoint(
                .get, "deploy_tokens", "deploy_token.list",
                "List all deploy tokens of the instance; for administrators.",
                parameters: [active] + .paging, success: .page(TokenView.deploy.many),
                access: asking(.administerInstance),
                handler: { call async throws(RegistryError) in
                    try await call.answer(
                        listing: filter(call, namespaceID: nil), as: TokenView.deploy)
                })
        ] + endpoints("projects", .project) + endpoints("groups", .group)

    private static func endpoints(
        _ prefix: String, _ kind: NamespaceKind
    ) -> [ManagementEndpoint] {
        let id = NamespaceParameters.id(kind.rawValue)
        let token = Parameter.id("token_id", "The number of the token.")
        let base = "\(prefix)/:id/deploy_tokens"
        let label = "\(kind.rawValue)_deploy_token"
        let access = asking(.manageTokens, in: kind)
        return [
            ManagementEndpoint(
                .get, base, "\(label).list", "List the deploy tokens.",
                parameters: [id, active] + .paging, success: .page(TokenView.deploy.many),
                access: access,
                handler: { call async throws(RegistryError) in
                    let namespace = try call.namespace(kind)
                    return try await call.answer(
                        listing: filter(call, namespaceID: namespace.id), as: TokenView.deploy)
                }),
            ManagementEndpoint(
                .get, "\(base)/:token_id", "\(label).show", "Show a deploy token.",
                parameters: [id, token], success: .one(TokenView.deploy.one), access: access,
                handler: { call async throws(RegistryError) in try await show(call, kind) }),
            ManagementEndpoint(
                .post, base, "\(label).create", "Create a deploy token.",
                parameters: [
                    id,
                    .required(
                        "name", .text(limitCharacters: ManagementLimits.nameCharacters),
                        "What it is for."),
                    .required(
                        "scopes", .choices(scopes.map(\.rawValue)), "What it may be used for."),
                    .optional("expires_at", .moment, "When it ends; never if absent."),
                    .optional(
                        "username", .text(limitCharacters: ManagementLimits.nameCharacters),
                        "What it is presented with; made up if absent."),
                ],
                success: .one(TokenView.newDeploy.one, status: .created), access: access,
                handler: { call async throws(RegistryError) in try await create(call, kind) }),
            ManagementEndpoint(
                .delete, "\(base)/:token_id", "\(label).delete", "Revoke a deploy token.",
                parameters: [id, token], success: .noContent, access: access,
                handler: { call async throws(RegistryError) in try await revoke(call, kind) }),
        ]
    }

    /// What deploy tokens can be used for.
    private static let scopes: [TokenScope] = [
        .readRegistry, .writeRegistry, .readPackageRegistry, .writePackageRegistry,
    ]

    private static let active = Parameter.optional(
        "active", .boolean, "Whether to list only tokens that can be used.")

    private static func filter(_ call: ManagementCall, namespaceID: Int64?) -> TokenFilter {
        TokenFilter(
            kind: .deploy, namespaceID: namespaceID,
            activeAt: call.arguments.findFlag("active") == true ? call.now : nil)
    }

    private static func show(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let id = try call.arguments.requireInteger("token_id")
        let token = try await call.read { tx in
            try tx.requireToken(id, .deploy, of: namespace, named: "Deploy Token")
        }
        return call.answer(TokenView.deploy.json(call.view(of: token)))
    }

    private static func create(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let username = call.arguments.findText("username").flatMap { $0.isEmpty ? nil : $0 }
        let secret = SecretToken.generate(.deploy)
        let draft = TokenDraft(
            kind: .deploy, name: try call.arguments.requireText("name"),
            username: username ?? "packhouse+deploy-token-\(Int64.random(in: 1...Int64.max))",
            namespaceID: namespace.id, scopes: try call.scopes(),
            expiresAt: try call.expiry(defaultDays: nil, limitDays: nil),
            secretHash: SecretToken.hash(secret))
        let token = try await call.change("token.create") { tx in
            let token = try tx.insertToken(draft, at: call.now)
            return Change(token, subject: "deploy_token:\(token.id)", in: namespace.id)
        }
        return call.answer(
            TokenView.newDeploy.json(call.view(of: token, secret: secret)), status: .created)
    }

    private static func revoke(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let id = try call.arguments.requireInteger("token_id")
        try await call.change("token.revoke") { tx in
            let token = try tx.requireToken(id, .deploy, of: namespace, named: "Deploy Token")
            let happened = try tx.revokeToken(token.id, at: call.now)
            return Change(
                (), subject: "deploy_token:\(token.id)", in: namespace.id, happened: happened)
        }
        return call.noContent
    }
}

extension IdentityReading {
    /// The token of this kind and number, if it belongs to the namespace.
    ///
    /// - Throws: `notFound` otherwise.
    func requireToken(
        _ id: Int64, _ kind: TokenKind, of namespace: NamespaceRecord, named resource: String
    ) throws -> TokenRecord {
        guard let token = try findToken(id), token.kind == kind,
            token.namespaceID == namespace.id
        else { throw RegistryError.missing(resource) }
        return token
    }
}
