import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension NPMFormat {
    /// Takes back a packument that a client read and marked versions in as deprecated, or no longer.
    ///
    /// *Source*: npm/cli, `lib/commands/deprecate.js`.
    func deprecate(
        _ name: NPMPackageName, _ publication: NPMPublication, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        guard let versions = publication.versions else { throw Self.otherChange(publication) }
        let packument = try await load(name, in: scope)
        var changes: [PackageChange] = []
        for entry in packument.entries {
            guard let text = versions[entry.name] else { continue }
            let said = try NPMManifest.readDeprecated(text)
            var attributes = try entry.attributes()
            guard said != entry.deprecation(attributes) ?? "" else { continue }
            attributes.reason = said.isEmpty ? nil : said
            changes.append(
                .updateVersion(
                    entry.name, status: said.isEmpty ? .default : .deprecated,
                    attributes: attributes.encode()))
        }
        return try await apply(changes, to: packument, publication.revision, in: scope)
    }

    /// Takes back a packument that a client read and removed versions from.
    ///
    /// *Source*: npm/cli, `libnpmpublish/lib/unpublish.js`.
    func update(
        _ name: NPMPackageName, _ revision: NPMRevision, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let bytes = try await body.collect(limitBytes: NPMBodySplitter.documentLimitBytes)
        let publication = try NPMPublication(parsing: Array(bytes.readableBytesView))
        try publication.check(name)
        guard let versions = publication.versions else { throw Self.otherChange(publication) }
        guard !versions.isEmpty else {
            throw RegistryError(
                .malformed, "to remove every version, delete the package: npm unpublish --force",
                reason: "document_invalid")
        }
        let packument = try await load(name, in: scope)
        var changes: [PackageChange] = []
        let kept = packument.entries.filter { versions[$0.name] != nil }.map(\.name)
        for (tag, version) in publication.tags.sorted(by: { $0.key < $1.key })
        where packument.tags[tag] != version && kept.contains(version) {
            try NPMTag.check(tag)
            changes.append(.setTag(tag, version: version))
        }
        for entry in packument.entries where versions[entry.name] == nil {
            changes.append(.trashVersion(entry.name))
        }
        return try await apply(changes, to: packument, revision, in: scope)
    }

    /// Moves every version to the trash.
    func delete(
        _ name: NPMPackageName, _ revision: NPMRevision, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let packument = try await load(name, in: scope)
        let changes = packument.entries.map { PackageChange.trashVersion($0.name) }
        return try await apply(changes, to: packument, revision, in: scope)
    }

    /// Moves a version to the trash. Clients remove it from the packument first and then ask for
    /// this, so there may be nothing left to do.
    func delete(
        _ tarball: NPMTarball, _ revision: NPMRevision, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let packument = try await load(tarball.package, in: scope)
        let isThere = packument.entries.contains { $0.name == tarball.version }
        return try await apply(
            isThere ? [.trashVersion(tarball.version)] : [], to: packument, revision, in: scope)
    }

    private func load(
        _ name: NPMPackageName, in scope: any ScopeHandle
    ) async throws(RegistryError) -> NPMPackument {
        guard scope.namespace?.kind == .project else { throw RegistryError.unionIsReadOnly() }
        let packument = NPMPackument(
            name, try await scope.loadPackage(name.description, format: Self.id))
        guard !packument.entries.isEmpty else { throw Self.noSuchPackage(name) }
        return packument
    }

    /// Makes the changes, unless the package changed since they were derived, or since the client
    /// read what it sends back.
    private func apply(
        _ changes: [PackageChange], to packument: NPMPackument, _ said: NPMRevision?,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = packument.packages.first
        if let said, said.number != package?.revision {
            throw RegistryError(
                .conflict,
                "'\(packument.name)' was changed since this client read it: try again",
                reason: "revision_changed")
        }
        guard !changes.isEmpty else { return Self.done(packument.name, package) }
        let changed = try await scope.change(
            packument.name.description, format: Self.id, expecting: package?.revision, changes)
        return Self.done(packument.name, changed)
    }

    /// The refusal of what clients send to the address of a package beside versions.
    private static func otherChange(_ publication: NPMPublication) -> RegistryError {
        if publication.otherMembers.contains("maintainers") {
            return RegistryError(
                .malformed,
                "who may publish is decided by the members of the project, not by owners of a "
                    + "package", reason: "owners_unsupported")
        }
        if publication.otherMembers.contains("users") {
            return RegistryError(
                .malformed, "stars are not kept here", reason: "stars_unsupported")
        }
        return NPMRelease.refusal("the document has neither a tarball nor versions")
    }
}
