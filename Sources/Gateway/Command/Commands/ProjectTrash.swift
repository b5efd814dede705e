import Registry

/// The trash of one project, or of one package in it.
struct ProjectTrash: Sendable {
    /// Versions that one transaction deletes for good.
    private static let emptyBatchCount = 100

    let project: NamespaceRecord
    let format: FormatID?
    /// `nil` for all packages.
    let package: PackageRecord?
    private let periods: CollectionPeriods
    private let authority = Authority(.console, role: .owner)

    /// Finds the project and the package that the options name.
    init(_ options: TrashCommand.PlaceOptions, _ console: Console) async throws {
        let (path, name) = (options.project, options.package)
        let format = options.format.map { FormatID(stored: $0) }
        let found = try await console.metadata.read {
            tx -> (project: NamespaceRecord, package: PackageRecord?, CollectionPeriods) in
            let project = try tx.requireNamespace(path, .project)
            var package: PackageRecord?
            if let name, let format {
                package = try tx.findPackage(projectID: project.id, format: format, name: name)
                guard package != nil else {
                    throw RegistryError(
                        .notFound, "'\(path)' has no \(format) package '\(name)'")
                }
            }
            return (project, package, try tx.findPeriods(ofNamespace: project.id))
        }
        self.format = format
        (project, package, periods) = found
    }

    private func isCovered(_ version: VersionRecord) -> Bool {
        (format.map { version.package.format == $0 } ?? true)
            && (package.map { version.package.id == $0.id } ?? true)
    }

    /// Everything in it, the last ones that were deleted first.
    func list(_ console: Console) async throws -> [TrashRow] {
        let (id, package, periods) = (project.id, package, periods)
        let filter = VersionFilter(
            format: format, packageName: package?.name, statuses: Set(VersionStatus.allCases),
            isDeleted: true)
        let versions = try await console.listAll { tx, page in
            let found = try tx.listVersions(
                filter, in: .project(id), readableBy: .everything, page: page)
            let tags = try tx.listTags(versionIDs: found.rows.map(\.id))
            return found.map { (version: $0, tags: tags[$0.id] ?? []) }
        }
        let files = try await console.listAll { tx, page in
            try tx.listDeletedFiles(projectID: id, packageID: package?.id, page: page)
        }
        let tags = try await console.listAll { tx, page in
            try tx.listRemovedTags(projectID: id, packageID: package?.id, page: page)
        }
        let rows =
            versions.map { row in
                TrashRow(
                    TrashItem(.version, row.version.id), row.version, name: row.version.name,
                    tags: row.tags,
                    deletedAt: row.version.deletedAt ?? row.version.createdAt, periods)
            }
            + files.filter { isCovered($0.version) }.map { row in
                TrashRow(
                    TrashItem(.file, row.file.id), row.version,
                    name: "\(row.version.name)/\(row.file.path)",
                    deletedAt: row.file.deletedAt ?? row.file.createdAt, periods)
            }
            + tags.filter { isCovered($0.version) }.map { tag in
                TrashRow(
                    TrashItem(.tag, tag.id), tag.version,
                    name: "\(tag.name) -> \(tag.version.name)",
                    deletedAt: tag.deletedAt, periods)
            }
        return rows.sorted { $0.moment > $1.moment }
    }

    // MARK: Restoring

    /// Brings back each of `items`, all or none.
    func restore(
        _ items: [TrashItem], _ policy: RestorePolicy, _ console: Console
    ) async throws -> [TrashRow] {
        var rows: [TrashRow] = []
        let known = try await list(console)
        for item in items {
            guard let row = known.first(where: { $0.id == item.description }) else {
                throw RegistryError(
                    .notFound, "'\(item)' is not in the trash of '\(project.path)'")
            }
            rows.append(row)
        }
        let (trash, now) = (self, console.clock.now())
        let actor = console.actor
        try await console.metadata.write { tx in
            for item in items {
                let (action, subject) = try trash.restore(item, policy, tx, at: now)
                try tx.append(
                    AuditEvent(
                        action: action, actor: actor, namespaceID: trash.project.id,
                        subject: subject), at: now)
            }
        }
        return rows
    }

    /// - Returns: what was done to what, for the audit.
    private func restore(
        _ item: TrashItem, _ policy: RestorePolicy, _ tx: any MetadataWriting, at now: Timestamp
    ) throws -> (action: String, subject: String) {
        let missing = RegistryError(.notFound, "'\(item)' is not in the trash any more")
        switch item.kind {
        case .version:
            guard let found = try tx.findVersion(item.id) else { throw missing }
            try tx.touchPackage(found.package.id, at: now)
            guard let version = try tx.findVersion(item.id), version.deletedAt != nil else {
                throw missing
            }
            _ = try tx.restore(version, policy, by: authority, at: now)
            return (
                "version.restore",
                "\(version.package.format)/\(version.package.name)/\(version.name)"
            )
        case .file:
            guard let found = try tx.findFile(item.id) else { throw missing }
            try tx.touchPackage(found.file.packageID, at: now)
            guard let file = try tx.findFile(item.id), file.file.deletedAt != nil,
                file.version.deletedAt == nil
            else { throw missing }
            try tx.restore(file, policy, by: authority, at: now)
            let package = file.version.package
            return (
                "file.restore",
                "\(package.format)/\(package.name)/\(file.version.name)/\(file.file.path)"
            )
        case .tag:
            guard let found = try tx.findRemovedTag(item.id, projectID: project.id) else {
                throw missing
            }
            try tx.touchPackage(found.version.package.id, at: now)
            guard let tag = try tx.findRemovedTag(item.id, projectID: project.id) else {
                throw missing
            }
            _ = try tx.restore(tag, policy, by: authority, at: now)
            let package = tag.version.package
            return ("tag.restore", "\(package.format)/\(package.name):\(tag.name)")
        }
    }

    /// Brings back what of a package was deleted together last.
    func restore(
        _ package: PackageRecord, _ policy: RestorePolicy, _ console: Console
    ) async throws -> RestoredPackageRow {
        let (project, authority) = (project, authority)
        let outcome = try await console.change("package.restore") { tx, now in
            try tx.touchPackage(package.id, at: now)
            let outcome = try tx.restoreVersions(
                of: package, policy, by: authority, at: now)
            return (outcome, project.id, "\(package.format)/\(package.name)")
        }
        return RestoredPackageRow(package, outcome)
    }

    // MARK: Emptying

    /// Deletes for good what was deleted at `moment` or before, a batch of versions at a time.
    func empty(deletedBefore moment: Timestamp, _ console: Console) async throws {
        let (trash, now) = (self, console.clock.now())
        var last: Int64 = 0
        while true {
            let after = last
            let versions = try await console.metadata.write { tx -> [Int64] in
                let versions = try tx.listVersionsWithTrash(
                    projectID: trash.project.id, packageID: trash.package?.id,
                    deletedBefore: moment, after: after, limit: Self.emptyBatchCount)
                for id in versions {
                    guard let version = try tx.findVersion(id), trash.isCovered(version) else {
                        continue
                    }
                    _ = try tx.emptyTrash(
                        ofVersion: id, deletedBefore: moment, tx.defaultPeriods, at: now)
                }
                return versions
            }
            guard let id = versions.last else { break }
            last = id
        }
        _ = try await console.change("trash.empty") { _, _ in
            ((), trash.project.id, trash.package.map { "\($0.format)/\($0.name)" } ?? "project")
        }
    }
}
