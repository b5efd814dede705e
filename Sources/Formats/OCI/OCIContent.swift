import FormatKit
import HTTPTypes
import Registry

/// The answer to GET and HEAD of content that is named by its digest: whole, in parts, or not at all
/// because the client has it.
struct OCIContent {
    let digest: Digest
    let mediaType: String
    /// Bytes.
    let size: Int64
    /// Whether the address names the digest, so that it is the same content for ever.
    let isFixed: Bool

    /// Weighs conditions and ranges and answers; `open` is called only when bytes are to be sent.
    ///
    /// *Source*: RFC 9110, sections 13.2.2 and 14.2. Dates are no validators here: a tag may go back
    /// to an older manifest.
    ///
    /// - Throws: `preconditionFailed`, `rangeNotSatisfiable`, and what `open` throws.
    func respond(
        to head: RequestHead, open: () async throws(RegistryError) -> any BlobReader
    ) async throws(RegistryError) -> FormatResponse {
        switch verdict(on: head.headers) {
        case .notModified:
            return FormatResponse(status: .notModified, headers: headers)
        case .failed:
            throw RegistryError(
                .preconditionFailed, "the content is not the one that the condition names",
                headers: headers)
        case .proceed: break
        }
        var headers = headers
        headers[.contentType] = mediaType
        headers[.xContentTypeOptions] = "nosniff"
        guard head.method == .get else {
            // The bytes were looked at where they have to be; nobody reads a body of a HEAD.
            return FormatResponse(
                headers: headers, body: .stream(length: size) { _ throws(RegistryError) in })
        }
        return try await respond(range(for: head.headers), headers, open)
    }

    private func respond(
        _ range: RangeRequest, _ headers: HTTPFields,
        _ open: () async throws(RegistryError) -> any BlobReader
    ) async throws(RegistryError) -> FormatResponse {
        var headers = headers
        switch range {
        case .unsatisfiable:
            var failed = self.headers
            failed[.contentRange] = RangeRequest.unsatisfiedRange(of: size)
            throw RegistryError(
                .rangeNotSatisfiable, "the content has \(size) bytes; the range names none of them",
                headers: failed)
        case .whole:
            return FormatResponse(headers: headers, body: .blob(BlobSlice(try await open())))
        case .single(let part):
            headers[.contentRange] = RangeRequest.contentRange(part, of: size)
            return FormatResponse(
                status: .partialContent, headers: headers,
                body: .blob(BlobSlice(try await open(), range: part)))
        case .multiple(let parts):
            let multipart = MultipartByteRanges(digest: digest, mediaType: mediaType)
            headers[.contentType] = multipart.contentType
            return FormatResponse(
                status: .partialContent, headers: headers,
                body: multipart.body(parts, of: try await open()))
        }
    }

    /// What every answer about the content carries, whatever its status.
    private var headers: HTTPFields {
        [
            .dockerContentDigest: digest.description, .eTag: EntityTag(digest).description,
            .acceptRanges: "bytes",
            .cacheControl: isFixed ? Self.fixedCacheControl : FileResponse.cacheControl,
        ]
    }

    /// Whoever was let have it once may keep it for a year.
    private static let fixedCacheControl = "private, max-age=31536000, immutable"

    private func verdict(on headers: HTTPFields) -> Preconditions.Verdict {
        var conditions: HTTPFields = [:]
        for name in [HTTPField.Name.ifMatch, .ifNoneMatch] {
            if let value = headers[name] { conditions[name] = value }
        }
        guard !conditions.isEmpty else { return .proceed }
        return Preconditions(conditions).evaluate(validators, isRead: true)
    }

    private var validators: Validators {
        Validators(entityTag: EntityTag(digest), lastModified: Timestamp(microseconds: .max))
    }

    private func range(for headers: HTTPFields) -> RangeRequest {
        guard let text = headers[.range],
            Preconditions.allowsRange(headers[.ifRange], validators)
        else { return .whole }
        let range = RangeRequest.resolve(text, size: size)
        // RFC 9110, section 14.2, lets a range that ends before it begins be refused, and the
        // specification's own tests want it.
        if range == .whole, let only = text.wholeMatch(of: /bytes=(\d+)-(\d+)/),
            let first = Int64(only.1), let last = Int64(only.2), last < first
        {
            return .unsatisfiable
        }
        return range
    }
}
