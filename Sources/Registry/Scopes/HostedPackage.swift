/// One package of a project, for formats whose clients publish it in several requests: its blobs
/// arrive first, each on its own, and a version that names them comes last.
///
/// A blob belongs to the package while one of its versions names it or it holds a lease of it;
/// knowing the digest of another package's blob grants nothing.
public struct HostedPackage: Sendable {
    public let name: String
    public let format: FormatID
    public let project: NamespaceRecord
    let actor: Actor
    let role: Role
    let services: RegistryServices

    init(
        name: String, format: FormatID, project: NamespaceRecord, actor: Actor, role: Role,
        services: RegistryServices
    ) {
        self.name = name
        self.format = format
        self.project = project
        self.actor = actor
        self.role = role
        self.services = services
    }

    /// The project's path in lower case and the package's name: `acme/web/api`.
    public var address: String {
        name.isEmpty ? project.path.key : "\(project.path.key)/\(name)"
    }

    /// The package's row; `nil` while nothing was ever published or uploaded under its name.
    public func find() async throws(RegistryError) -> PackageRecord? {
        let (format, name, projectID) = (format, name, project.id)
        return try await services.metadata.read { tx in
            try tx.findPackage(projectID: projectID, format: format, name: name)
        }
    }

    /// The package with its size; `nil` as for `find`.
    public func describe() async throws(RegistryError) -> PackageListing? {
        let (format, name, projectID) = (format, name, project.id)
        return try await services.metadata.read { tx in
            try tx.findPackage(projectID: projectID, format: format, name: name).flatMap {
                try tx.findPackage($0.id)
            }
        }
    }

    // MARK: Versions

    /// A file of a version, by the version's name or a tag of it.
    public func findFile(
        _ version: VersionReference, path: String
    ) async throws(RegistryError) -> PublishedFile? {
        try await services.metadata.findFile(
            FileAddress(format: format, package: name, version: version, path: path),
            inProject: project.id)
    }

    /// Opens the bytes of a file, and checks that they have the right size.
    public func open(_ file: FileRecord) async throws(RegistryError) -> any BlobReader {
        try await services.openVerified(file)
    }

    /// Makes sure that the store has the bytes of a file, with the right size.
    ///
    /// - Throws: `notFound` with the reason `content_lost`.
    public func requireKept(_ file: FileRecord) async throws(RegistryError) {
        guard try await services.blobs.size(of: file.storageKey) != file.size else { return }
        throw RegistryError(
            .notFound, "the content of this file is lost; publishing it again heals it",
            reason: "content_lost")
    }

    /// Makes stored bytes visible, as `ScopeHandle.publish` does.
    ///
    /// - Throws: also `malformed` with the reason `named_blob_unknown` or `named_version_unknown`
    ///   when something is named that the package does not have, `unprocessable` when a blob has
    ///   another size than the draft says, `forbidden` or `conflict` when a rule about tags refuses.
    public func publish(_ draft: PublishDraft) async throws(RegistryError) -> PublishOutcome {
        try await HostedProject(
            project: project, actor: actor, authority: role, services: services
        ).publish(draft, format: format)
    }

    /// Moves a version to the trash, and its tags with it.
    ///
    /// - Throws: `forbidden` or `conflict` when a rule about one of its tags refuses, or another
    ///   version has it as a part.
    /// - Returns: whether there was such a version.
    public func trashVersion(_ version: String) async throws(RegistryError) -> Bool {
        try await HostedProject(
            project: project, actor: actor, authority: role, services: services
        ).trashVersion(format: format, package: name, version: version)
    }

    /// The files of path `path` of the versions that link to `target`, in bytewise order of the
    /// versions' names, from the first behind `last`; with `label`, only links that carry it.
    public func listLinkedFiles(
        _ kind: VersionLink.Kind, target: String, label: String?, path: String,
        after last: String?, limit: Int
    ) async throws(RegistryError) -> [PublishedFile] {
        guard let package = try await find() else { return [] }
        return try await services.metadata.read { tx in
            try tx.listLinkedFiles(
                packageID: package.id, kind: kind, target: target, label: label, path: path,
                after: last, limit: limit)
        }
    }

    // MARK: Tags

    /// The names of tags in bytewise order, from the first behind `last`.
    public func listTagNames(
        of package: PackageRecord, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String] {
        try await services.metadata.read { tx in
            try tx.listTagNames(packageID: package.id, after: last, limit: limit)
        }
    }

    /// Tags in the filter's order, as `TagReading.listTags` gives them.
    public func listTags(
        of package: PackageRecord, _ filter: TagFilter, after last: String?, isBackward: Bool,
        limit: Int
    ) async throws(RegistryError) -> [TagRecord] {
        try await services.metadata.read { tx in
            try tx.listTags(
                packageID: package.id, filter, after: last, isBackward: isBackward, limit: limit)
        }
    }

    /// Removes a tag; the version that it named stays, and is looked at again after a while.
    ///
    /// - Throws: `forbidden` or `conflict` when a rule about the tag refuses.
    /// - Returns: whether there was such a tag.
    public func removeTag(_ tag: String) async throws(RegistryError) -> Bool {
        let (package, role, now) = (self, role, services.clock.now())
        return try await services.metadata.write { tx in
            guard
                let record = try tx.findPackage(
                    projectID: package.project.id, format: package.format, name: package.name)
            else { return false }
            try tx.touchPackage(record.id, at: now)
            return try tx.removeTag(tag, of: record, actor: package.actor, role: role, at: now)
        }
    }
}

extension MetadataWriting {
    /// Removes a tag of a package whose row is locked, if the rules let somebody with `role`. It can
    /// be restored while its time in the trash lasts.
    ///
    /// - Throws: `forbidden` or `conflict` with the rule that refuses.
    /// - Returns: whether there was such a tag.
    public func removeTag(
        _ name: String, of package: PackageRecord, actor: Actor, role: Role, at now: Timestamp
    ) throws -> Bool {
        let protection = try tagProtection(
            of: package, for: Authority(actor.principal, role: role))
        return try removeTag(name, of: package, protection, actor: actor, at: now)
    }

    /// Removes a tag of a package whose row is locked, if `protection` lets somebody: for whoever
    /// read the rules in the same transaction with `tagProtection(of:for:)`, and removes several.
    ///
    /// - Throws: `forbidden` or `conflict` with the rule that refuses.
    /// - Returns: whether there was such a tag.
    public func removeTag(
        _ name: String, of package: PackageRecord, _ protection: TagProtection, actor: Actor,
        at now: Timestamp
    ) throws -> Bool {
        guard try findTag(name, packageID: package.id) != nil else { return false }
        try protection.checkRemoving(name)
        guard try moveTagToTrash(name, of: package, actor: actor, at: now) else { return false }
        try append(
            AuditEvent(
                action: "tag.delete", actor: actor, namespaceID: package.projectID,
                subject: "\(package.format)/\(package.name):\(name)"),
            at: now)
        return true
    }
}
