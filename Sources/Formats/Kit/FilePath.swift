public import Registry

/// The path of a file inside a version, checked: no spelling of it can leave the version.
public struct FilePath: Hashable, Sendable, CustomStringConvertible {
    /// The longest path, in bytes of UTF-8.
    public static let limitBytes = 1024
    /// The longest segment, in bytes of UTF-8.
    public static let segmentLimitBytes = 255
    /// The most segments.
    public static let segmentLimitCount = 32

    /// The path with slashes between its segments and none at its ends.
    public let description: String

    /// Reads a path that is percent-decoded already.
    ///
    /// - Throws: `malformed` for an empty path or segment, `.` or `..`, a control character, a
    ///   backslash, or a path beyond a limit.
    public init(parsing text: String) throws(RegistryError) {
        guard !text.isEmpty else {
            throw RegistryError(.malformed, "a file needs a name", reason: "name_invalid")
        }
        guard text.utf8.count <= Self.limitBytes else {
            throw RegistryError(
                .malformed, "a file's path has at most \(Self.limitBytes) bytes",
                reason: "name_invalid")
        }
        let segments = text.utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.count <= Self.segmentLimitCount else {
            throw RegistryError(
                .malformed, "a file's path has at most \(Self.segmentLimitCount) segments",
                reason: "name_invalid")
        }
        for segment in segments { try Self.check(segment) }
        description = text
    }

    /// The last segment: the name that a download is stored under.
    public var name: String {
        description.split(separator: "/").last.map(String.init) ?? description
    }

    private static func check(_ segment: Substring.UTF8View) throws(RegistryError) {
        guard !segment.isEmpty, !segment.elementsEqual(".".utf8),
            !segment.elementsEqual("..".utf8)
        else {
            throw RegistryError(
                .malformed, "a file's path cannot have a segment that is empty, '.' or '..'",
                reason: "name_invalid")
        }
        guard segment.count <= segmentLimitBytes else {
            throw RegistryError(
                .malformed, "a segment of a path has at most \(segmentLimitBytes) bytes",
                reason: "name_invalid")
        }
        guard segment.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") })
        else {
            throw RegistryError(
                .malformed, "a file's path cannot contain a control character or a backslash",
                reason: "name_invalid")
        }
    }
}
