public import NIOCore

/// Where the bytes of a body come from; the server implements it, tests fake it.
public protocol RequestBodySource: AnyObject, Sendable {
    /// The next bytes, or `nil` at the end.
    ///
    /// The first call tells a client that waits for `100 Continue` to go on, so nothing may be read
    /// before access is granted (I5) and refusals known from the head are decided.
    ///
    /// - Throws: `requestTimeout` when the client stopped sending, `malformed` when the connection
    ///   ended too early.
    func nextChunk() async throws(RegistryError) -> ByteBuffer?
}

/// The body of a request, to be read once: awaiting the next chunk is the back-pressure.
public struct RequestBody: ~Copyable, Sendable {
    private let source: any RequestBodySource
    private let limitBytes: Int64
    /// Bytes read so far; counted here and never taken from `Content-Length`.
    public private(set) var readBytes: Int64 = 0

    /// A body of at most `limitBytes`.
    public init(source: any RequestBodySource, limitBytes: Int64) {
        self.source = source
        self.limitBytes = limitBytes
    }

    /// The next bytes, or `nil` at the end.
    ///
    /// - Throws: `bodyTooLarge` as soon as more than the operation's limit has arrived, and what the
    ///   source throws.
    public mutating func next() async throws(RegistryError) -> ByteBuffer? {
        guard let chunk = try await source.nextChunk() else { return nil }
        readBytes += Int64(chunk.readableBytes)
        guard readBytes <= limitBytes else { throw RegistryError.bodyTooLarge(limitBytes) }
        return chunk
    }

    /// The whole body in memory.
    ///
    /// - Throws: `bodyTooLarge` above `limit` bytes, and what `next()` throws.
    public consuming func collect(limitBytes limit: Int) async throws(RegistryError) -> ByteBuffer {
        var whole = ByteBuffer()
        while var chunk = try await next() {
            guard whole.readableBytes + chunk.readableBytes <= limit else {
                throw RegistryError.bodyTooLarge(Int64(limit))
            }
            whole.writeBuffer(&chunk)
        }
        return whole
    }
}

extension RegistryError {
    /// The refusal of a body of more than `limitBytes`.
    public static func bodyTooLarge(_ limitBytes: Int64) -> RegistryError {
        limitBytes == 0
            ? RegistryError(.malformed, "this request takes no body")
            : RegistryError(
                .bodyTooLarge, "the body is larger than the limit of \(limitBytes) bytes",
                detail: ["limit_bytes": String(limitBytes)])
    }
}
