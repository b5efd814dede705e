import FormatKit
import HTTPTypes
import Registry

/// Calls on the packages of projects and groups, whatever their format. What these calls name a
/// package is one version.
///
/// *Source*: GitLab, "Packages API".
enum PackageEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "projects/:id/packages", "package.list", "List the packages of a project.",
            parameters: [project] + filters(ordering: projectOrders) + .paging,
            success: .page(PackageView.entity.many), access: accessToList, handler: list),
        ManagementEndpoint(
            .get, "groups/:id/packages", "package.list_of_group",
            "List the packages of the projects in a group, at any depth.",
            parameters: [NamespaceParameters.id("group")]
                + filters(ordering: VersionFilter.Order.allCases) + .paging,
            unsupported: ["exclude_subgroups"],
            success: .page(PackageView.entity.many),
            access: asking(.readPackages, in: .group), handler: listOfGroup),
        ManagementEndpoint(
            .get, "projects/:id/packages/:package_id", "package.show", "Show a package.",
            parameters: [project, package], success: .one(PackageView.entity.one),
            access: asking(.readPackages, in: .project), handler: show),
        ManagementEndpoint(
            .delete, "projects/:id/packages/:package_id", "package.delete",
            "Move a package to the trash, with its files.",
            parameters: [project, package], success: .noContent, failures: [.conflict],
            access: asking(.deletePackages, in: .project), handler: trash),
        ManagementEndpoint(
            .post, "projects/:id/packages/:package_id/restore", "package.restore",
            "Bring a package back from the trash, with its files.",
            parameters: [project, package, TrashEndpoints.overwrite],
            success: .one(PackageView.entity.one),
            failures: [.conflict], access: asking(.deletePackages, in: .project), handler: restore),
        ManagementEndpoint(
            .get, "projects/:id/packages/:package_id/package_files", "package_file.list",
            "List the files of a package.",
            parameters: [
                project, package,
                .optional(
                    "status", .choice([PackageView.deletedStatus]),
                    "Whether to list those in the trash."),
            ] + .paging,
            success: .page(PackageFileView.entity.many), access: accessToList,
            handler: listFiles),
        ManagementEndpoint(
            .delete, "projects/:id/packages/:package_id/package_files/:file_id",
            "package_file.delete", "Move a file to the trash.",
            parameters: [project, package, file], success: .noContent, failures: [.conflict],
            access: asking(.deletePackages, in: .project), handler: trashFile),
        ManagementEndpoint(
            .post, "projects/:id/packages/:package_id/package_files/:file_id/restore",
            "package_file.restore", "Bring a file back from the trash.",
            parameters: [project, package, file, TrashEndpoints.overwrite],
            success: .one(PackageFileView.entity.one),
            failures: [.conflict], access: asking(.deletePackages, in: .project),
            handler: restoreFile),
    ]

    // MARK: Parameters

    private static let project = NamespaceParameters.id("project")
    private static let package = Parameter.id("package_id", "The number of the package.")
    private static let file = Parameter.id("file_id", "The number of the file.")
    private static let projectOrders: [VersionFilter.Order] = [.createdAt, .name, .version, .type]

    /// Statuses that GitLab's list can be filtered by and that nothing here ever has.
    private static let unusedStatuses = ["processing"]
    /// Names of the trash: ours, and GitLab's for what is about to go.
    private static let trashStatuses = [PackageView.deletedStatus, "pending_destruction"]

    private static func filters(ordering orders: [VersionFilter.Order]) -> [Parameter] {
        [
            .optional(
                "order_by", .choice(orders.map(\.rawValue)), "What to order by: created_at."),
            .optional("sort", .choice(["asc", "desc"]), "Whether the least or the most is first."),
            .optional(
                "package_type", .choice(PackageType.names),
                "Only packages of this format; images are listed only with 'oci'."),
            .optional(
                "package_name", .text(limitCharacters: ManagementLimits.packageNameCharacters),
                "Part of the name."),
            .optional(
                "package_version", .text(limitCharacters: ManagementLimits.packageNameCharacters),
                "The whole version."),
            .optional(
                "status",
                .choice(
                    VersionStatus.allCases.map(\.rawValue) + unusedStatuses + trashStatuses),
                "Only packages of this status; 'deleted' lists the trash. Hidden ones are listed "
                    + "only when asked for."),
        ]
    }

    /// Who may read may list; the trash is for those who may delete.
    private static let accessToList: @Sendable (ManagementAddress) -> [AccessRequirement] = {
        address in
        let isTrash = address.query.values("status").contains { trashStatuses.contains($0) }
        return asking(isTrash ? .deletePackages : .readPackages, in: .project)(address)
    }

    // MARK: Lists

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        // Access to the project was granted: everything in it may be listed.
        return try await list(call, in: .project(project.id), readableBy: .everything)
    }

    @Sendable
    private static func listOfGroup(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let group = try call.namespace(.group)
        if let status = call.arguments.findText("status"), trashStatuses.contains(status) {
            throw RegistryError.parameters("the trash is listed for one project at a time")
        }
        return try await list(call, in: .below(group.id), readableBy: call.reader)
    }

    private static func list(
        _ call: ManagementCall, in projects: ProjectSet, readableBy reader: PackageReader
    ) async throws(RegistryError) -> FormatResponse {
        let request = try call.page()
        let status = call.arguments.findText("status")
        if let status, unusedStatuses.contains(status) {
            return call.answer(Page(rows: [], totalCount: 0, request: request))
        }
        let filter = filter(call, status)
        let page = try await call.read { tx in
            let found = try tx.listVersions(
                filter, in: projects, readableBy: reader, page: request)
            return Page(
                rows: try views(of: found.rows, call, tx).map(PackageView.entity.json),
                totalCount: found.totalCount, request: request)
        }
        return call.answer(page)
    }

    private static func filter(_ call: ManagementCall, _ status: String?) -> VersionFilter {
        let arguments = call.arguments
        let format = arguments.findText("package_type").map(PackageType.format)
        var filter = VersionFilter(
            format: format, excludedFormats: format == nil ? PackageType.unlisted : [],
            nameContains: arguments.findText("package_name").flatMap { $0.isEmpty ? nil : $0 },
            versionName: arguments.findText("package_version").flatMap { $0.isEmpty ? nil : $0 },
            // What GitLab lists by default, and what only we have.
            statuses: [.default, .deprecated, .yanked, .error],
            order: arguments.findText("order_by").flatMap(VersionFilter.Order.init) ?? .createdAt,
            direction: arguments.findText("sort").flatMap(SortDirection.init) ?? .ascending)
        if let status {
            if trashStatuses.contains(status) {
                filter.isDeleted = true
                filter.statuses = Set(VersionStatus.allCases)
            } else if let status = VersionStatus(rawValue: status) {
                filter.statuses = [status]
            }
        }
        return filter
    }

    /// What answers show of `versions`, in the same order.
    static func views(
        of versions: [VersionRecord], _ call: ManagementCall, _ tx: any MetadataReading
    ) throws -> [PackageView] {
        var lookup = NamespaceLookup(tx)
        var mayDelete: [Int64: Bool] = [:]
        let tags = try tx.listTags(versionIDs: versions.map(\.id))
        let pulls = try tx.listPulls(versionIDs: versions.map(\.id))
        return try versions.compactMap { version in
            guard let project = try lookup.find(version.package.projectID) else { return nil }
            if mayDelete[project.id] == nil {
                mayDelete[project.id] = try call.mayDeletePackages(of: project, tx)
            }
            let periods = tx.defaultPeriods.completed(by: project.effectiveSettings)
            return PackageView(
                version: version, project: project, tags: tags[version.id] ?? [],
                pull: pulls[version.id], mayDelete: mayDelete[project.id] ?? false,
                restorableUntil: version.deletedAt.flatMap { periods.trash.end(from: $0) },
                origin: call.origin)
        }
    }

    // MARK: One package

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("package_id")
        let body = try await call.read { tx in
            let version = try tx.requireVersion(id, of: project, isDeleted: false)
            return try views(of: [version], call, tx).first.map(PackageView.entity.json)
        }
        guard let body else { throw RegistryError.missing("Package") }
        return call.answer(body)
    }

    @Sendable
    private static func trash(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("package_id")
        let authority = call.standing(in: project)
        try await call.change("version.delete") { tx in
            let version = try tx.requireVersion(id, of: project, isDeleted: false)
            try tx.touchPackage(version.package.id, at: call.now)
            try tx.checkRemoving(version, by: authority)
            guard try tx.moveVersionToTrash(id, at: call.now) else {
                throw RegistryError.missing("Package")
            }
            return Change((), subject: version.subject, in: project.id)
        }
        return call.noContent
    }

    @Sendable
    private static func restore(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("package_id")
        let (policy, authority) = (call.restorePolicy, call.standing(in: project))
        let body = try await call.change("version.restore") { tx in
            let found = try tx.requireVersion(id, of: project, isDeleted: true)
            try tx.touchPackage(found.package.id, at: call.now)
            // Read again under the package's lock: the collector may have been faster.
            let version = try tx.requireVersion(id, of: project, isDeleted: true)
            let restored = try tx.restore(version, policy, by: authority, at: call.now)
            return Change(
                try views(of: [restored], call, tx).first.map(PackageView.entity.json),
                subject: version.subject, in: project.id)
        }
        guard let body else { throw RegistryError.missing("Package") }
        return call.answer(body)
    }

    // MARK: Files

    @Sendable
    private static func listFiles(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("package_id")
        let request = try call.page()
        let isTrash = call.arguments.has("status")
        let page = try await call.read { tx in
            let version = try tx.requireVersion(id, of: project)
            guard isTrash || version.deletedAt == nil else {
                throw RegistryError.missing("Package")
            }
            return try tx.listFiles(versionID: id, isDeleted: isTrash, page: request)
                .map { PackageFileView.entity.json(PackageFileView(file: $0)) }
        }
        return call.answer(page)
    }

    @Sendable
    private static func trashFile(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let ids = try FileIDs(call)
        let authority = call.standing(in: project)
        try await call.change("file.delete") { tx in
            let found = try tx.requireFile(ids, of: project, isDeleted: false)
            guard found.version.package.format != .containerImages else {
                throw RegistryError(
                    .conflict, "an image is deleted as a whole, not file by file")
            }
            try tx.touchPackage(found.file.packageID, at: call.now)
            try tx.packageProtection(of: project.id, for: authority)
                .checkRemoving(found.version.package.format, found.version.package.name)
            guard try tx.moveFileToTrash(found.file, at: call.now) else {
                throw RegistryError.missing("Package File")
            }
            return Change((), subject: found.subject, in: project.id)
        }
        return call.noContent
    }

    @Sendable
    private static func restoreFile(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let ids = try FileIDs(call)
        let (policy, authority) = (call.restorePolicy, call.standing(in: project))
        let file = try await call.change("file.restore") { tx in
            let packageID = try tx.requireFile(ids, of: project, isDeleted: true).file.packageID
            try tx.touchPackage(packageID, at: call.now)
            let found = try tx.requireFile(ids, of: project, isDeleted: true)
            try tx.restore(found, policy, by: authority, at: call.now)
            let restored = try tx.requireFile(ids, of: project, isDeleted: false)
            return Change(restored.file, subject: found.subject, in: project.id)
        }
        return call.answer(PackageFileView.entity.json(PackageFileView(file: file)))
    }
}

/// The numbers of a version and of a file in it, as an address has them.
private struct FileIDs: Sendable {
    let version: Int64
    let file: Int64

    init(_ call: ManagementCall) throws(RegistryError) {
        version = try call.arguments.requireInteger("package_id")
        file = try call.arguments.requireInteger("file_id")
    }
}

extension PackageReading {
    /// The version, if it is in the project, and in the trash or not as `isDeleted` says.
    ///
    /// - Throws: `notFound` otherwise.
    func requireVersion(
        _ id: Int64, of project: NamespaceRecord, isDeleted: Bool? = nil
    ) throws -> VersionRecord {
        guard let version = try findVersion(id), version.package.projectID == project.id,
            isDeleted.map({ $0 == (version.deletedAt != nil) }) ?? true
        else { throw RegistryError.missing("Package") }
        return version
    }

    /// The file, if its version is in the project and not in the trash.
    ///
    /// - Throws: `notFound` otherwise.
    fileprivate func requireFile(
        _ ids: FileIDs, of project: NamespaceRecord, isDeleted: Bool
    ) throws -> PublishedFile {
        _ = try requireVersion(ids.version, of: project, isDeleted: false)
        guard let found = try findFile(ids.file), found.file.versionID == ids.version,
            isDeleted == (found.file.deletedAt != nil)
        else { throw RegistryError.missing("Package File") }
        return found
    }
}

extension VersionRecord {
    /// `generic/tool/1.0`, for the audit.
    var subject: String { "\(package.format)/\(package.name)/\(name)" }
}

extension PublishedFile {
    /// `generic/tool/1.0/bin/tool`, for the audit.
    fileprivate var subject: String {
        "\(version.package.format)/\(version.package.name)/\(version.name)/\(file.path)"
    }
}

extension ManagementCall {
    /// Whether the caller may delete packages of the project.
    func mayDeletePackages(
        of project: NamespaceRecord, _ tx: any IdentityReading
    ) throws -> Bool {
        let role = try principal.userID.flatMap {
            try tx.findRole(userID: $0, in: project, at: now)
        }
        return services.policy.decide(
            AccessQuestion(
                principal: principal, action: .deletePackages, namespace: project, role: role,
                family: nil)) == .allow
    }
}
