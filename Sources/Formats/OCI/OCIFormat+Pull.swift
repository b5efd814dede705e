import FormatKit
import HTTPTypes
import Registry

extension OCIFormat {
    /// Answers GET and HEAD of a manifest: its bytes and its type as they were pushed, whatever the
    /// client would rather have.
    func pullManifest(
        _ reference: OCIReference, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        let found = try await package.findFile(
            reference.versionReference, path: ImageAttributes.manifestPath)
        guard let found else { throw Self.manifestUnknown(reference) }
        let file = found.file
        let content = OCIContent(
            digest: try Digest(parsing: found.version.name),
            mediaType: file.mediaType ?? OCIMediaType.manifest, size: file.size,
            isFixed: reference.isDigest)
        // A HEAD looks at the bytes as well, and not only at what is remembered of them: what it
        // promises, the GET has to keep, also after a restart.
        if head.method == .head { try await package.requireKept(file) }
        let reader = try await package.open(file)
        var response = try await content.respond(to: head) { () throws(RegistryError) in reader }
        response.contentVersionID = found.version.id
        return response
    }

    /// Answers GET and HEAD of a blob. A HEAD promises that it stays long enough for the client to
    /// push a manifest that names it.
    func pullBlob(
        _ digest: Digest, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        let found =
            head.method == .head
            ? try await package.holdBlob(digest) : try await package.findBlob(digest)
        guard let blob = found else { throw Self.blobUnknown(digest) }
        let content = OCIContent(
            digest: digest, mediaType: MediaType.octetStream, size: blob.size, isFixed: true)
        return try await content.respond(to: head) { () async throws(RegistryError) in
            try await package.open(blob)
        }
    }

    static func manifestUnknown(_ reference: OCIReference) -> RegistryError {
        RegistryError(
            .notFound, "there is no such manifest", reason: "manifest_unknown",
            detail: ["reference": reference.description])
    }

    static func blobUnknown(_ digest: Digest) -> RegistryError {
        RegistryError(
            .notFound, "there is no such blob in this repository", reason: "blob_unknown",
            detail: ["digest": digest.description])
    }
}

extension OCIReference {
    /// The version that is named: by its digest, or by a tag.
    var versionReference: VersionReference {
        switch self {
        case .tag(let tag): .tag(tag.description)
        case .digest(let digest): .name(digest.description)
        }
    }

    var isDigest: Bool {
        if case .digest = self { true } else { false }
    }
}
