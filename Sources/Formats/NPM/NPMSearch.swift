import Registry

/// What a search asks for.
///
/// *Source*: npm/registry, "REGISTRY-API: GET·/-/v1/search".
public struct NPMSearch: Hashable, Sendable {
    /// The most results of one answer.
    static let sizeLimitCount = 250
    /// The most terms of one search.
    static let termLimitCount = 32

    /// All of them have to be in what a package can be searched by; in lower case.
    public let terms: [String]
    /// Results of the answer.
    public let size: Int
    /// Results before the first.
    public let from: Int

    /// Reads `?text=`, `?size=` and `?from=`. What weighs the results (`quality` and its kin) is
    /// read over: they are in order of their names.
    ///
    /// - Throws: `malformed` for a number that is none, or too many terms.
    init(parsing query: RequestQuery) throws(RegistryError) {
        size = min(try Self.number("size", in: query) ?? 20, Self.sizeLimitCount)
        from = try Self.number("from", in: query) ?? 0
        let words = (query["text"] ?? "").split(whereSeparator: \.isWhitespace)
        terms = words.flatMap(Self.terms)
        guard terms.count <= Self.termLimitCount else {
            throw RegistryError(
                .malformed, "a search has at most \(Self.termLimitCount) words",
                reason: "search_invalid")
        }
    }

    private static func number(
        _ name: String, in query: RequestQuery
    ) throws(RegistryError) -> Int? {
        guard let text = query[name], !text.isEmpty else { return nil }
        guard let number = Int(text), number >= 0 else {
            throw RegistryError(
                .malformed, "\(name) is not a number from 0 on", reason: "search_invalid")
        }
        return number
    }

    /// What a word means: itself, or whole lines of what is searched in.
    private static func terms(_ word: Substring) -> [String] {
        let word = word.lowercased()
        guard let colon = word.firstIndex(of: ":"), colon != word.startIndex else {
            return [word]
        }
        let value = String(word[word.index(after: colon)...])
        switch word[..<colon] {
        case "keywords", "keyword":
            return value.split { $0 == "," || $0 == "+" }.map { "\nkeyword:\($0)\n" }
        case "author": return ["\nauthor:\(value)"]
        case "maintainer", "publisher": return ["\nmaintainer:\(value)\n"]
        case "scope": return ["@\(value.drop { $0 == "@" })/"]
        case "is", "not", "boost-exact", "quality", "popularity", "maintenance": return []
        default: return [word]
        }
    }
}
