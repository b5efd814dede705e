/// The path of a group, a user's namespace or a project: `acme`, `acme/web`.
///
/// Paths keep the case they were created with and are compared without it (`key`).
///
/// *Source*: GitLab, "Reserved project and group names" and "Limitations on usernames, project and
/// group names, and slugs".
public struct NamespacePath: Hashable, Sendable, CustomStringConvertible {
    /// The most segments that a path may have.
    public static let segmentLimitCount = 20
    /// The longest segment, in characters; all of them are ASCII.
    public static let segmentLimitCharacters = 255
    /// First segments that belong to the gateway itself, and names that are reserved at any depth.
    public static let reservedFirstSegments: Set<String> = [
        "api", "v2", "jwt", "livez", "readyz", "metrics", "gitlab", ".well-known", "oauth",
    ]

    /// At least one, each a valid segment.
    public let segments: [String]

    /// Reads a path written with `/` between its segments.
    ///
    /// - Throws: `malformed`, with the rule that was broken.
    public init(parsing text: String) throws(RegistryError) {
        try self.init(
            segments: text.split(separator: "/", omittingEmptySubsequences: false)
                .map(String.init))
    }

    /// The path of these segments.
    ///
    /// - Throws: `malformed`, with the rule that was broken.
    public init(segments: [String]) throws(RegistryError) {
        guard let first = segments.first, segments.count <= Self.segmentLimitCount else {
            throw RegistryError(
                .malformed, "a path has 1 to \(Self.segmentLimitCount) segments")
        }
        for segment in segments { try Self.validate(segment) }
        guard !Self.reservedFirstSegments.contains(first.lowercased()) else {
            throw RegistryError(.malformed, "the path '\(first)' is reserved")
        }
        self.segments = segments
    }

    /// What two spellings of the same path have in common: the path in lower case.
    public var key: String { description.lowercased() }

    /// The path without its last segment, or `nil` at the top.
    public var parent: NamespacePath? {
        segments.count < 2 ? nil : NamespacePath(unchecked: Array(segments.dropLast()))
    }

    /// The last segment.
    public var lastSegment: String { segments[segments.count - 1] }

    /// The path one level down.
    ///
    /// - Throws: `malformed` when `segment` is not a valid segment, or the path becomes too deep.
    public func appending(_ segment: String) throws(RegistryError) -> NamespacePath {
        try NamespacePath(segments: segments + [segment])
    }

    public var description: String { segments.joined(separator: "/") }

    private init(unchecked segments: [String]) {
        self.segments = segments
    }

    private static func validate(_ segment: String) throws(RegistryError) {
        guard (1...segmentLimitCharacters).contains(segment.utf8.count) else {
            throw RegistryError(
                .malformed, "a path segment has 1 to \(segmentLimitCharacters) characters")
        }
        let isAllowed = segment.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isAllowed, !segment.hasPrefix("-"), !segment.hasPrefix("."),
            !segment.hasSuffix("."), !segment.hasSuffix("-")
        else {
            throw RegistryError(
                .malformed,
                "a path can contain only letters, digits, '_', '-' and '.', and cannot start or "
                    + "end with '-' or '.'")
        }
        let lowercased = segment.lowercased()
        guard !lowercased.hasSuffix(".git"), !lowercased.hasSuffix(".atom") else {
            throw RegistryError(.malformed, "a path cannot end with '.git' or '.atom'")
        }
    }
}
