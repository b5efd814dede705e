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
    public init(parsing raw: some StringProtocol) throws(RegistryError) {
        guard raw.utf8.count <= Self.limitBytes else {
            throw RegistryError(.malformed, "the path is longer than \(Self.limitBytes) bytes")
        }
        guard raw.utf8.first == UInt8(ascii: "/") else {
            throw RegistryError(.malformed, "the path does not begin with '/'")
        }
        var segments: [String] = []
        for part in raw.utf8.split(separator: UInt8(ascii: "/")) {
            let segment = try Self.decode(part)
            for piece in segment.utf8.split(
                separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            where piece.elementsEqual("..".utf8) || piece.elementsEqual(".".utf8) {
                throw RegistryError(.malformed, "the path contains a '.' or '..' segment")
            }
            segments.append(segment)
        }
        self.segments = segments
        self.hasTrailingSlash = raw.hasSuffix("/")
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

    private static func decode(_ part: some Collection<UInt8>) throws(RegistryError) -> String {
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
