import FormatKit
import HTTPTypes
import Registry

/// Calls on the tags of a repository of images.
///
/// *Source*: GitLab, "Container registry API".
enum RepositoryTagEndpoints {
    private static let base = "projects/:id/registry/repositories/:repository_id/tags"

    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, base, "repository_tag.list", "List the tags of a repository.",
            parameters: place + listing + [TrashEndpoints.status] + .paging,
            success: .page(TagView.entity.many), access: TrashEndpoints.accessToList,
            handler: list),
        ManagementEndpoint(
            .delete, base, "repository_tag.delete_many",
            "Delete the tags of a repository that match, but for those that something keeps.",
            parameters: place + selection,
            success: .one(TagCleanupReport.entity.one, status: .accepted),
            preview: .one(TagCleanupReport.entity.one), takesForm: true,
            failures: [.unprocessable], access: asking(.deletePackages, in: .project),
            handler: cleanUp),
        ManagementEndpoint(
            .get, "\(base)/:tag_name", "repository_tag.show",
            "Show a tag and what is known of its image.", parameters: place + [tag],
            success: .one(TagDetailsView.entity.one), access: asking(.readPackages, in: .project),
            handler: show),
        ManagementEndpoint(
            .delete, "\(base)/:tag_name", "repository_tag.delete",
            "Move a tag to the trash; the image goes later, unless something else needs it.",
            parameters: place + [tag], success: .done, failures: [.conflict, .unprocessable],
            access: asking(.deletePackages, in: .project), handler: remove),
    ]

    // MARK: Parameters

    private static let place = [
        NamespaceParameters.id("project"), RepositoryEndpoints.repository,
    ]
    private static let tag = Parameter.required(
        "tag_name", .text(limitCharacters: ManagementLimits.tagCharacters), "The tag.")

    private static let listing: [Parameter] = [
        .optional(
            "name", .text(limitCharacters: ManagementLimits.tagCharacters), "Part of the tag."),
        .optional(
            "order_by", .choice(TagFilter.Order.allCases.map(\.rawValue)),
            "What to order by: name, bytewise."),
        .optional("sort", .choice(["asc", "desc"]), "Whether the least or the most is first."),
        .optional(
            "pagination", .choice(["keyset"]),
            "Pages by name in place of numbered ones: each leads to the next by its Link header."),
        .optional(
            "last", .text(limitCharacters: ManagementLimits.tagCharacters),
            "With pages by name: the tag behind which the page begins."),
    ]

    private static let selection: [Parameter] = [
        .optional(
            "name_regex_delete", .text(limitCharacters: NamePattern.limitBytes),
            "A regular expression for whole tags to delete; '.*' for all. Required."),
        .optional(
            "name_regex", .text(limitCharacters: NamePattern.limitBytes),
            "The older name of name_regex_delete."),
        .optional(
            "name_regex_keep", .text(limitCharacters: NamePattern.limitBytes),
            "A regular expression for whole tags to keep, whatever else is said."),
        .optional(
            "keep_n", .integer(0...Int64(Int32.max)),
            "How many of the newest that match are kept."),
        .optional(
            "older_than", .text(limitCharacters: ManagementLimits.ageCharacters),
            "Only tags that were pushed longer ago than this: 1h, 2d, 1month."),
        .optional(
            "include_latest", .boolean,
            "Whether 'latest' is treated like any other tag; it is kept if not."),
        .optional(
            "dry_run", .boolean,
            "Whether to delete nothing, and say of every tag what would become of it and why."),
    ]

    // MARK: Lists

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("repository_id")
        let filter = TagFilter(
            nameContains: call.arguments.findText("name"),
            order: call.arguments.findText("order_by").flatMap(TagFilter.Order.init) ?? .name,
            direction: call.arguments.findText("sort").flatMap(SortDirection.init) ?? .ascending)
        let request = try call.page()
        if call.arguments.has("status") { return try await listRemoved(call, project, request) }
        if call.arguments.has("pagination") {
            return try await listOnward(call, project, filter, limit: request.size)
        }
        let page = try await call.read { tx in
            let repository = try tx.requireRepository(id, of: project)
            let found = try tx.listTags(packageID: id, filter, page: request)
            return Page(
                rows: try call.views(of: found.rows, in: repository, tx).map(TagView.entity.json),
                totalCount: found.totalCount, request: request)
        }
        return call.answer(page)
    }

    /// The tags that were removed and can be restored, the last ones first.
    private static func listRemoved(
        _ call: ManagementCall, _ project: NamespaceRecord, _ request: PageRequest
    ) async throws(RegistryError) -> FormatResponse {
        let id = try call.arguments.requireInteger("repository_id")
        let page = try await call.read { tx in
            let repository = try tx.requireAnyRepository(id, of: project)
            return try tx.listRemovedTags(projectID: project.id, packageID: id, page: request)
                .map { tag in
                    TagView.entity.json(
                        TagView(
                            name: tag.name, tag: nil, address: repository.address,
                            origin: call.origin, removed: tag))
                }
        }
        return call.answer(page)
    }

    /// A page that begins behind a name, and leads to the one behind it.
    private static func listOnward(
        _ call: ManagementCall, _ project: NamespaceRecord, _ filter: TagFilter, limit: Int
    ) async throws(RegistryError) -> FormatResponse {
        // A place in the order of names stays where it is, whatever is deleted meanwhile.
        guard filter.order == .name else {
            throw RegistryError.parameters("keyset pagination is by name only")
        }
        let id = try call.arguments.requireInteger("repository_id")
        let last = call.arguments.findText("last").flatMap { $0.isEmpty ? nil : $0 }
        let (rows, next) = try await call.read { tx in
            let repository = try tx.requireRepository(id, of: project)
            let tags = try tx.listTags(
                packageID: id, filter, after: last, isBackward: false, limit: limit + 1)
            return (
                try call.views(of: Array(tags.prefix(limit)), in: repository, tx)
                    .map(TagView.entity.json),
                tags.count > limit ? tags[limit - 1].name : nil
            )
        }
        var headers: HTTPFields = [:]
        if let next {
            headers[.link] = "<\(address(behind: next, call.context.head))>; rel=\"next\""
        }
        return FormatResponse.json(.array(rows), headers: headers)
    }

    private static func address(behind name: String, _ head: RequestHead) -> String {
        let items = head.query.items.filter { $0.name != "last" && $0.name != "page" }
        let query = (items + [(name: "last", value: name)]).map { item in
            PercentEncoding.encode(item.name) + "=" + PercentEncoding.encode(item.value)
        }
        return head.url(forTail: head.tail.segments) + "?" + query.joined(separator: "&")
    }

    // MARK: One tag

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("repository_id")
        let name = try call.arguments.requireText("tag_name")
        let (view, image) = try await call.read { tx in
            let repository = try tx.requireRepository(id, of: project)
            guard let tag = try tx.findTag(name, packageID: id) else {
                throw RegistryError.missing("Tag")
            }
            guard let view = try call.views(of: [tag], in: repository, tx).first else {
                throw RegistryError.missing("Tag")
            }
            return (view, try ImageDetails(of: tag.version, tx))
        }
        return call.answer(TagDetailsView.entity.json(TagDetailsView(tag: view, image: image)))
    }

    @Sendable
    private static func remove(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("repository_id")
        let name = try call.arguments.requireText("tag_name")
        let (actor, role, now) = (call.context.actor, call.authority(in: project), call.now)
        // The removal of a tag writes its own event.
        try await call.services.metadata.write { tx in
            let repository = try tx.requireRepository(id, of: project)
            try tx.touchPackage(id, at: now)
            guard
                try tx.removeTag(
                    name, of: repository.package, actor: actor, role: role, at: now)
            else { throw RegistryError.missing("Tag") }
        }
        return call.done
    }

    // MARK: Cleaning up

    @Sendable
    private static func cleanUp(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("repository_id")
        let selection = try selection(of: call)
        let isDryRun = call.arguments.findFlag("dry_run") ?? false
        let (actor, authority, now) = (call.context.actor, call.standing(in: project), call.now)
        let (package, plan) = try await call.read { tx in
            let package = try tx.requireRepository(id, of: project).package
            let cleanup = TagCleanup(
                selection, try tx.tagProtection(of: package, for: authority), now: now)
            return (
                package,
                try TagCleanupReport(planning: cleanup, of: package, isDryRun: isDryRun, tx)
            )
        }
        if isDryRun { return call.answer(TagCleanupReport.entity.json(plan)) }
        var report = plan
        report.tags = []
        for start in stride(from: 0, to: plan.tags.count, by: ManagementLimits.tagBatchCount) {
            let batch = plan.tags[start...].prefix(ManagementLimits.tagBatchCount)
            report.tags += try await call.services.metadata.write { tx in
                try TagCleanupReport.delete(
                    batch, of: package, actor: actor, by: authority, at: now, tx)
            }
        }
        report.deletedCount = report.tags.count { $0.verdict.isDeletion }
        return call.answer(TagCleanupReport.entity.json(report), status: .accepted)
    }

    /// What the arguments select.
    private static func selection(
        of call: ManagementCall
    ) throws(RegistryError) -> TagCleanup.Selection {
        let names = ["name_regex_delete", "name_regex"]
        let given = names.first { call.arguments.findText($0).map { !$0.isEmpty } ?? false }
        guard let given, let pattern = try pattern(given, of: call) else {
            throw RegistryError.parameters(
                "name_regex, name_regex_delete are missing, at least one parameter must be "
                    + "provided")
        }
        var selection = TagCleanup.Selection(deletePattern: pattern, deleteParameter: given)
        selection.keepPattern = try Self.pattern("name_regex_keep", of: call)
        selection.keepCount = Int(clamping: call.arguments.findInteger("keep_n") ?? 0)
        if let text = call.arguments.findText("older_than"), !text.isEmpty {
            selection.age = try TagAge(parsing: text)
        }
        selection.includesLatest = call.arguments.findFlag("include_latest") ?? false
        return selection
    }

    private static func pattern(
        _ name: String, of call: ManagementCall
    ) throws(RegistryError) -> NamePattern? {
        guard let text = call.arguments.findText(name), !text.isEmpty else { return nil }
        do throws(RegistryError) {
            return try NamePattern(text)
        } catch {
            throw RegistryError.parameters("\(name) is invalid: \(error.message)")
        }
    }
}

extension ManagementCall {
    /// What lists show of `tags`, in the same order.
    fileprivate func views(
        of tags: [TagRecord], in repository: PackageListing, _ tx: any PullReading
    ) throws -> [TagView] {
        let pulls = try tx.listPulls(versionIDs: tags.map(\.version.id))
        return tags.map { tag in
            TagView(
                name: tag.name, tag: tag, pull: pulls[tag.version.id],
                address: repository.address, origin: origin)
        }
    }
}
