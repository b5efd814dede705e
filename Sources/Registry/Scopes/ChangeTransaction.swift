/// The one transaction in which changes of a package become visible, all of them or none. A value,
/// because the transaction may have to be run again after it lost a race.
struct ChangeTransaction: Sendable {
    let address: PackageAddress
    /// What the package's revision must be; `nil` asks nothing.
    let revision: Int64?
    let changes: [PackageChange]
    let project: NamespaceRecord
    let actor: Actor
    /// What the actor counts as where a rule asks for a role.
    let role: Role
    let now: Timestamp

    /// - Returns: the package as it is then; `nil` when there is none of this name.
    func run(_ tx: any MetadataWriting) throws -> PackageRecord? {
        guard let found = try find(tx) else { return nil }
        // The package's row is locked from here on; what counts is what is there now.
        try tx.touchPackage(found.id, at: now)
        guard let package = try find(tx) else { return nil }
        if let revision, package.revision != revision + 1 {
            throw RegistryError(
                .conflict, "'\(address.name)' was changed by somebody else meanwhile",
                reason: "revision_changed")
        }
        let authority = Authority(actor.principal, role: role)
        let protection = try tx.tagProtection(of: package, for: authority)
        let rules = try tx.packageProtection(of: project.id, for: authority)
        for change in changes {
            switch change {
            case .setTag, .updateVersion, .updatePackage:
                try rules.checkPublishing(address.format, address.name)
            case .trashFile: try rules.checkRemoving(address.format, address.name)
            // What removes a tag or a version asks by itself.
            case .removeTag, .trashVersion: break
            }
            try apply(change, to: package, protection, tx)
            try tx.append(
                AuditEvent(
                    action: change.action, actor: actor, namespaceID: project.id,
                    subject: "\(address.format)/\(address.name)\(change.subject)"),
                at: now)
        }
        return try tx.findPackage(
            projectID: project.id, format: address.format, name: address.name)
    }

    private func find(_ tx: any MetadataWriting) throws -> PackageRecord? {
        try tx.findPackages(address, in: .project(project.id), readableBy: .everything).first
    }

    private func apply(
        _ change: PackageChange, to package: PackageRecord, _ protection: TagProtection,
        _ tx: any MetadataWriting
    ) throws {
        switch change {
        case .setTag(let tag, let name):
            try tx.moveTag(tag, to: try version(name, tx), protection, at: now)
        case .removeTag(let tag):
            guard try tx.findTag(tag, packageID: package.id) != nil else {
                throw RegistryError(.notFound, "there is no tag '\(tag)'", reason: "tag_unknown")
            }
            try protection.checkRemoving(tag)
            _ = try tx.moveTagToTrash(tag, of: package, actor: actor, at: now)
        case .updateVersion(let name, let status, let attributes):
            try tx.updateVersion(
                try version(name, tx).id, status: status, attributes: attributes)
        case .updatePackage(let attributes):
            try tx.updatePackage(package.id, attributes: attributes, searchText: nil)
        case .trashVersion(let name):
            let version = try version(name, tx)
            try tx.checkRemoving(version, by: Authority(actor.principal, role: role))
            _ = try tx.moveVersionToTrash(version.id, at: now)
        case .trashFile(let name, let path):
            let version = try version(name, tx)
            guard let file = try tx.findFile(versionID: version.id, path: path) else {
                throw RegistryError(.notFound, "there is no file '\(path)'")
            }
            _ = try tx.moveFileToTrash(file, at: now)
        }
    }

    private func version(_ name: String, _ tx: any MetadataWriting) throws -> VersionRecord {
        let found = try tx.findVersions(
            format: address.format, package: address.name, version: name,
            in: .project(project.id), readableBy: .everything, limit: 1)
        guard let version = found.first else {
            throw RegistryError(
                .notFound, "there is no version '\(name)' of '\(address.name)'",
                reason: "version_unknown")
        }
        return version
    }
}

extension PackageChange {
    /// What the audit calls it.
    fileprivate var action: String {
        switch self {
        case .setTag: "tag.set"
        case .removeTag: "tag.delete"
        case .updateVersion: "version.update"
        case .updatePackage: "package.update"
        case .trashVersion: "version.delete"
        case .trashFile: "file.delete"
        }
    }

    /// What stands behind the package's name in the audit.
    fileprivate var subject: String {
        switch self {
        case .setTag(let tag, let version): ":\(tag)=\(version)"
        case .removeTag(let tag): ":\(tag)"
        case .updateVersion(let version, _, _), .trashVersion(let version): "/\(version)"
        case .updatePackage: ""
        case .trashFile(let version, let path): "/\(version)/\(path)"
        }
    }
}
