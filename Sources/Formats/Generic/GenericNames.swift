import FormatKit
import Registry

/// The rules for names in the generic format.
///
/// *Source*: GitLab, "Generic packages repository: Valid package filename format"; versions may
/// contain `~` beyond that, as those of Debian do.
enum GenericNames {
    /// The longest name of a package or of a version, in characters; all of them are ASCII.
    static let limitCharacters = 255

    /// - Throws: `malformed`, with the rule that was broken.
    static func checkPackage(_ name: String) throws(RegistryError) {
        guard isAllowed(name, others: ".-_+"), !name.utf8.allSatisfy({ $0 == UInt8(ascii: ".") })
        else {
            throw refusal(
                "a package's name has 1 to \(limitCharacters) letters, digits, '.', '-', '_' and "
                    + "'+', and is not made of dots alone")
        }
    }

    /// - Throws: `malformed`, with the rule that was broken.
    static func checkVersion(_ name: String) throws(RegistryError) {
        let dot = UInt8(ascii: ".")
        guard isAllowed(name, others: ".-_+~"), name != ".",
            !zip(name.utf8, name.utf8.dropFirst()).contains(where: { $0 == dot && $1 == dot })
        else {
            throw refusal(
                "a version has 1 to \(limitCharacters) letters, digits, '.', '-', '_', '+' and "
                    + "'~', and no two dots in a row")
        }
    }

    /// - Throws: `malformed`, with the rule that was broken.
    static func checkFile(_ path: FilePath) throws(RegistryError) {
        let text = path.description
        let edges = [text.utf8.first, text.utf8.last]
        guard hasOnly(text, others: "._-+~@/"), !edges.contains(UInt8(ascii: "~")),
            !edges.contains(UInt8(ascii: "@"))
        else {
            throw refusal(
                "a file's path has letters, digits, '.', '_', '-', '+', '~', '@' and '/', and "
                    + "neither begins nor ends with '~' or '@'")
        }
    }

    private static func isAllowed(_ name: String, others: String) -> Bool {
        (1...limitCharacters).contains(name.utf8.count) && hasOnly(name, others: others)
    }

    private static func hasOnly(_ name: String, others: String) -> Bool {
        name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: others.utf8.contains(byte)
            }
        }
    }

    private static func refusal(_ rule: String) -> RegistryError {
        RegistryError(.malformed, rule, reason: "name_invalid")
    }
}
