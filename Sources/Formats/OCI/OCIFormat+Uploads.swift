import FormatKit
import HTTPTypes
import Registry

extension OCIFormat {
    /// Mounts a blob, stores one that comes whole, or opens a session.
    func beginUpload(
        _ request: OCIUploadRequest, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        switch request.start {
        case .whole(let digest):
            _ = try await package.storeBlob(body, expecting: digest, size: head.contentLength)
            return stored(digest, head)
        case .mount(let digest, let source):
            if try await mount(digest, from: source, into: package, scope) {
                return stored(digest, head)
            }
        case .session: break
        }
        let upload = try await package.beginUpload(
            hashes: request.algorithm == .sha512 ? .sha512 : [])
        return FormatResponse(
            status: .accepted, headers: sessionHeaders(upload.id, offset: 0, head))
    }

    /// - Returns: whether the repository has the blob now. What the caller may not read looks the
    ///   same as what is not there.
    private func mount(
        _ digest: Digest, from source: OCIRepositoryName?, into package: HostedPackage,
        _ scope: any ScopeHandle
    ) async throws(RegistryError) -> Bool {
        if try await package.holdBlob(digest) != nil { return true }
        guard let source,
            let other = scope.hostedPackage(at: .longestProject(source.segments), Self.id)
        else { return false }
        return try await package.mountBlob(digest, from: other) != nil
    }

    /// Answers GET and HEAD of an upload: how much of it is there.
    func showUpload(
        _ id: String, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let upload = try await scope.hostedPackage(Self.id).findUpload(id)
        return FormatResponse(
            status: .noContent, headers: sessionHeaders(id, offset: upload.offset, head))
    }

    /// Appends a chunk, or all bytes of a client that does not count them.
    func append(
        to id: String, _ range: OCIChunkRange?, _ head: RequestHead,
        body: consuming RequestBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        do throws(RegistryError) {
            let offset = try await package.append(
                to: id, startingAt: range?.start, body: body)
            return FormatResponse(
                status: .accepted, headers: sessionHeaders(id, offset: offset, head))
        } catch {
            throw explain(error, id, head)
        }
    }

    /// Appends what is left, and makes the bytes a blob.
    func finishUpload(
        _ id: String, _ range: OCIChunkRange?, _ digest: Digest, _ head: RequestHead,
        body: consuming RequestBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        do throws(RegistryError) {
            _ = try await package.finishUpload(
                id, startingAt: range?.start, body: body, expecting: digest)
        } catch {
            throw explain(error, id, head)
        }
        return stored(digest, head)
    }

    /// Ends a session without a blob.
    func cancelUpload(
        _ id: String, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        guard try await scope.hostedPackage(Self.id).cancelUpload(id) else {
            throw RegistryError.uploadUnknown()
        }
        return FormatResponse(status: .noContent)
    }

    /// Tells a client whose chunk does not fit where to go on.
    private func explain(_ failure: RegistryError, _ id: String, _ head: RequestHead)
        -> RegistryError
    {
        guard failure.code == .rangeNotSatisfiable, let text = failure.detail["offset"],
            let offset = Int64(text)
        else { return failure }
        var failure = failure
        failure.headers = sessionHeaders(id, offset: offset, head)
        return failure
    }

    /// Where a session goes on, and how much of it is there.
    private func sessionHeaders(_ id: String, offset: Int64, _ head: RequestHead) -> HTTPFields {
        [
            .location: head.path(head.repository + ["blobs", "uploads", id]),
            .range: OCIChunkRange.received(offset), .dockerUploadUUID: id,
        ]
    }

    private func stored(_ digest: Digest, _ head: RequestHead) -> FormatResponse {
        FormatResponse(
            status: .created,
            headers: [
                .location: head.path(head.repository + ["blobs", digest.description]),
                .dockerContentDigest: digest.description,
            ])
    }
}
