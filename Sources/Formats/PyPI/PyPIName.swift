import Registry

/// The name of a project, and what names mean the same.
///
/// *Source*: PyPA, "Names and normalization"; PEP 503, "Normalized Names".
struct PyPIName: Hashable, Sendable, CustomStringConvertible {
    /// The longest name, in characters; all of them are ASCII.
    static let limitCharacters = 128

    /// The name as somebody wrote it: `Foo.Bar_baz`.
    let description: String
    /// In lower case, with a hyphen for each run of `.`, `-` and `_`: `foo-bar-baz`. What the package
    /// is called here.
    let normalized: String

    /// - Throws: `malformed` with the rule that was broken.
    init(parsing text: some StringProtocol) throws(RegistryError) {
        let bytes = Array(text.utf8)
        guard (1...Self.limitCharacters).contains(bytes.count),
            bytes.allSatisfy({ Self.isAlphanumeric($0) || Self.isSeparator($0) }),
            let first = bytes.first, let last = bytes.last, Self.isAlphanumeric(first),
            Self.isAlphanumeric(last)
        else {
            throw RegistryError(
                .malformed,
                "a project's name has 1 to \(Self.limitCharacters) letters, digits, '.', '-' and "
                    + "'_', and begins and ends with a letter or a digit",
                reason: "name_invalid")
        }
        description = String(text)
        normalized = Self.normalize(bytes)
    }

    /// The normalized form of a name, or of a piece of a file's name.
    static func normalize(_ name: some Sequence<UInt8>) -> String {
        var normalized: [UInt8] = []
        var isRun = false
        for byte in name {
            if isSeparator(byte) {
                if !isRun { normalized.append(UInt8(ascii: "-")) }
                isRun = true
            } else {
                normalized.append(
                    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte)
                isRun = false
            }
        }
        return String(decoding: normalized, as: UTF8.self)
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
