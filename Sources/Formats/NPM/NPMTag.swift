import Registry

/// The rules for dist-tags.
///
/// *Source*: npm, "npm-dist-tag: Caveats"; npm/node-semver, `validRange`.
enum NPMTag {
    /// The longest tag, in bytes.
    static let limitBytes = 214
    /// The tag that an install without a version means.
    static let latest = "latest"

    /// - Throws: `malformed` with the rule that was broken.
    static func check(_ tag: String) throws(RegistryError) {
        guard (1...limitBytes).contains(tag.utf8.count),
            tag.utf8.allSatisfy(NPMPackageName.isURLSafe)
        else {
            throw refusal(
                "a dist-tag has 1 to \(limitBytes) letters, digits, '-', '_' and '.'")
        }
        guard !isRange(tag) else {
            throw refusal(
                "'\(tag)' looks like a version or a range of versions, so nobody could ask for it: "
                    + "choose another dist-tag")
        }
    }

    /// Whether `npm install package@text` would look for a version and not for a tag. Operators and
    /// spaces need no look: a tag cannot contain them.
    static func isRange(_ text: String) -> Bool {
        var rest = Substring(text)
        // A tilde is the one operator that a tag could begin with.
        while let first = rest.first, first == "~" || first == "v" { rest = rest.dropFirst() }
        let halves = rest.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = halves[0].split(separator: ".", omittingEmptySubsequences: false)
        guard (1...3).contains(numbers.count), numbers.allSatisfy(isWildcardOrNumber) else {
            return false
        }
        guard halves.count == 2 else { return true }
        return numbers.count == 3 && !halves[1].isEmpty
            && halves[1].split(separator: ".", omittingEmptySubsequences: false)
                .allSatisfy { !$0.isEmpty }
    }

    private static func isWildcardOrNumber(_ text: Substring) -> Bool {
        text == "x" || text == "X" || text == "*"
            || !text.isEmpty
                && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func refusal(_ rule: String) -> RegistryError {
        RegistryError(.malformed, rule, reason: "tag_invalid")
    }
}
