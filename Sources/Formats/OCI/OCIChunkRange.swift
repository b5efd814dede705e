public import Registry

/// The bytes of a blob that one request of an upload carries.
///
/// *Source*: OCI distribution specification, "Pushing a blob in chunks": `start-end`, both inclusive,
/// without a unit and without a size.
public struct OCIChunkRange: Hashable, Sendable {
    /// The offset of the first byte.
    public let start: Int64
    /// The offset of the last byte; one less than `start` where the chunk is empty.
    public let end: Int64

    /// Bytes in the chunk.
    public var length: Int64 { end - start + 1 }

    public init(start: Int64, end: Int64) {
        self.start = start
        self.end = end
    }

    /// Reads the value of `Content-Range`. Clients that keep to RFC 9110 write `bytes start-end/size`,
    /// which means the same.
    ///
    /// - Throws: `malformed` with reason `range_invalid`.
    public init(parsing text: String) throws(RegistryError) {
        var rest = text[...]
        if rest.lowercased().hasPrefix("bytes") {
            rest = rest.dropFirst(5)
            guard let separator = rest.first, separator == " " || separator == "=" else {
                throw Self.refusal
            }
            rest = rest.dropFirst()
        }
        if let slash = rest.firstIndex(of: "/") {
            let size = rest[rest.index(after: slash)...]
            guard size == "*" || Self.number(size) != nil else { throw Self.refusal }
            rest = rest[..<slash]
        }
        let bounds = rest.split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, let start = Self.number(bounds[0]),
            let end = Self.number(bounds[1]), end >= start, end < .max
        else { throw Self.refusal }
        self.init(start: start, end: end)
    }

    /// The value of `Range` that tells a client how much of an upload is there: `0-0` for nothing,
    /// as every registry answers, though it is what one byte looks like as well.
    public static func received(_ offset: Int64) -> String {
        "0-\(max(offset, 1) - 1)"
    }

    private static func number(_ digits: Substring) -> Int64? {
        digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ? Int64(digits) : nil
    }

    private static let refusal = RegistryError(
        .malformed,
        "Content-Range is written start-end, with the offsets of the first and the last "
            + "byte", reason: "range_invalid")
}
