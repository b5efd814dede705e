/// What a form of several parts may have, beside the limit of its bytes as a whole.
public struct MultipartLimits: Hashable, Sendable {
    /// The longest boundary, in bytes.
    ///
    /// *Source*: RFC 2046, section 5.1.1.
    public static let boundaryBytes = 70

    /// The most parts.
    public var partCount = 10_000
    /// The header fields of one part together, and what may stand in front of the first part, in
    /// bytes.
    public var headerBytes = 16 * 1024

    public init() {}
}
