import FormatKit
import HTTPTypes
import Registry

/// Calls on what projects can be created in.
///
/// *Source*: GitLab, "Namespaces API".
enum NamespaceEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "namespaces", "namespace.list",
            "List the groups and users' namespaces where the caller is a member; an "
                + "administrator sees all.",
            parameters: [NamespaceParameters.search] + .paging,
            unsupported: ["owned_only", "top_level_only"],
            success: .page(NamespaceView.namespace.many),
            access: asking(.readNamespace), handler: list),
        ManagementEndpoint(
            .get, "namespaces/:id", "namespace.show", "Show a group's or user's namespace.",
            parameters: [NamespaceParameters.id("namespace")],
            success: .one(NamespaceView.namespace.one),
            access: { address in
                [
                    AccessRequirement(.readNamespace, on: .instance),
                    AccessRequirement(.readNamespace, on: .namespace(address.namespace(nil))),
                ]
            }, handler: show),
    ]

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let user = try call.requireUser()
        return try await call.answer(
            listing: NamespaceFilter(
                kinds: [.group, .user], search: call.searchText, visibleTo: call.reader,
                memberID: user.isAdmin ? nil : user.id),
            as: NamespaceView.namespace)
    }

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(nil)
        guard namespace.kind != .project else { throw RegistryError.missing("Namespace") }
        return call.answer(
            try await call.read { tx in
                NamespaceView.namespace.json(try call.view(of: namespace, in: tx))
            })
    }
}
