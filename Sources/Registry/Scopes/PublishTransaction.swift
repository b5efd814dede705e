/// The one transaction in which a publish becomes visible. A value, because the transaction may have
/// to be run again after it lost a race.
struct PublishTransaction: Sendable {
    let draft: PublishDraft
    let format: FormatID
    let project: NamespaceRecord
    let actor: Actor
    /// What the actor counts as where a rule asks for a role.
    let role: Role
    let now: Timestamp

    struct Result: Sendable {
        let outcome: PublishOutcome
        /// Where the bytes of each digest are: under the key of the row that was there first.
        let keys: [Digest: StorageKey]
    }

    func run(_ tx: any MetadataWriting) throws -> Result {
        try PackageProtection(
            try tx.listPackageRules(projectID: project.id), project: project,
            authority: Authority(actor.principal, role: role)
        ).checkPublishing(format, draft.package)
        // The package's row is locked from here on, so publishes of one package take turns.
        let package = try tx.upsertPackage(
            projectID: project.id, format: format, name: draft.package, at: now)
        let (version, isNew) = try insertVersion(package, tx)
        // Blobs are locked in one order everywhere, so that two publishes cannot wait for each other.
        var keys: [Digest: StorageKey] = [:]
        for blob in Set(draft.files.map(\.blob)).sorted(by: { $0.digest.hex < $1.digest.hex }) {
            keys[blob.digest] = try tx.upsertBlob(blob, at: now)
        }
        var files: [FileRecord] = []
        var outcomes: [FileOutcome] = []
        for file in draft.files {
            let (record, outcome) = try add(file, to: version, tx)
            files.append(record)
            outcomes.append(outcome)
        }
        try addReferences(to: version, isNew: isNew, tx)
        try setTags(version, tx)
        if let text = draft.searchText {
            try tx.updatePackage(package.id, attributes: nil, searchText: text)
        }
        if draft.lifetime == .referenced {
            try tx.renewVersion(
                version.id, event: "version.published", from: now,
                tx.defaultPeriods.completed(by: project.effectiveSettings))
        }
        try tx.append(
            AuditEvent(
                action: "package.publish", actor: actor, namespaceID: project.id,
                subject: "\(format)/\(draft.package)/\(version.name)"),
            at: now)
        return Result(
            outcome: PublishOutcome(version: version, files: files, outcomes: outcomes),
            keys: keys)
    }

    private func insertVersion(
        _ package: PackageRecord, _ tx: any MetadataWriting
    ) throws -> (version: VersionRecord, isNew: Bool) {
        let name = try versionName(package, tx)
        let (version, isNew) = try tx.insertVersion(
            package: package, name: name, status: draft.status ?? .default,
            lifetime: draft.lifetime, attributes: draft.attributes ?? "{}", actor: actor, at: now)
        if !isNew {
            if draft.status ?? version.status != version.status || draft.attributes != nil {
                try tx.updateVersion(
                    version.id, status: draft.status, attributes: draft.attributes)
            }
            return (version, false)
        }
        // A name that is made of the content is no other's to take.
        if draft.lifetime == .explicit {
            try tx.checkName(name, of: package, in: project, at: now)
        }
        return (version, true)
    }

    /// What the package calls the version already, or what the draft calls it.
    private func versionName(
        _ package: PackageRecord, _ tx: any MetadataWriting
    ) throws -> String {
        guard !draft.versionSpellings.isEmpty else { return draft.version }
        let known = try tx.filterKnownVersions(
            [draft.version] + draft.versionSpellings, packageID: package.id)
        guard !known.contains(draft.version) else { return draft.version }
        return draft.versionSpellings.first(where: known.contains) ?? draft.version
    }

    /// Names the blobs and versions that the package must have already.
    private func addReferences(
        to version: VersionRecord, isNew: Bool, _ tx: any MetadataWriting
    ) throws {
        // A part may have been collected since, where the version was about to be.
        if !draft.requiredVersions.isEmpty {
            let known = try tx.filterKnownVersions(
                draft.requiredVersions, packageID: version.package.id)
            let missing = draft.requiredVersions.filter { !known.contains($0) }
            guard missing.isEmpty else { throw RegistryError.versionsUnknown(missing) }
        }
        // The same name is the same content, whose blobs were checked when it was new.
        guard isNew else { return }
        if !draft.references.isEmpty {
            let held = try tx.findBlobs(
                draft.references.map(\.digest), packageID: version.package.id
            ).filter { $0.value.isHeld(at: now) }
            let missing = draft.references.filter { $0.isRequired && held[$0.digest] == nil }
            guard missing.isEmpty else {
                throw RegistryError.blobsUnknown(missing.map(\.digest))
            }
            let files = try draft.references.compactMap { reference -> BlobReference? in
                guard let blob = held[reference.digest]?.blob else { return nil }
                if let size = reference.size, size != blob.size {
                    throw RegistryError.sizeMismatch(reference, actual: blob.size)
                }
                var file = reference
                file.digest = blob.digests.sha256
                return file
            }
            try tx.insertFiles(files, version: version, at: now)
        }
        try tx.insertLinks(draft.links, versionID: version.id)
    }

    private func setTags(_ version: VersionRecord, _ tx: any MetadataWriting) throws {
        guard !draft.tags.isEmpty else { return }
        let protection = TagProtection(
            try tx.listTagRules(projectID: project.id, format: format), role: role)
        for tag in draft.tags { try tx.moveTag(tag, to: version, protection, at: now) }
    }

    private func add(
        _ file: FileDraft, to version: VersionRecord, _ tx: any MetadataWriting
    ) throws -> (FileRecord, FileOutcome) {
        let existing = try tx.findFile(versionID: version.id, path: file.path)
        try file.precondition.check(existing?.digests.sha256)
        guard let existing else {
            return (try tx.insertFile(file, version: version, at: now), .created)
        }
        if existing.digests.sha256 == file.blob.digest { return (existing, .unchanged) }
        guard project.effectiveSettings.allowsReplacing(format) else {
            throw RegistryError.fileExists(file.path, format: format, project: project)
        }
        _ = try tx.moveFileToTrash(existing, at: now)
        return (try tx.insertFile(file, version: version, at: now), .replaced)
    }
}

extension MetadataWriting {
    /// Makes the tag name the version, if the rules allow it, and asks for a look at the version that
    /// it named before.
    func moveTag(
        _ tag: String, to version: VersionRecord, _ protection: TagProtection, at now: Timestamp
    ) throws {
        let current = try findTag(tag, packageID: version.package.id)
        let isMoving = current.map { $0.version.id != version.id } ?? false
        try protection.checkSetting(tag, isMoving: isMoving)
        try setTag(tag, version: version, at: now)
        if let current, isMoving {
            try renewVersion(
                current.version.id, event: "tag.moved", from: now,
                try findPeriods(ofNamespace: version.package.projectID))
        }
    }
}

extension FileDraft.Precondition {
    /// Compares with what the name holds now.
    ///
    /// - Throws: `preconditionFailed` when it does not hold.
    public func check(_ existing: Digest?) throws(RegistryError) {
        switch (self, existing) {
        case (.none, _), (.isAbsent, .none), (.exists, .some):
            return
        case (.matches(let digests), .some(let digest)) where digests.contains(digest):
            return
        case (.isAbsent, .some):
            throw RegistryError(
                .preconditionFailed, "the file exists, and If-None-Match asks that it does not")
        case (.exists, .none):
            throw RegistryError(
                .preconditionFailed, "the file does not exist, and If-Match asks that it does")
        case (.matches, _):
            throw RegistryError(
                .preconditionFailed, "the file is not the one that If-Match names")
        }
    }
}

extension RegistryError {
    /// The refusal of a version that names blobs that its package does not have.
    public static func blobsUnknown(_ digests: [Digest]) -> RegistryError {
        let names = digests.prefix(listedNameLimitCount).map(\.description)
        return RegistryError(
            .malformed,
            "blobs that it names were not uploaded here: " + joined(names, digests.count),
            reason: "named_blob_unknown", detail: ["digest": names.first ?? ""])
    }

    /// The refusal of a version that names others that its package does not have.
    public static func versionsUnknown(_ versions: [String]) -> RegistryError {
        let names = Array(versions.prefix(listedNameLimitCount))
        return RegistryError(
            .malformed, "versions that it names are not here: " + joined(names, versions.count),
            reason: "named_version_unknown", detail: ["digest": names.first ?? ""])
    }

    /// The refusal of a version that gives a blob another size than it has.
    static func sizeMismatch(_ reference: BlobReference, actual: Int64) -> RegistryError {
        RegistryError(
            .unprocessable,
            "the blob \(reference.digest) has \(actual) bytes, not \(reference.size ?? 0)",
            reason: "size_mismatch", detail: ["digest": reference.digest.description])
    }

    /// The most names that an error lists.
    private static let listedNameLimitCount = 5

    private static func joined(_ names: [String], _ count: Int) -> String {
        names.joined(separator: ", ")
            + (count > names.count ? " and \(count - names.count) more" : "")
    }

    /// The refusal to give a published name other bytes.
    public static func fileExists(
        _ path: String, format: FormatID, project: NamespaceRecord?
    ) -> RegistryError {
        RegistryError(
            .conflict,
            "the file '\(path)' exists with other content, and the project"
                + (project.map { " '\($0.path)'" } ?? "")
                + " does not allow replacing published \(format.name) files",
            reason: "file_exists")
    }
}
