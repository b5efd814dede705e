import NIOCore
public import Registry

extension OCIManifest {
    /// The most blobs of a manifest that are looked for without having to be there.
    static let optionalReferenceLimitCount = 1000

    /// What makes the manifest a version of `package`, which has the blobs that it names already.
    ///
    /// The only place that decides how a manifest is kept, whoever brings it.
    ///
    /// - Parameters:
    ///   - blob: the manifest's own bytes.
    ///   - digest: the name that it gets: the digest of these bytes by one algorithm or another.
    ///   - tags: the tags that shall name it.
    public func draft(
        of blob: CommittedBlob, as digest: Digest, tags: [String], in package: HostedPackage
    ) async throws(RegistryError) -> PublishDraft {
        var attributes = attributes
        if let config = try await imageConfig(in: package) { attributes.note(config, digest) }
        return PublishDraft(
            package: package.name, version: digest.description,
            attributes: try attributes.encode(),
            files: [
                FileDraft(path: ImageAttributes.manifestPath, blob: blob, mediaType: mediaType)
            ],
            references: try await references(in: package), links: links,
            requiredVersions: requiredVersions(in: package), lifetime: .referenced, tags: tags)
    }

    /// The manifests of an index, each once, in its order.
    var childDigests: [Digest] {
        var seen: Set<Digest> = []
        return children.map(\.digest).filter { seen.insert($0).inserted }
    }

    /// The blobs that the repository has to have, and those of the others that it has.
    private func references(
        in package: HostedPackage
    ) async throws(RegistryError) -> [BlobReference] {
        var references: [BlobReference] = []
        var lookUpCount = 0
        for reference in self.references {
            if !reference.isRequired {
                lookUpCount += 1
                guard lookUpCount <= Self.optionalReferenceLimitCount,
                    let known = try await package.findBlob(reference.digest),
                    known.size == reference.size
                else { continue }
            }
            references.append(
                BlobReference(
                    digest: reference.digest, path: "blobs/\(reference.digest)",
                    size: reference.size))
        }
        return references
    }

    /// What the manifest points at.
    private var links: [VersionLink] {
        childDigests.map { VersionLink(.child, target: $0.description) }
            + [subject].compactMap(\.self).map {
                VersionLink(
                    .subject, target: $0.digest.description, label: artifactType ?? "")
            }
    }

    private func requiredVersions(in package: HostedPackage) -> [String] {
        guard kind == .index,
            !(package.project.effectiveSettings.allowsMissingChildren ?? false)
        else { return [] }
        return childDigests.map(\.description)
    }

    /// What the configuration of an image says about where it runs and when it was built; `nil`
    /// where there is none that says it.
    private func imageConfig(
        in package: HostedPackage
    ) async throws(RegistryError) -> OCIImageConfig? {
        guard kind == .image, let config, OCIMediaType.imageConfigs.contains(config.mediaType),
            config.size <= OCIImageConfig.limitBytes,
            let blob = try await package.findBlob(config.digest), blob.size == config.size
        else { return nil }
        let reader = try await package.open(blob)
        let bytes = try await reader.read(at: 0, limitBytes: OCIImageConfig.limitBytes)
        return OCIImageConfig(parsing: Array(bytes.readableBytesView))
    }
}
