import NIOCore
public import Registry

/// A body of several parts of one blob.
///
/// *Source*: RFC 9110, section 14.6.
public struct MultipartByteRanges: Sendable {
    private let boundary: String
    private let mediaType: String

    /// Parts of content with this digest and media type.
    ///
    /// The boundary is taken from the digest: content that contained it would contain a large part
    /// of its own sha256, which nobody can make.
    public init(digest: Digest, mediaType: String) {
        boundary = "packhouse-" + digest.hex.prefix(32)
        self.mediaType = mediaType
    }

    /// The `Content-Type` of the answer.
    public var contentType: String { "multipart/byteranges; boundary=\(boundary)" }

    /// The parts, each behind a header of its own.
    public func body(_ ranges: [ByteRange], of reader: any BlobReader) -> ResponseBody {
        var parts: [ResponsePart] = []
        for (index, range) in ranges.enumerated() {
            let head =
                (index == 0 ? "" : "\r\n") + "--\(boundary)\r\nContent-Type: \(mediaType)\r\n"
                + "Content-Range: \(RangeRequest.contentRange(range, of: reader.size))\r\n\r\n"
            parts.append(.bytes(ByteBuffer(string: head)))
            parts.append(.blob(BlobSlice(reader, range: range)))
        }
        parts.append(.bytes(ByteBuffer(string: "\r\n--\(boundary)--\r\n")))
        return .sequence(parts)
    }
}
