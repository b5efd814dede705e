import FormatKit
import HTTPTypes
import Registry

/// Calls on groups.
///
/// *Source*: GitLab, "Groups API".
enum GroupEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "groups", "group.list", "List the groups that the caller may see.",
            parameters: [NamespaceParameters.search, allAvailable, topLevelOnly] + .paging,
            unsupported: unsupportedFilters,
            success: .page(NamespaceView.group.many),
            access: asking(.readPackages), handler: list),
        ManagementEndpoint(
            .post, "groups", "group.create", "Create a group, or a subgroup.",
            parameters: [
                .required("name", NamespaceParameters.name.kind, "What people call it."),
                .required(
                    "path", NamespaceParameters.path.kind, "The last segment of its path."),
                .optional("parent_id", .integer(1...Int64.max), "The group to create it in."),
            ] + NamespaceParameters.settings,
            success: .one(NamespaceView.group.one, status: .created), failures: [.conflict],
            access: asking(.useOwnAccount),
            handler: create),
        ManagementEndpoint(
            .get, "groups/:id", "group.show", "Show a group.",
            parameters: [NamespaceParameters.id("group")],
            success: .one(NamespaceView.group.one), access: asking(.readNamespace, in: .group),
            handler: show),
        ManagementEndpoint(
            .put, "groups/:id", "group.update", "Change a group.",
            parameters: [
                NamespaceParameters.id("group"), NamespaceParameters.name,
                NamespaceParameters.path,
            ] + NamespaceParameters.settings,
            success: .one(NamespaceView.group.one), access: asking(.changeSettings, in: .group),
            handler: update),
        ManagementEndpoint(
            .delete, "groups/:id", "group.delete",
            "Remove a group with everything in it.",
            parameters: [NamespaceParameters.id("group")], success: .accepted,
            access: asking(.removeNamespace, in: .group), handler: remove),
        ManagementEndpoint(
            .get, "groups/:id/subgroups", "group.subgroups",
            "List the groups right below a group.",
            parameters: [NamespaceParameters.id("group"), NamespaceParameters.search] + .paging,
            unsupported: unsupportedFilters,
            success: .page(NamespaceView.group.many), access: asking(.readNamespace, in: .group),
            handler: { call async throws(RegistryError) in
                try await listBelow(call, .group, isDirectChild: true)
            }),
        ManagementEndpoint(
            .get, "groups/:id/descendant_groups", "group.descendants",
            "List the groups at any depth below a group.",
            parameters: [NamespaceParameters.id("group"), NamespaceParameters.search] + .paging,
            unsupported: unsupportedFilters,
            success: .page(NamespaceView.group.many), access: asking(.readNamespace, in: .group),
            handler: { call async throws(RegistryError) in
                try await listBelow(call, .group, isDirectChild: false)
            }),
        ManagementEndpoint(
            .get, "groups/:id/projects", "group.projects", "List the projects of a group.",
            parameters: [
                NamespaceParameters.id("group"), NamespaceParameters.search,
                .optional(
                    "include_subgroups", .boolean, "Whether to list those of groups below, too."),
            ] + .paging,
            unsupported: ProjectEndpoints.unsupportedFilters,
            success: .page(NamespaceView.project.many), access: asking(.readNamespace, in: .group),
            handler: { call async throws(RegistryError) in
                try await listBelow(
                    call, .project,
                    isDirectChild: call.arguments.findFlag("include_subgroups") != true)
            }),
    ]

    private static let unsupportedFilters = [
        "owned", "min_access_level", "visibility", "skip_groups",
    ]

    private static let allAvailable = Parameter.optional(
        "all_available", .boolean,
        "Whether to list every group that the caller may see (the default), or only those where "
            + "the caller is a member.")

    private static let topLevelOnly = Parameter.optional(
        "top_level_only", .boolean, "Whether to list only groups that are in no other.")

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        var filter = NamespaceFilter(
            kinds: [.group],
            isDirectChild: call.arguments.findFlag("top_level_only") == true,
            search: call.searchText, visibleTo: call.reader)
        if call.arguments.findFlag("all_available") == false {
            filter.memberID = try call.requireUser().id
        }
        return try await call.answer(listing: filter, as: NamespaceView.group)
    }

    @Sendable
    private static func create(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let user = try call.requireUser()
        var parent: NamespaceRecord?
        if let id = call.arguments.findInteger("parent_id") {
            parent = try await call.context.require(.createSubgroup, in: .id(id, .group))
        }
        let draft = NamespaceDraft(
            kind: .group,
            path: try call.path(try call.arguments.requireText("path"), below: parent?.path),
            parentID: parent?.id, name: try call.arguments.requireText("name"),
            summary: call.arguments.findText("description") ?? "",
            visibility: try call.visibility(below: parent) ?? .private,
            settings: try call.settings(changing: NamespaceSettings()) ?? NamespaceSettings(),
            creatorID: user.id)
        let body = try await call.change("group.create") { tx in
            let group = try call.insert(draft, tx)
            _ = try tx.insertMember(
                userID: user.id, namespaceID: group.id, role: .owner, expiresAt: nil, at: call.now)
            return Change(
                NamespaceView.group.json(try call.view(of: group, in: tx)),
                subject: group.path.description, in: group.id)
        }
        return call.answer(body, status: .created)
    }

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await call.show(try call.namespace(.group), as: NamespaceView.group)
    }

    @Sendable
    private static func update(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await call.update(
            try call.namespace(.group), action: "group.update", as: NamespaceView.group)
    }

    @Sendable
    private static func remove(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await call.remove(try call.namespace(.group), action: "group.delete")
    }

    private static func listBelow(
        _ call: ManagementCall, _ kind: NamespaceKind, isDirectChild: Bool
    ) async throws(RegistryError) -> FormatResponse {
        let group = try call.namespace(.group)
        return try await call.answer(
            listing: NamespaceFilter(
                kinds: [kind], below: group.id, isDirectChild: isDirectChild,
                search: call.searchText, visibleTo: call.reader),
            as: kind == .group ? NamespaceView.group : NamespaceView.project)
    }
}

extension ManagementCall {
    /// The text of the argument `search`, unless it is empty.
    var searchText: String? {
        arguments.findText("search").flatMap { $0.isEmpty ? nil : $0 }
    }
}
