/// The one transaction in which a publish becomes visible. A value, because the transaction may have
/// to be run again after it lost a race.
struct PublishTransaction: Sendable {
    let draft: PublishDraft
    let format: FormatID
    let project: NamespaceRecord
    let actor: Actor
    let now: Timestamp

    struct Result: Sendable {
        let outcome: PublishOutcome
        /// Where the bytes of each digest are: under the key of the row that was there first.
        let keys: [Digest: StorageKey]
    }

    func run(_ tx: any MetadataWriting) throws -> Result {
        // The package's row is locked from here on, so publishes of one package take turns.
        let package = try tx.upsertPackage(
            projectID: project.id, format: format, name: draft.package, at: now)
        let version = try insertVersion(package, tx)
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
        for tag in draft.tags { try tx.setTag(tag, version: version, at: now) }
        try tx.append(
            AuditEvent(
                action: "package.publish", actor: actor, namespaceID: project.id,
                subject: "\(format)/\(draft.package)/\(draft.version)"),
            at: now)
        return Result(
            outcome: PublishOutcome(version: version, files: files, outcomes: outcomes),
            keys: keys)
    }

    private func insertVersion(
        _ package: PackageRecord, _ tx: any MetadataWriting
    ) throws -> VersionRecord {
        let (version, isNew) = try tx.insertVersion(
            package: package, name: draft.version, status: draft.status ?? .default,
            attributes: draft.attributes ?? "{}", actor: actor, at: now)
        if !isNew {
            if draft.status ?? version.status != version.status || draft.attributes != nil {
                try tx.updateVersion(
                    version.id, status: draft.status, attributes: draft.attributes)
            }
            return version
        }
        if project.effectiveSettings.reservesDeletedNames ?? true,
            try tx.findDeletedVersion(packageID: package.id, name: draft.version) != nil
        {
            throw RegistryError(
                .conflict,
                "the version '\(draft.version)' of '\(draft.package)' was deleted and its name "
                    + "stays reserved while it can be restored; restore it, or publish under "
                    + "another version",
                reason: "name_reserved")
        }
        return version
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
