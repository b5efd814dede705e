import Registry

/// A version of an npm package, in order of precedence.
///
/// *Source*: Semantic Versioning 2.0.0; npm/node-semver, which limits length and numbers.
struct NPMVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The longest version, in bytes.
    static let limitBytes = 256
    /// The largest number in a version: what a double holds exactly.
    static let numberLimit: UInt64 = 9_007_199_254_740_991

    private enum Identifier: Hashable, Comparable {
        case number(UInt64)
        case text(String)

        /// Numbers come before text; text is compared bytewise.
        static func < (left: Identifier, right: Identifier) -> Bool {
            switch (left, right) {
            case (.number(let left), .number(let right)): left < right
            case (.number, .text): true
            case (.text, .number): false
            case (.text(let left), .text(let right)):
                left.utf8.lexicographicallyPrecedes(right.utf8)
            }
        }
    }

    let description: String
    private let numbers: [UInt64]
    private let prerelease: [Identifier]

    /// Whether it is meant to come before a release: `2.0.0-beta.1`.
    var isPrerelease: Bool { !prerelease.isEmpty }

    /// Reads a version as it is published: three numbers, and identifiers behind a hyphen.
    ///
    /// - Throws: `malformed` with the rule that was broken.
    init(parsing text: String) throws(RegistryError) {
        guard text.utf8.count <= Self.limitBytes else {
            throw Self.refusal("a version has at most \(Self.limitBytes) characters")
        }
        guard !text.utf8.contains(UInt8(ascii: "+")) else {
            throw Self.refusal(
                "'\(text)' has build metadata, which is no part of an npm version: leave out "
                    + "'+' and what follows it")
        }
        let halves = text.utf8.split(
            separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = Self.split(halves[0]).map(Self.number)
        let known = numbers.compactMap(\.self)
        guard numbers.count == 3, known.count == 3 else { throw Self.noVersion(text) }
        var prerelease: [Identifier] = []
        if halves.count == 2 {
            for part in Self.split(halves[1]) {
                guard let identifier = Self.identifier(part) else { throw Self.noVersion(text) }
                prerelease.append(identifier)
            }
        }
        description = text
        self.numbers = known
        self.prerelease = prerelease
    }

    /// The version that npm's client makes of what stands in a `package.json`: without white space
    /// and `v` or `=` before it, and without build metadata.
    ///
    /// *Source*: npm/node-semver, `clean`.
    static func clean(_ text: String) -> String {
        let isSkipped = { (character: Character) in
            character.isWhitespace || character == "v" || character == "="
        }
        let trimmed = text.drop(while: isSkipped).prefix { $0 != "+" }
        return String(trimmed.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// *Source*: Semantic Versioning 2.0.0, item 11.
    static func < (left: NPMVersion, right: NPMVersion) -> Bool {
        if left.numbers != right.numbers {
            return left.numbers.lexicographicallyPrecedes(right.numbers)
        }
        if left.isPrerelease != right.isPrerelease { return left.isPrerelease }
        return left.prerelease.lexicographicallyPrecedes(right.prerelease)
    }

    private static func split(_ text: Substring.UTF8View) -> [Substring.UTF8View] {
        text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    }

    private static func number(_ digits: Substring.UTF8View) -> UInt64? {
        guard isNumeric(digits), digits.count == 1 || digits.first != UInt8(ascii: "0"),
            digits.count <= 16, let value = UInt64(String(Substring(digits))),
            value <= numberLimit
        else { return nil }
        return value
    }

    private static func identifier(_ text: Substring.UTF8View) -> Identifier? {
        guard !text.isEmpty else { return nil }
        if isNumeric(text) { return number(text).map(Identifier.number) }
        let isAllowed = text.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isAllowed ? .text(String(Substring(text))) : nil
    }

    private static func isNumeric(_ text: Substring.UTF8View) -> Bool {
        !text.isEmpty
            && text.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func noVersion(_ text: String) -> RegistryError {
        refusal(
            "'\(text)' is no version: three numbers without leading zeros, as 1.2.3, and "
                + "identifiers behind a hyphen, as 1.2.3-beta.1")
    }

    private static func refusal(_ rule: String) -> RegistryError {
        RegistryError(.malformed, rule, reason: "version_invalid")
    }
}
