public import Registry

/// The name of a repository, checked: `acme/web/api`.
///
/// *Source*: OCI distribution specification, "Pulling manifests", `<name>`.
public struct OCIRepositoryName: Hashable, Sendable, CustomStringConvertible {
    /// The longest name, in bytes; all of them are ASCII.
    public static let limitBytes = 255

    /// Components with slashes between them.
    public let description: String
    /// At least one.
    public let segments: [String]

    /// Reads the components of a name. Their number is limited by the length of the name alone.
    ///
    /// - Throws: `malformed` with reason `name_invalid`.
    public init(segments: [String]) throws(RegistryError) {
        let text = segments.joined(separator: "/")
        guard !segments.isEmpty, text.utf8.count <= Self.limitBytes else {
            throw Self.refusal("a repository's name has 1 to \(Self.limitBytes) characters")
        }
        guard segments.allSatisfy(Self.isComponent) else {
            throw Self.refusal(
                "a repository's name is made of lower-case letters and digits with '.', '_', '__' "
                    + "or dashes between them, and of '/' between its components")
        }
        description = text
        self.segments = segments
    }

    /// Reads a name that a query parameter spells.
    ///
    /// - Throws: `malformed` with reason `name_invalid`.
    public init(parsing text: String) throws(RegistryError) {
        try self.init(
            segments: text.split(separator: "/", omittingEmptySubsequences: false)
                .map(String.init))
    }

    /// Whether `text` matches `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
    private static func isComponent(_ text: String) -> Bool {
        var separator: [UInt8] = []
        var isBegun = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard separator.isEmpty || isSeparator(separator) else { return false }
                separator = []
                isBegun = true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                guard isBegun else { return false }
                separator.append(byte)
            default:
                return false
            }
        }
        return isBegun && separator.isEmpty
    }

    private static func isSeparator(_ bytes: [UInt8]) -> Bool {
        switch bytes[0] {
        case UInt8(ascii: "."): bytes.count == 1
        case UInt8(ascii: "_"): bytes.count <= 2 && bytes.allSatisfy { $0 == bytes[0] }
        default: bytes.allSatisfy { $0 == bytes[0] }
        }
    }

    private static func refusal(_ rule: String) -> RegistryError {
        RegistryError(.malformed, rule, reason: "name_invalid")
    }
}
