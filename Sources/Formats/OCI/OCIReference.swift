public import Registry

/// What names a manifest inside its repository.
///
/// *Source*: OCI distribution specification, "Pulling manifests", `<reference>`.
public enum OCIReference: Hashable, Sendable, CustomStringConvertible {
    case tag(OCITag)
    case digest(Digest)

    /// Reads a digest, which has a colon, or a tag, which has none.
    ///
    /// - Throws: `malformed` with reason `digest_invalid` or `tag_invalid`.
    public init(parsing text: String) throws(RegistryError) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            self = .digest(try Digest(ociParsing: text))
        } else {
            self = .tag(try OCITag(parsing: text))
        }
    }

    public var description: String {
        switch self {
        case .tag(let tag): tag.description
        case .digest(let digest): digest.description
        }
    }
}

/// The name of a tag, checked.
///
/// *Source*: OCI distribution specification, "Pulling manifests", `<reference>` as a tag.
public struct OCITag: Hashable, Sendable, CustomStringConvertible {
    /// The longest tag, in characters; all of them are ASCII.
    public static let limitCharacters = 128

    public let description: String

    /// Reads `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    ///
    /// - Throws: `malformed` with reason `tag_invalid`.
    public init(parsing text: String) throws(RegistryError) {
        guard Self.isTag(text) else {
            throw RegistryError(
                .malformed,
                "a tag has 1 to \(Self.limitCharacters) letters, digits, '_', '.' and '-', and "
                    + "begins with a letter, a digit or '_'", reason: "tag_invalid")
        }
        description = text
    }

    private static func isTag(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...limitCharacters).contains(bytes.count), let first = bytes.first,
            first != UInt8(ascii: "."), first != UInt8(ascii: "-")
        else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}

extension Digest {
    /// Reads a digest with the reason that OCI has a code for.
    ///
    /// - Throws: `malformed` with reason `digest_invalid`.
    init(ociParsing text: String) throws(RegistryError) {
        do throws(RegistryError) {
            try self.init(parsing: text)
        } catch {
            throw RegistryError(error.code, error.message, reason: "digest_invalid")
        }
    }

    /// The tag under which clients keep the list of what refers to this digest, where a registry has
    /// no list of its own.
    ///
    /// *Source*: OCI distribution specification, "Referrers Tag Schema".
    public var referrersTag: String { "\(algorithm.rawValue)-\(hex.prefix(64))" }
}
