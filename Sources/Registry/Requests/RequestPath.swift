/// The path of a request, decoded once: the only place where percent-encoding is undone.
///
/// Every decision, from routing to storage, is taken on these segments, so no spelling of `..`, of a
/// separator or of an empty segment means one thing to a check and another to what follows it.
public struct RequestPath: Hashable, Sendable {
    /// The most bytes of a raw path.
    public static let limitBytes = 8192

    /// The decoded segments without empty ones. One that arrived as `a%2Fb` is a single segment
    /// that contains a slash.
    public let segments: [String]
    /// Whether the raw path ended with a slash.
    public let hasTrailingSlash: Bool

    /// Decodes the path of an HTTP request target; a query must have been cut off.
    ///
    /// Empty segments are dropped, as file systems do.
    ///
    /// - Throws: `malformed` for a bad escape, text that is not UTF-8, a control character, a
    ///   backslash, or a `.` or `..` segment, however each is encoded.
    @inlinable
    public init(parsing raw: some StringProtocol) throws(RegistryError) {
        try self.init(bytes: Array(raw.utf8))
    }

    @usableFromInline
    init(bytes raw: [UInt8]) throws(RegistryError) {
        guard raw.count <= Self.limitBytes else {
            throw RegistryError(.malformed, "the path is longer than \(Self.limitBytes) bytes")
        }
        guard raw.first == UInt8(ascii: "/") else {
            throw RegistryError(.malformed, "the path does not begin with '/'")
        }
        var segments: [String] = []
        for part in raw.split(separator: UInt8(ascii: "/")) {
            let segment = try Self.decode(part)
            guard !Self.hasDotPiece(segment) else {
                throw RegistryError(.malformed, "the path contains a '.' or '..' segment")
            }
            segments.append(segment)
        }
        self.segments = segments
        self.hasTrailingSlash = raw.last == UInt8(ascii: "/")
    }

    /// A path of segments that are decoded already.
    public init(segments: [String], hasTrailingSlash: Bool = false) {
        self.segments = segments
        self.hasTrailingSlash = hasTrailingSlash
    }

    /// The path without its first `count` segments.
    public func dropFirst(_ count: Int) -> RequestPath {
        RequestPath(
            segments: Array(segments.dropFirst(count)), hasTrailingSlash: hasTrailingSlash)
    }

    /// Whether one of the pieces between the slashes of a decoded segment is `.` or `..`.
    private static func hasDotPiece(_ segment: String) -> Bool {
        let dot = UInt8(ascii: ".")
        return segment.utf8.contains(dot)
            && segment.utf8.split(
                separator: UInt8(ascii: "/"), omittingEmptySubsequences: false
            ).contains { $0.count <= 2 && !$0.isEmpty && $0.allSatisfy { $0 == dot } }
    }

    /// Whether a byte is a character of its own that needs no look: printable ASCII.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "\\")
    }

    private static func decode(_ part: ArraySlice<UInt8>) throws(RegistryError) -> String {
        if part.allSatisfy(isPlain) { return String(decoding: part, as: UTF8.self) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(part.count)
        var index = part.startIndex
        while index != part.endIndex {
            var byte = part[index]
            index = part.index(after: index)
            if byte == UInt8(ascii: "%") {
                guard let end = part.index(index, offsetBy: 2, limitedBy: part.endIndex),
                    let high = Hex.value(of: part[index]),
                    let low = Hex.value(of: part[part.index(after: index)])
                else {
                    throw RegistryError(
                        .malformed, "the path contains a '%' without two hexadecimal digits")
                }
                byte = high << 4 | low
                index = end
            }
            guard byte >= 0x20, byte != 0x7F, byte != UInt8(ascii: "\\") else {
                throw RegistryError(
                    .malformed, "the path contains a control character or a backslash")
            }
            bytes.append(byte)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RegistryError(.malformed, "the path is not UTF-8")
        }
        return text
    }
}
