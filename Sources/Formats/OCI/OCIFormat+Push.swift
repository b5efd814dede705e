import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension OCIFormat {
    /// The most blobs of a manifest that are looked for without having to be there.
    static let optionalReferenceLimitCount = 1000

    /// Stores a manifest, and makes its tags name it.
    func pushManifest(
        _ push: OCIManifestPush, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        let bytes = try await body.collect(limitBytes: OCIManifest.limitBytes)
        let manifest = try OCIManifest(
            parsing: Array(bytes.readableBytesView), contentType: head.headers[.contentType])
        var upload = try await scope.beginUpload(
            hashes: push.algorithm == .sha512 ? .sha512 : [])
        try await upload.append(bytes)
        let blob = try await upload.commit(
            push.digest.map { BlobExpectation($0) } ?? BlobExpectation())
        let digest = try blob.digests.digest(push.algorithm)
        var attributes = manifest.attributes
        if let config = try await imageConfig(of: manifest, in: package) {
            attributes.note(config, digest)
        }
        let draft = PublishDraft(
            package: package.name, version: digest.description,
            attributes: try attributes.encode(),
            files: [
                FileDraft(
                    path: ImageAttributes.manifestPath, blob: blob, mediaType: manifest.mediaType)
            ],
            references: try await references(of: manifest, in: package),
            links: manifest.links,
            requiredVersions: requiredVersions(of: manifest, in: package),
            lifetime: .referenced, tags: push.tags.map(\.description))
        _ = try await package.publish(draft)
        var headers: HTTPFields = [
            .location: head.path(head.repository + ["manifests", digest.description]),
            .dockerContentDigest: digest.description,
        ]
        if let subject = manifest.subject { headers[.ociSubject] = subject.digest.description }
        if !push.tags.isEmpty {
            headers[.ociTag] = push.tags.map(\.description).joined(separator: ", ")
        }
        return FormatResponse(status: .created, headers: headers)
    }

    /// The blobs that the manifest names and that the repository has to have, and those of the
    /// others that it has.
    private func references(
        of manifest: OCIManifest, in package: HostedPackage
    ) async throws(RegistryError) -> [BlobReference] {
        var references: [BlobReference] = []
        var lookUpCount = 0
        for reference in manifest.references {
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

    private func requiredVersions(
        of manifest: OCIManifest, in package: HostedPackage
    ) -> [String] {
        guard manifest.kind == .index,
            !(package.project.effectiveSettings.allowsMissingChildren ?? false)
        else { return [] }
        return manifest.childDigests.map(\.description)
    }

    /// What the configuration of an image says about where it runs and when it was built; `nil`
    /// where there is none that says it.
    private func imageConfig(
        of manifest: OCIManifest, in package: HostedPackage
    ) async throws(RegistryError) -> OCIImageConfig? {
        guard manifest.kind == .image, let config = manifest.config,
            OCIMediaType.imageConfigs.contains(config.mediaType),
            config.size <= OCIImageConfig.limitBytes,
            let blob = try await package.findBlob(config.digest), blob.size == config.size
        else { return nil }
        let reader = try await package.open(blob)
        let bytes = try await reader.read(at: 0, limitBytes: OCIImageConfig.limitBytes)
        return OCIImageConfig(parsing: Array(bytes.readableBytesView))
    }

    /// Removes a tag, or a manifest with all of its tags.
    func deleteManifest(
        _ reference: OCIReference, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        let wasThere =
            switch reference {
            case .tag(let tag): try await package.removeTag(tag.description)
            case .digest(let digest): try await package.trashVersion(digest.description)
            }
        guard wasThere else { throw Self.manifestUnknown(reference) }
        return FormatResponse(status: .accepted)
    }

    /// Takes a blob from the repository, unless a manifest names it.
    func deleteBlob(
        _ digest: Digest, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        switch try await scope.hostedPackage(Self.id).releaseBlob(digest) {
        case .released:
            return FormatResponse(
                status: .accepted, headers: [.dockerContentDigest: digest.description])
        case .absent:
            throw Self.blobUnknown(digest)
        case .named:
            throw RegistryError(
                .methodNotAllowed,
                "a manifest of this repository names the blob: delete that first",
                reason: "blob_named", detail: ["digest": digest.description],
                headers: [.allow: "GET, HEAD"])
        }
    }
}

extension OCIManifest {
    /// The manifests of an index, each once, in its order.
    var childDigests: [Digest] {
        var seen: Set<Digest> = []
        return children.map(\.digest).filter { seen.insert($0).inserted }
    }

    /// What the manifest points at.
    fileprivate var links: [VersionLink] {
        childDigests.map { VersionLink(.child, target: $0.description) }
            + [subject].compactMap(\.self).map {
                VersionLink(
                    .subject, target: $0.digest.description, label: artifactType ?? "")
            }
    }
}

extension BlobDigests {
    /// The digest of this algorithm.
    ///
    /// - Throws: `internalError` when it was not computed.
    fileprivate func digest(_ algorithm: Digest.Algorithm) throws(RegistryError) -> Digest {
        switch algorithm {
        case .sha256: return sha256
        case .sha512:
            guard let sha512 else {
                throw RegistryError(.internalError, "the sha512 of the manifest is not known")
            }
            return try Digest(.sha512, hex: sha512)
        }
    }
}
