import NIOCore
public import Registry

/// The body of a request as a form of several parts, to be read once and from its beginning to its
/// end: awaiting is the back-pressure, and memory stays constant (I7).
public struct MultipartBody: ~Copyable, Sendable {
    private var body: RequestBody
    private var parser: MultipartParser

    /// The form in `body`, which a header field of type `contentType` came with.
    ///
    /// - Throws: `unsupportedMediaType`, or `malformed` where no boundary is named.
    public init(
        _ body: consuming RequestBody, contentType: String?,
        limits: MultipartLimits = MultipartLimits()
    ) throws(RegistryError) {
        parser = MultipartParser(
            boundary: try MultipartParser.boundary(of: contentType), limits: limits)
        self.body = body
    }

    /// What follows in the form, or `nil` at its end, when the body was read to its end as well.
    ///
    /// - Throws: `malformed` for what is no form, and what the body throws.
    public mutating func next() async throws(RegistryError) -> MultipartParser.Event? {
        while true {
            if let event = try parser.next() { return event }
            guard let chunk = try await body.next() else {
                try parser.finish()
                return nil
            }
            parser.append(chunk)
        }
    }

    /// The bytes of the part that was just begun, to its end.
    ///
    /// - Throws: `malformed` for more than `limit` bytes, naming `field`.
    public mutating func collect(
        _ field: String, limitBytes limit: Int
    ) async throws(RegistryError) -> [UInt8] {
        var bytes: [UInt8] = []
        while case .bytes(let piece)? = try await next() {
            guard bytes.count + piece.readableBytes <= limit else {
                throw RegistryError(
                    .malformed, "the field '\(field)' has more than \(limit) bytes",
                    reason: "multipart_limit")
            }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }

    /// Reads over what is left of the part that was just begun.
    public mutating func skipPart() async throws(RegistryError) {
        while case .bytes? = try await next() {}
    }

    /// Reads over everything that is left, so that a client that sends before it listens can read
    /// the answer. What it sends is not looked at.
    public mutating func drain() async throws(RegistryError) {
        while try await body.next() != nil {}
    }
}
