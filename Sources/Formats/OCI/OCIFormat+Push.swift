import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension OCIFormat {
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
        let draft = try await manifest.draft(
            of: blob, as: digest, tags: push.tags.map(\.description), in: package)
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
