/// A project whose packages are stored here: the scope that is published to.
public struct HostedProject: ScopeHandle {
    private let project: NamespaceRecord
    public let remainder: [String]
    private let actor: Actor
    private let services: RegistryServices

    /// The scope of `project`, which `actor` was granted access to.
    public init(
        project: NamespaceRecord, remainder: [String] = [], actor: Actor,
        services: RegistryServices
    ) {
        self.project = project
        self.remainder = remainder
        self.actor = actor
        self.services = services
    }

    public var namespace: NamespaceRecord? { project }

    public func allowsReplacing(_ format: FormatID) -> Bool {
        project.effectiveSettings.allowsReplacing(format)
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
            draft: draft, format: format, project: project, actor: actor,
            now: services.clock.now())
        let result = try await services.metadata.write { tx in try transaction.run(tx) }
        for file in draft.files {
            try await settle(file.blob, keptKey: result.keys[file.blob.digest])
        }
        return result.outcome
    }

    public func trashFile(
        _ address: FileAddress, ifMatches digests: Set<Digest>?
    ) async throws(RegistryError) -> Bool {
        let project = project
        let actor = actor
        let now = services.clock.now()
        return try await services.metadata.write { tx in
            let found = try tx.findFiles(
                address, in: .project(project.id), readableBy: .everything, limit: 1)
            guard let found = found.first else { return false }
            try tx.touchPackage(found.file.packageID, at: now)
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
        let actor = actor
        let now = services.clock.now()
        return try await services.metadata.write { tx in
            let found = try tx.findVersions(
                format: format, package: package, version: version, in: .project(project.id),
                readableBy: .everything, limit: 1)
            guard let found = found.first else { return false }
            try tx.touchPackage(found.package.id, at: now)
            guard try tx.moveVersionToTrash(found.id, at: now) else { return false }
            try tx.append(
                AuditEvent(
                    action: "version.delete", actor: actor, namespaceID: project.id,
                    subject: "\(format)/\(package)/\(version)"),
                at: now)
            return true
        }
    }

    /// Deals with the bytes that a publish stored under a key that its row does not name, because
    /// the content was there already: they are surplus, unless those that the row names are lost.
    private func settle(_ blob: CommittedBlob, keptKey: StorageKey?) async throws(RegistryError) {
        guard let keptKey, keptKey != blob.key else { return }
        guard try await services.blobs.size(of: keptKey) != blob.size else {
            try await services.blobs.remove(blob.key)
            return
        }
        let isHealed = try await services.metadata.write { tx in
            try tx.replaceBlobKey(blob.digest, old: keptKey, new: blob.key)
        }
        // Somebody else healed it first, with bytes of his own.
        if !isHealed { try await services.blobs.remove(blob.key) }
    }
}

extension FileAddress {
    /// `generic/tool/1.0/bin/tool`, for the audit.
    var subject: String { "\(format)/\(package)/\(version)/\(path)" }
}

extension RegistryServices {
    /// Opens the bytes of a file, and makes sure that all of them are there.
    func openVerified(_ file: FileRecord) async throws(RegistryError) -> any BlobReader {
        let reader: any BlobReader
        do throws(RegistryError) {
            reader = try await blobs.open(file.storageKey)
        } catch {
            guard error.code == .notFound else { throw error }
            throw RegistryError(
                .notFound, "the content of this file is lost; publishing it again heals it",
                reason: "content_lost", cause: error)
        }
        guard reader.size == file.size else {
            throw RegistryError(
                .notFound, "the content of this file is damaged; publishing it again heals it",
                reason: "content_lost")
        }
        return reader
    }
}
