import FormatKit
import HTTPTypes
import Registry

/// Calls on projects.
///
/// *Source*: GitLab, "Projects API".
enum ProjectEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "projects", "project.list", "List the projects that the caller may see.",
            parameters: [
                NamespaceParameters.search,
                .optional("membership", .boolean, "Only those where the caller is a member."),
            ] + .paging,
            unsupported: unsupportedFilters,
            success: .page(NamespaceView.project.many),
            access: asking(.readPackages), handler: list),
        ManagementEndpoint(
            .post, "projects", "project.create", "Create a project.",
            parameters: [
                NamespaceParameters.name, NamespaceParameters.path,
                .optional(
                    "namespace_id", .integer(1...Int64.max),
                    "The group or user's namespace to create it in; the caller's own if absent."),
                NamespaceParameters.imageCleanup,
            ] + NamespaceParameters.settings,
            success: .one(NamespaceView.project.one, status: .created),
            failures: [.conflict],
            access: asking(.useOwnAccount),
            handler: create),
        ManagementEndpoint(
            .get, "projects/:id", "project.show", "Show a project.",
            parameters: [NamespaceParameters.id("project")],
            success: .one(NamespaceView.project.one), access: asking(.readNamespace, in: .project),
            handler: show),
        ManagementEndpoint(
            .put, "projects/:id", "project.update", "Change a project.",
            parameters: [
                NamespaceParameters.id("project"), NamespaceParameters.name,
                NamespaceParameters.path, NamespaceParameters.imageCleanup,
            ] + NamespaceParameters.settings,
            success: .one(NamespaceView.project.one), access: asking(.changeSettings, in: .project),
            handler: update),
        ManagementEndpoint(
            .delete, "projects/:id", "project.delete",
            "Remove a project with everything in it.",
            parameters: [NamespaceParameters.id("project")], success: .accepted,
            access: asking(.removeNamespace, in: .project), handler: remove),
    ]

    static let unsupportedFilters = [
        "owned", "min_access_level", "visibility", "starred", "topic", "id_after", "id_before",
    ]

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        var filter = NamespaceFilter(
            kinds: [.project], search: call.searchText, visibleTo: call.reader)
        if call.arguments.findFlag("membership") == true {
            filter.memberID = try call.requireUser().id
        }
        return try await call.answer(listing: filter, as: NamespaceView.project)
    }

    @Sendable
    private static func create(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let user = try call.requireUser()
        let name = call.arguments.findText("name").flatMap { $0.isEmpty ? nil : $0 }
        let path = call.arguments.findText("path").flatMap { $0.isEmpty ? nil : $0 }
        guard let name = name ?? path else {
            throw RegistryError.parameters(
                "name, path are missing, at least one parameter must be provided")
        }
        let parent = try await parent(of: call, user)
        let draft = NamespaceDraft(
            kind: .project,
            path: try call.path(path ?? slug(of: name), below: parent.path),
            parentID: parent.id, name: name,
            summary: call.arguments.findText("description") ?? "",
            visibility: try call.visibility(below: parent) ?? .private,
            settings: try call.settings(changing: NamespaceSettings()) ?? NamespaceSettings(),
            creatorID: user.id)
        let body = try await call.change("project.create") { tx in
            let project = try call.insert(draft, tx)
            try call.changeImageCleanup(of: project, tx)
            return Change(
                NamespaceView.project.json(try call.view(of: project, in: tx)),
                subject: project.path.description, in: project.id)
        }
        return call.answer(body, status: .created)
    }

    /// The namespace that a new project goes to.
    private static func parent(
        of call: ManagementCall, _ user: UserPrincipal
    ) async throws(RegistryError) -> NamespaceRecord {
        var id = call.arguments.findInteger("namespace_id")
        if id == nil {
            id = try await call.read { tx in try tx.findUser(user.id)?.namespaceID }
        }
        guard let id else { throw RegistryError.missing("Namespace") }
        let parent = try await call.context.require(.createProject, in: .id(id, nil))
        guard parent.kind != .project else { throw RegistryError.missing("Namespace") }
        return parent
    }

    /// A path made of a name: `My Tools` becomes `my-tools`.
    private static func slug(of name: String) -> String {
        var slug = ""
        for scalar in name.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9", "_", ".": slug.unicodeScalars.append(scalar)
            default: if !slug.isEmpty, !slug.hasSuffix("-") { slug += "-" }
            }
        }
        while slug.hasSuffix("-") || slug.hasSuffix(".") { slug.removeLast() }
        return slug
    }

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await call.show(try call.namespace(.project), as: NamespaceView.project)
    }

    @Sendable
    private static func update(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await call.update(
            try call.namespace(.project), action: "project.update", as: NamespaceView.project)
    }

    @Sendable
    private static func remove(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        try await call.remove(try call.namespace(.project), action: "project.delete")
    }
}
