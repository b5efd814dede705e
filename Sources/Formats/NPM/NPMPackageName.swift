public import Registry

/// The name of an npm package, with its scope: `tool`, `@acme/tool`.
///
/// *Source*: npm, "package.json: name"; npm/validate-npm-package-name.
public struct NPMPackageName: Hashable, Sendable, CustomStringConvertible {
    /// The longest name, scope included, in bytes.
    public static let limitBytes = 214

    /// The name as packuments have it, with a slash behind the scope.
    public let description: String

    /// Reads a name that is percent-decoded already, as packages of any age have them.
    ///
    /// - Throws: `malformed` with the rule that was broken.
    public init(parsing text: String) throws(RegistryError) {
        guard !text.isEmpty else { throw Self.refusal("a package needs a name") }
        guard text.utf8.count <= Self.limitBytes else {
            throw Self.refusal("a package's name has at most \(Self.limitBytes) characters")
        }
        let parts = text.utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isScoped = text.utf8.first == UInt8(ascii: "@")
        guard parts.count == (isScoped ? 2 : 1) else {
            throw Self.refusal(
                isScoped
                    ? "'\(text)' is a scope without a package: a scoped name is @scope/name"
                    : "a package's name has a slash only behind its scope: @scope/name")
        }
        for part in parts {
            let letters =
                isScoped && part.startIndex == text.utf8.startIndex
                ? part.dropFirst() : part
            guard !letters.isEmpty, letters.allSatisfy(Self.isURLSafe) else {
                throw Self.refusal(
                    "'\(text)' is no name of a package: it has letters, digits, '-', '_' and '.'")
            }
        }
        guard let base = parts.last, base.first != UInt8(ascii: "."),
            isScoped || base.first != UInt8(ascii: "_")
        else { throw Self.refusal("a package's name does not begin with '.' or '_'") }
        description = text
    }

    /// Makes sure that a package may be published under this name today.
    ///
    /// - Throws: `malformed` with the rule that was broken.
    func requirePublishable() throws(RegistryError) {
        let upper = UInt8(ascii: "A")...UInt8(ascii: "Z")
        guard !description.utf8.contains(where: upper.contains) else {
            throw Self.refusal("a package's name is lower case; '\(description)' is not")
        }
        let old = "~'!()*".utf8
        guard !description.utf8.contains(where: old.contains) else {
            throw Self.refusal("a package's name contains none of ~ ' ! ( ) *")
        }
        guard !Self.reserved.contains(description) else {
            throw Self.refusal("'\(description)' is reserved and no name of a package")
        }
    }

    /// What stands behind the scope, and the whole where there is none: `tool`.
    var base: Substring {
        guard let slash = description.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            return Substring(description)
        }
        return description[slash...].dropFirst()
    }

    /// The scope without its `@`; `nil` where there is none.
    var scope: String? {
        guard let slash = description.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(description[..<slash].dropFirst())
    }

    /// The name of the tarball of a version: `tool-1.0.0.tgz`.
    func tarball(_ version: String) -> String { "\(base)-\(version)\(Self.tarballSuffix)" }

    /// The name of the provenance of a version: `tool-1.0.0.sigstore`.
    func bundle(_ version: String) -> String { "\(base)-\(version)\(Self.bundleSuffix)" }

    /// The name of the readme of a version: `tool-1.0.0.readme`.
    func readme(_ version: String) -> String { "\(base)-\(version)\(Self.readmeSuffix)" }

    static let readmeSuffix = ".readme"
    static let tarballSuffix = ".tgz"
    static let bundleSuffix = ".sigstore"

    private static let reserved: Set<String> = ["node_modules", "favicon.ico"]

    /// Whether `encodeURIComponent` leaves the byte as it is.
    static func isURLSafe(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "~"), UInt8(ascii: "*"),
            UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"):
            true
        default: false
        }
    }

    private static func refusal(_ rule: String) -> RegistryError {
        RegistryError(.malformed, rule, reason: "name_invalid")
    }
}
