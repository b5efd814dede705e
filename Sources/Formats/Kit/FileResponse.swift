public import HTTPTypes
public import Registry

/// The answers to GET and HEAD of a stored file: whole, in parts, or not at all because the client
/// has it. Written once for every format.
public struct FileResponse: Sendable {
    /// A download is kept by the client alone and asked about before it is used again.
    public static let cacheControl = "private, no-cache"

    private let file: FileRecord
    private let mediaType: String
    private let name: String

    /// Answers with `file`, which a client is to store under `name`.
    public init(
        _ file: FileRecord, name: String, defaultMediaType: String = MediaType.octetStream
    ) {
        self.file = file
        self.name = name
        mediaType = file.mediaType ?? defaultMediaType
    }

    /// What the file is recognised by: a strong tag of its digest, and when it was stored.
    public var validators: Validators { Validators(file) }

    /// What every answer about the file carries, whatever its status.
    public var describingHeaders: HTTPFields {
        var headers: HTTPFields = [
            .acceptRanges: "bytes", .cacheControl: Self.cacheControl,
        ]
        headers.setValidators(validators)
        headers.setChecksums(file.digests)
        return headers
    }

    /// Weighs conditions and ranges and answers; `open` is called only when bytes are to be sent.
    ///
    /// *Source*: RFC 9110, sections 13.2.2 and 14.2. A range of a HEAD is ignored.
    ///
    /// - Throws: `preconditionFailed`, `rangeNotSatisfiable`, and what `open` throws.
    public func respond(
        to head: RequestHead, open: () async throws(RegistryError) -> any BlobReader
    ) async throws(RegistryError) -> FormatResponse {
        switch Preconditions(head.headers).evaluate(validators, isRead: true) {
        case .notModified:
            return FormatResponse(status: .notModified, headers: describingHeaders)
        case .failed:
            throw RegistryError(
                .preconditionFailed, "the file is not the one that the condition names",
                headers: describingHeaders)
        case .proceed:
            var response = try await respond(range(for: head), open: open)
            response.contentVersionID = file.versionID
            return response
        }
    }

    private func range(for head: RequestHead) -> RangeRequest {
        guard head.method == .get,
            Preconditions.allowsRange(head.headers[.ifRange], validators)
        else { return .whole }
        return RangeRequest.resolve(head.headers[.range], size: file.size)
    }

    private func respond(
        _ range: RangeRequest, open: () async throws(RegistryError) -> any BlobReader
    ) async throws(RegistryError) -> FormatResponse {
        var headers = describingHeaders
        guard range != .unsatisfiable else {
            headers[.contentRange] = RangeRequest.unsatisfiedRange(of: file.size)
            throw RegistryError(
                .rangeNotSatisfiable,
                "the file has \(file.size) bytes; the range lies behind its end",
                headers: headers)
        }
        let reader = try await open()
        headers[.contentType] = mediaType
        headers[.contentDisposition] = ContentDisposition.attachment(name)
        headers[.xContentTypeOptions] = "nosniff"
        let digest = file.digests.digestField
        headers[.reprDigest] = digest
        switch range {
        case .whole, .unsatisfiable:
            headers[.contentDigest] = digest
            return FormatResponse(headers: headers, body: .blob(BlobSlice(reader)))
        case .single(let part):
            headers[.contentRange] = RangeRequest.contentRange(part, of: file.size)
            return FormatResponse(
                status: .partialContent, headers: headers,
                body: .blob(BlobSlice(reader, range: part)))
        case .multiple(let parts):
            let multipart = MultipartByteRanges(
                digest: file.digests.sha256, mediaType: mediaType)
            headers[.contentType] = multipart.contentType
            return FormatResponse(
                status: .partialContent, headers: headers,
                body: multipart.body(parts, of: reader))
        }
    }
}

extension Validators {
    /// What a stored file is recognised by.
    public init(_ file: FileRecord) {
        self.init(
            entityTag: EntityTag(file.digests.sha256), lastModified: file.createdAt)
    }
}
