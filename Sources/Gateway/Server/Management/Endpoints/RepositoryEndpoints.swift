import FormatKit
import HTTPTypes
import Registry

/// Calls on the repositories of images that projects have.
///
/// *Source*: GitLab, "Container registry API".
enum RepositoryEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "projects/:id/registry/repositories", "repository.list",
            "List the repositories of a project.",
            parameters: [NamespaceParameters.id("project")] + details + [TrashEndpoints.status]
                + .paging,
            success: .page(RepositoryView.entity.many), access: TrashEndpoints.accessToList,
            handler: list),
        ManagementEndpoint(
            .get, "groups/:id/registry/repositories", "repository.list_of_group",
            "List the repositories of the projects in a group, at any depth.",
            parameters: [NamespaceParameters.id("group")] + details + .paging,
            success: .page(RepositoryView.entity.many),
            access: asking(.readPackages, in: .group), handler: listOfGroup),
        ManagementEndpoint(
            .get, "registry/repositories/:id", "repository.show", "Show a repository.",
            parameters: [.id("id", "The number of the repository.")] + details,
            success: .one(RepositoryView.entity.one),
            // The project is known only when the repository was found; it is asked for then.
            access: asking(.readPackages), handler: show),
        ManagementEndpoint(
            .delete, "projects/:id/registry/repositories/:repository_id", "repository.delete",
            "Move everything in a repository to the trash.",
            parameters: [NamespaceParameters.id("project"), repository], success: .accepted,
            failures: [.conflict],
            access: asking(.deletePackages, in: .project), handler: trash),
    ]

    static let repository = Parameter.id("repository_id", "The number of the repository.")

    private static let details: [Parameter] = [
        .optional("tags", .boolean, "Whether to list the tags of each."),
        .optional("tags_count", .boolean, "Whether to count the tags of each."),
        .optional("size", .boolean, "Whether to say how many bytes each has."),
    ]

    // MARK: Reading

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        if call.arguments.has("status") { return try await listDeleted(call, project) }
        // Access to the project was granted: everything in it may be listed.
        return try await list(call, in: .project(project.id), readableBy: .everything)
    }

    @Sendable
    private static func listOfGroup(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let group = try call.namespace(.group)
        return try await list(call, in: .below(group.id), readableBy: call.reader)
    }

    private static func list(
        _ call: ManagementCall, in projects: ProjectSet, readableBy reader: PackageReader
    ) async throws(RegistryError) -> FormatResponse {
        let request = try call.page()
        let page = try await call.read { tx in
            let found = try tx.listPackages(
                format: .containerImages, in: projects, readableBy: reader, page: request)
            return Page(
                rows: try views(of: found.rows, call, tx).map(RepositoryView.entity.json),
                totalCount: found.totalCount, request: request)
        }
        return call.answer(page)
    }

    /// The repositories of which everything is in the trash.
    private static func listDeleted(
        _ call: ManagementCall, _ project: NamespaceRecord
    ) async throws(RegistryError) -> FormatResponse {
        let request = try call.page()
        let page = try await call.read { tx in
            let found = try tx.listDeletedPackages(
                format: .containerImages, in: .project(project.id), readableBy: .everything,
                page: request)
            let views = try views(of: found.rows.map(\.listing), call, tx)
            return Page(
                rows: zip(views, found.rows).map { view, row in
                    var view = view
                    view.deletedAt = row.deletedAt
                    return RepositoryView.entity.json(view)
                },
                totalCount: found.totalCount, request: request)
        }
        return call.answer(page)
    }

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let id = try call.arguments.requireInteger("id")
        guard let found = try await call.read({ tx in try tx.findRepository(id) }) else {
            throw RegistryError.missing("Repository")
        }
        do throws(RegistryError) {
            _ = try await call.context.require(
                .readPackages, in: .id(found.package.projectID, .project))
        } catch {
            guard error.code == .notFound else { throw error }
            throw RegistryError.missing("Repository")
        }
        let body = try await call.read { tx in
            try tx.findRepository(id).flatMap { repository in
                try views(of: [repository], call, tx).first.map(RepositoryView.entity.json)
            }
        }
        guard let body else { throw RegistryError.missing("Repository") }
        return call.answer(body)
    }

    /// What answers show of `repositories`, in the same order.
    private static func views(
        of repositories: [PackageListing], _ call: ManagementCall, _ tx: any MetadataReading
    ) throws -> [RepositoryView] {
        let showsTags = call.arguments.findFlag("tags") ?? false
        var lookup = NamespaceLookup(tx)
        var mayDelete: [Int64: Bool] = [:]
        return try repositories.map { repository in
            let package = repository.package
            if mayDelete[package.projectID] == nil,
                let project = try lookup.find(package.projectID)
            {
                mayDelete[project.id] = try call.mayDeletePackages(of: project, tx)
            }
            let tags =
                showsTags
                ? try tx.listTagNames(
                    packageID: package.id, after: nil, limit: ManagementLimits.repositoryTagCount)
                : nil
            return RepositoryView(
                listing: repository, tags: tags,
                showsTagCount: call.arguments.findFlag("tags_count") ?? false,
                showsSize: call.arguments.findFlag("size") ?? false,
                mayDelete: mayDelete[package.projectID] ?? false, origin: call.origin)
        }
    }

    // MARK: Deleting

    @Sendable
    private static func trash(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("repository_id")
        let authority = call.standing(in: project)
        try await call.change("repository.delete") { tx in
            let repository = try tx.requireRepository(id, of: project)
            try tx.touchPackage(id, at: call.now)
            try tx.packageProtection(of: project.id, for: authority)
                .checkRemoving(repository.package.format, repository.package.name)
            try tx.checkRemovingTags(of: repository.package, by: authority)
            let periods = try tx.findPeriods(ofNamespace: project.id)
            let count = try tx.trashVersions(
                packageID: id, at: call.now, reviewAfter: periods.trash.end(from: call.now))
            guard count > 0 else { throw RegistryError.missing("Repository") }
            return Change((), subject: repository.subject, in: project.id)
        }
        return call.accepted
    }
}
