/// A project whose packages are stored here: the scope that is published to.
public struct HostedProject: ScopeHandle {
    let project: NamespaceRecord
    public let remainder: [String]
    let actor: Actor
    let role: Role
    private let sources: [NamespaceReference: NamespaceRecord]
    let services: RegistryServices
    public let caller: any CallerHandle

    /// The scope of `project`, which `actor` was granted access to.
    ///
    /// - Parameters:
    ///   - role: the highest role of the actor's user in the project.
    ///   - sources: other projects that the operation asked for and may read.
    ///   - caller: who makes the request, where there is a gateway to log in to.
    public init(
        project: NamespaceRecord, remainder: [String] = [], actor: Actor, role: Role? = nil,
        sources: [NamespaceReference: NamespaceRecord] = [:], services: RegistryServices,
        caller: (any CallerHandle)? = nil
    ) {
        self.project = project
        self.remainder = remainder
        self.actor = actor
        self.role = actor.principal.authority(role)
        self.sources = sources
        self.services = services
        self.caller = caller ?? PlainCaller(actor.principal)
    }

    /// The scope of `project` for an actor that counts as `authority` there.
    init(
        project: NamespaceRecord, actor: Actor, authority: Role, services: RegistryServices
    ) {
        self.project = project
        self.remainder = []
        self.actor = actor
        self.role = authority
        self.sources = [:]
        self.services = services
        self.caller = PlainCaller(actor.principal)
    }

    public var namespace: NamespaceRecord? { project }

    public func allowsReplacing(_ format: FormatID) -> Bool {
        project.effectiveSettings.allowsReplacing(format)
    }

    public func hostedPackage(_ format: FormatID) throws(RegistryError) -> HostedPackage {
        HostedPackage(
            name: remainder.joined(separator: "/"), format: format, project: project,
            actor: actor, role: role, services: services)
    }

    public func hostedPackage(
        at reference: NamespaceReference, _ format: FormatID
    ) -> HostedPackage? {
        guard let source = sources[reference], source.kind == .project,
            case .longestProject(let segments) = reference
        else { return nil }
        let rest = segments.dropFirst(source.path.segments.count)
        return HostedPackage(
            name: rest.joined(separator: "/"), format: format, project: source, actor: actor,
            role: .guest, services: services)
    }

    public func listPackageAddresses(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String] {
        let projectID = project.id
        return try await services.metadata.read { tx in
            try tx.listPackageAddresses(
                format: format, in: .project(projectID), readableBy: .everything, after: last,
                limit: limit)
        }
    }

    public func measureBlobs(
        _ format: FormatID, atOrBelow address: String
    ) async throws(RegistryError) -> Int64 {
        guard
            address == project.path.key || address.hasPrefix(project.path.key + "/")
        else { return 0 }
        return try await services.metadata.read { tx in
            try tx.measureBlobs(format: format, atOrBelow: address)
        }
    }

    public func findFile(_ address: FileAddress) async throws(RegistryError) -> PublishedFile? {
        try await services.metadata.findFile(address, inProject: project.id)
    }

    public func findVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> VersionRecord? {
        let projectID = project.id
        return try await services.metadata.read { tx in
            try tx.findVersions(
                format: format, package: package, version: version, in: .project(projectID),
                readableBy: .everything, limit: 1
            ).first
        }
    }

    public func listFiles(
        of version: VersionRecord, page: PageRequest
    ) async throws(RegistryError) -> Page<FileRecord> {
        try await services.metadata.read { tx in
            try tx.listFiles(versionID: version.id, isDeleted: false, page: page)
        }
    }

    public func open(_ file: FileRecord) async throws(RegistryError) -> any BlobReader {
        try await services.openVerified(file)
    }

    public func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        try await services.blobs.beginUpload(hashes: hashes)
    }

    public func publish(
        _ draft: PublishDraft, format: FormatID
    ) async throws(RegistryError) -> PublishOutcome {
        let transaction = PublishTransaction(
            draft: draft, format: format, project: project, actor: actor, role: role,
            now: services.clock.now())
        let result = try await services.metadata.write { tx in try transaction.run(tx) }
        for file in draft.files {
            try await services.settle(file.blob, keptKey: result.keys[file.blob.digest])
        }
        return result.outcome
    }

    public func trashFile(
        _ address: FileAddress, ifMatches digests: Set<Digest>?
    ) async throws(RegistryError) -> Bool {
        let project = project
        let (actor, authority) = (actor, Authority(actor.principal, role: role))
        let now = services.clock.now()
        return try await services.metadata.write { tx in
            let found = try tx.findFiles(
                address, in: .project(project.id), readableBy: .everything, limit: 1)
            guard let found = found.first else { return false }
            try tx.touchPackage(found.file.packageID, at: now)
            try tx.packageProtection(of: project.id, for: authority)
                .checkRemoving(address.format, address.package)
            // Read again under the package's lock: what counts is what is there now.
            guard let file = try tx.findFile(versionID: found.version.id, path: address.path)
            else { return false }
            if let digests, !digests.contains(file.digests.sha256) {
                throw RegistryError(
                    .preconditionFailed, "the file is not the one that If-Match names")
            }
            guard try tx.moveFileToTrash(file, at: now) else { return false }
            try tx.append(
                AuditEvent(
                    action: "file.delete", actor: actor, namespaceID: project.id,
                    subject: address.subject),
                at: now)
            return true
        }
    }

    public func trashVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> Bool {
        let project = project
        let (actor, authority) = (actor, Authority(actor.principal, role: role))
        let now = services.clock.now()
        return try await services.metadata.write { tx in
            let found = try tx.findVersions(
                format: format, package: package, version: version, in: .project(project.id),
                readableBy: .everything, limit: 1)
            guard let found = found.first else { return false }
            try tx.touchPackage(found.package.id, at: now)
            try tx.checkRemoving(found, by: authority)
            guard try tx.moveVersionToTrash(found.id, at: now) else { return false }
            try tx.append(
                AuditEvent(
                    action: "version.delete", actor: actor, namespaceID: project.id,
                    subject: "\(format)/\(package)/\(version)"),
                at: now)
            return true
        }
    }
}

extension FileAddress {
    /// `generic/tool/1.0/bin/tool`, for the audit.
    var subject: String { "\(format)/\(package)/\(version)/\(path)" }
}

extension RegistryServices {
    /// Deals with the bytes that a publish stored under a key that its row does not name, because
    /// the content was there already: they are surplus, unless those that the row names are lost.
    func settle(_ blob: CommittedBlob, keptKey: StorageKey?) async throws(RegistryError) {
        guard let keptKey, keptKey != blob.key else { return }
        guard try await blobs.size(of: keptKey) != blob.size else {
            try await blobs.remove(blob.key)
            return
        }
        let isHealed = try await metadata.write { tx in
            try tx.replaceBlobKey(blob.digest, old: keptKey, new: blob.key)
        }
        // Somebody else healed it first, with bytes of his own.
        if !isHealed { try await blobs.remove(blob.key) }
    }

    /// Opens the bytes of a file, and makes sure that all of them are there.
    func openVerified(_ file: FileRecord) async throws(RegistryError) -> any BlobReader {
        try await openVerified(file.storageKey, size: file.size)
    }

    /// Opens stored bytes, and makes sure that all of them are there.
    func openVerified(
        _ key: StorageKey, size: Int64
    ) async throws(RegistryError) -> any BlobReader {
        let reader: any BlobReader
        do throws(RegistryError) {
            reader = try await blobs.open(key)
        } catch {
            guard error.code == .notFound else { throw error }
            throw RegistryError(
                .notFound, "the content of this file is lost; publishing it again heals it",
                reason: "content_lost", cause: error)
        }
        guard reader.size == size else {
            throw RegistryError(
                .notFound, "the content of this file is damaged; publishing it again heals it",
                reason: "content_lost")
        }
        return reader
    }
}
