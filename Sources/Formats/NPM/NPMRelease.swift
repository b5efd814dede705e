import FormatKit
import Registry

/// One version as it is published, checked as far as the document tells.
struct NPMRelease: Sendable {
    let name: NPMPackageName
    let version: String
    let manifest: NPMManifest
    let tags: [String]
    /// What is kept of the readme.
    let readme: [UInt8]?
    /// What the document says the tarball is.
    let expectation: BlobExpectation

    /// - Parameters:
    ///   - tarball: the name of the attachment.
    ///   - size: bytes that arrived of it.
    /// - Throws: `malformed` with the rule that was broken.
    init(
        _ publication: NPMPublication, of name: NPMPackageName, tarball: String, _ size: Int64
    ) throws(RegistryError) {
        try name.requirePublishable()
        guard let versions = publication.versions, versions.count == 1,
            let (version, text) = versions.first
        else {
            throw Self.refusal(
                "a publish has one version, and this one has \(publication.versions?.count ?? 0)")
        }
        _ = try NPMVersion(parsing: version)
        let manifest = try NPMManifest(parsing: text)
        guard manifest.name == name.description else {
            throw Self.refusal(
                "the address says '\(name)', and the version says "
                    + "'\(manifest.name ?? "nothing")': the name has to be the same")
        }
        guard manifest.version == version else {
            throw Self.refusal(
                "the version \(version) says of itself that it is "
                    + "\(manifest.version ?? "none")")
        }
        let announced = publication.attachments[tarball]?.length
        guard announced == nil || announced == size else {
            throw Self.refusal(
                "the tarball has \(size) bytes, and \(announced ?? 0) were announced")
        }
        for (tag, tagged) in publication.tags {
            try NPMTag.check(tag)
            guard tagged == version else {
                throw Self.refusal(
                    "the dist-tag '\(tag)' names \(tagged), which is not the version that is "
                        + "published")
            }
        }
        self.name = name
        self.version = version
        self.manifest = manifest
        readme = NPMReadme.bytes(of: manifest.readme ?? publication.readme)
        tags = publication.tags.isEmpty ? [NPMTag.latest] : publication.tags.keys.sorted()
        var expectation = try NPMIntegrity.expectation(
            integrity: manifest.integrity, shasum: manifest.shasum)
        expectation.size = size
        self.expectation = expectation
    }

    /// What comes with a tarball, once it lies in the store.
    struct Company: Sendable {
        var bundle: (provenance: NPMProvenance, blob: CommittedBlob)?
        var readme: CommittedBlob?
    }

    /// What makes the version visible.
    func draft(
        _ tarball: CommittedBlob, _ contents: NPMTarballContents, _ company: Company
    ) -> PublishDraft {
        let deprecated = manifest.deprecated.flatMap { $0.isEmpty ? nil : $0 }
        let attributes = NPMVersionAttributes(
            install: manifest.install[...], manifest: manifest.other[...],
            fileCount: contents.fileCount, unpackedSize: contents.unpackedSize,
            reason: deprecated, predicateType: company.bundle?.provenance.predicateType,
            hasReadme: company.readme != nil)
        var files = [
            FileDraft(
                path: name.tarball(version), blob: tarball, mediaType: MediaType.octetStream)
        ]
        if let bundle = company.bundle {
            files.append(
                FileDraft(
                    path: name.bundle(version), blob: bundle.blob,
                    mediaType: MediaType.stored(from: bundle.provenance.mediaType)
                        ?? "application/json"))
        }
        if let readme = company.readme {
            files.append(
                FileDraft(
                    path: name.readme(version), blob: readme, mediaType: NPMReadme.mediaType))
        }
        return PublishDraft(
            package: name.description, version: version,
            status: deprecated == nil ? .default : .deprecated, attributes: attributes.encode(),
            files: files, tags: tags)
    }

    static func refusal(_ rule: String) -> RegistryError {
        RegistryError(.malformed, rule, reason: "document_invalid")
    }
}

extension NPMPublication {
    /// Makes sure that the document is about the package that the address names.
    func check(_ name: NPMPackageName) throws(RegistryError) {
        for said in [id, self.name] {
            guard said == nil || said == name.description else {
                throw NPMRelease.refusal(
                    "the address says '\(name)', and the document says '\(said ?? "")': the name "
                        + "has to be the same")
            }
        }
    }
}

extension NPMProvenance {
    /// Makes sure that the provenance is about the tarball that it came with.
    func check(_ release: NPMRelease) throws(RegistryError) {
        guard let sha512 = release.expectation.sha512, !subjects.contains(sha512) else { return }
        throw RegistryError(
            .malformed, "the provenance is about another tarball", reason: "provenance_invalid")
    }
}
