public import HTTPTypes
public import NIOCore

/// What a format answers; the gateway adds what every answer carries and writes it.
///
/// A HEAD is answered with the same value as the GET: the gateway leaves the body out (I13).
public struct FormatResponse: Sendable {
    public var status: HTTPResponse.Status
    public var headers: HTTPFields
    public var body: ResponseBody
    /// The version whose content the body is, as a file or manifest of it: fetching that counts as a
    /// download. `nil` for everything else.
    public var contentVersionID: Int64?

    public init(
        status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], body: ResponseBody = .empty
    ) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The body of an answer. Every case but a stream of unknown length has a `Content-Length`.
public enum ResponseBody: Sendable {
    /// No body, with `Content-Length: 0` where the status allows one.
    case empty
    case bytes(ByteBuffer)
    /// A range of a stored blob, sent from the file where the connection allows it.
    case blob(BlobSlice)
    /// Several parts in turn, as `multipart/byteranges` needs.
    case sequence([ResponsePart])
    /// Bytes that are made while they are sent; `length` in bytes where it is known.
    case stream(
        length: Int64?, write: @Sendable (any ResponseWriter) async throws(RegistryError) -> Void)

    /// The bytes of the body, or `nil` where nobody can know.
    public var length: Int64? {
        switch self {
        case .empty: 0
        case .bytes(let buffer): Int64(buffer.readableBytes)
        case .blob(let slice): slice.range.length
        case .sequence(let parts): parts.reduce(0) { $0 + $1.length }
        case .stream(let length, _): length
        }
    }
}

/// One part of a `ResponseBody.sequence`.
public enum ResponsePart: Sendable {
    case bytes(ByteBuffer)
    case blob(BlobSlice)

    /// The bytes of the part.
    public var length: Int64 {
        switch self {
        case .bytes(let buffer): Int64(buffer.readableBytes)
        case .blob(let slice): slice.range.length
        }
    }
}

/// Takes the bytes of a streamed answer; awaiting `write` is the back-pressure.
public protocol ResponseWriter: Sendable {
    /// Sends `buffer` after what was written before it.
    func write(_ buffer: ByteBuffer) async throws(RegistryError)
}
