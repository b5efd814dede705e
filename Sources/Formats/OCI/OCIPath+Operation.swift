import FormatKit
import HTTPTypes
import Registry

extension OCIPath {
    /// What the method asks for here.
    ///
    /// - Throws: `malformed` for a name, a digest or a query that is none; `methodNotAllowed` with
    ///   `Allow`; `notFound` for a reference that nothing can have.
    func operation(for head: RequestHead) throws(RegistryError) -> OCIOperation {
        let name: OCIRepositoryName? =
            if let repository { try OCIRepositoryName(segments: repository) } else { nil }
        let (subject, allowed) = methods
        guard allowed.contains(head.method) else {
            throw RegistryError.methodNotAllowed(head.method, subject, allowed)
        }
        switch (self, name) {
        case (.root, _):
            return .checkVersion
        case (.catalogue, _):
            return .listCatalogue(try OCIPage(parsing: head.query))
        case (.tags, let name?):
            return .listTags(name, try OCIPage(parsing: head.query))
        case (.referrers(_, let digest), _):
            return .listReferrers(
                try Digest(ociParsing: digest),
                OCIReferrersQuery(
                    artifactType: head.query["artifactType"].flatMap { $0.isEmpty ? nil : $0 },
                    page: try OCIPage(parsing: head.query)))
        case (.manifest(_, let reference), _):
            return try Self.manifest(reference, head)
        case (.blob(_, let digest), _):
            let digest = try Digest(ociParsing: digest)
            return head.method == .delete ? .deleteBlob(digest) : .pullBlob(digest)
        case (.uploads, _):
            return .beginUpload(try OCIUploadRequest(parsing: head))
        case (.upload(_, let id), _):
            return try Self.upload(id, head)
        case (.tags, nil):
            throw RegistryError(.notFound, "there is no such repository", reason: "name_unknown")
        }
    }

    private static func manifest(
        _ text: String, _ head: RequestHead
    ) throws(RegistryError) -> OCIOperation {
        guard head.method == .put else {
            let reference: OCIReference
            do throws(RegistryError) {
                reference = try OCIReference(parsing: text)
            } catch {
                guard error.reason == "tag_invalid" else { throw error }
                // Clients look whether a tag is there; that nobody can have it is no error of theirs.
                throw RegistryError(
                    .notFound, "there is no such tag: \(error.message)",
                    reason: "manifest_unknown")
            }
            return head.method == .delete ? .deleteManifest(reference) : .pullManifest(reference)
        }
        return .pushManifest(try OCIManifestPush(OCIReference(parsing: text), head.query))
    }

    private static func upload(
        _ id: String, _ head: RequestHead
    ) throws(RegistryError) -> OCIOperation {
        switch head.method {
        case .patch:
            return .appendToUpload(id, try chunkRange(head))
        case .put:
            guard let digest = head.query["digest"] else {
                throw RegistryError(
                    .malformed, "an upload is ended with ?digest=, the digest of the whole blob",
                    reason: "digest_invalid")
            }
            return .finishUpload(id, try chunkRange(head), try Digest(ociParsing: digest))
        case .delete:
            return .cancelUpload(id)
        default:
            return .showUpload(id)
        }
    }

    private static func chunkRange(_ head: RequestHead) throws(RegistryError) -> OCIChunkRange? {
        guard let text = head.headers[.contentRange] else { return nil }
        let range = try OCIChunkRange(parsing: text)
        if let length = head.contentLength, length > 0, length != range.length {
            throw RegistryError(
                .malformed, "Content-Range names \(range.length) bytes, and \(length) are sent",
                reason: "size_invalid")
        }
        return range
    }
}

extension OCIManifestPush {
    /// *Source*: OCI distribution specification, "Pushing Manifests" and "Pushing Manifests with
    /// Tags".
    init(_ reference: OCIReference, _ query: RequestQuery) throws(RegistryError) {
        var tags: [OCITag] = []
        var digest: Digest?
        if let text = query["digest"] { digest = try Digest(ociParsing: text) }
        switch reference {
        case .tag(let tag): tags.append(tag)
        case .digest(let named):
            guard digest == nil || digest == named else {
                throw RegistryError(
                    .malformed, "the address and ?digest= name two digests",
                    reason: "digest_invalid")
            }
            digest = named
        }
        for text in query.values("tag") {
            let tag = try OCITag(parsing: text)
            if !tags.contains(tag) { tags.append(tag) }
        }
        guard tags.count <= Self.tagLimitCount else {
            throw RegistryError(
                .malformed, "one push sets at most \(Self.tagLimitCount) tags",
                reason: "tag_invalid")
        }
        let wanted = try Digest.Algorithm(in: query)
        self.init(
            reference: reference, tags: tags, digest: digest,
            algorithm: digest?.algorithm ?? wanted ?? .sha256)
    }
}

extension OCIUploadRequest {
    /// *Source*: OCI distribution specification, "Pushing blobs" and "Mounting a blob from another
    /// repository".
    init(parsing head: RequestHead) throws(RegistryError) {
        let algorithm = try Digest.Algorithm(in: head.query)
        // Whatever is wrong with a mount, the client gets a session and uploads instead: several give
        // up when they get an error.
        if let text = head.query["mount"], let digest = try? Digest(parsing: text) {
            let source = head.query["from"].flatMap { try? OCIRepositoryName(parsing: $0) }
            self.init(.mount(digest, from: source), algorithm: digest.algorithm)
            return
        }
        // Without a body it is the first of several requests, as clients of docker's registry send it.
        if let text = head.query["digest"], head.contentLength != 0 {
            let digest = try Digest(ociParsing: text)
            self.init(.whole(digest), algorithm: digest.algorithm)
            return
        }
        self.init(.session, algorithm: algorithm ?? .sha256)
    }
}

extension Digest.Algorithm {
    /// What `?digest-algorithm=` asks for.
    ///
    /// - Throws: `malformed` with reason `digest_invalid` for one that is not known.
    fileprivate init?(in query: RequestQuery) throws(RegistryError) {
        guard let name = query["digest-algorithm"] else { return nil }
        guard let algorithm = Digest.Algorithm(rawValue: name) else {
            throw RegistryError(
                .malformed, "digests are sha256 or sha512", reason: "digest_invalid")
        }
        self = algorithm
    }
}
