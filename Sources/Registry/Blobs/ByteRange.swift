/// Part of a blob: `length` bytes from `offset` on.
public struct ByteRange: Hashable, Sendable {
    /// Bytes before the part; never negative.
    public let offset: Int64
    /// Bytes in the part; never negative.
    public let length: Int64

    public init(offset: Int64, length: Int64) {
        self.offset = offset
        self.length = length
    }

    /// The first byte behind the part.
    public var end: Int64 { offset + length }
}
