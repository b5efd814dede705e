public import Registry

/// Which part of a list in bytewise order is asked for.
///
/// *Source*: OCI distribution specification, "Listing Tags", `n` and `last`.
public struct OCIPage: Hashable, Sendable {
    /// The most entries of one page, and as many as come where nobody says how many.
    public static let limitCount = 10_000

    /// The most entries to answer with; 0 for an empty answer.
    public let size: Int
    /// The entry behind which the page begins.
    public let last: String?

    public init(size: Int = OCIPage.limitCount, last: String? = nil) {
        self.size = min(max(0, size), Self.limitCount)
        self.last = last
    }

    /// Reads `?n=` and `?last=`. More than `limitCount` is taken to it, since a page may be shorter
    /// than was asked for where a `Link` leads on.
    ///
    /// - Throws: `malformed` with reason `page_invalid` when `n` is not a number or negative.
    public init(parsing query: RequestQuery) throws(RegistryError) {
        let last = query["last"].flatMap { $0.isEmpty ? nil : $0 }
        guard let text = query["n"], !text.isEmpty else {
            self.init(last: last)
            return
        }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            throw RegistryError(
                .malformed, "n is a number of entries, 0 or more", reason: "page_invalid",
                detail: ["n": text])
        }
        self.init(size: Int(text) ?? Self.limitCount, last: last)
    }
}

extension RequestHead {
    /// The address that is in use, from the root of the host: what `Location` and `Link` begin with.
    /// It names no host, so it is right behind every proxy, and it begins with the path that a proxy
    /// cut off.
    ///
    /// *Source*: RFC 9110, section 10.2.2; row C-1 of what broke clients elsewhere.
    func path(_ segments: [String]) -> String {
        origin.pathPrefix + mountPath + segments.map { "/" + Self.encode($0) }.joined()
    }

    /// The value of `Link` that leads to the page behind `last`.
    ///
    /// *Source*: RFC 8288; OCI distribution specification, "Listing Tags".
    func nextPageLink(last: String, size: Int) -> String {
        link("next", ["n": String(size), "last": last])
    }

    /// A link to the request's own address with another page: `</v2/…?n=…&last=…>; rel="next"`.
    func link(_ relation: String, _ page: KeyValuePairs<String, String>) -> String {
        let others = query.items.filter { !["n", "last", "before"].contains($0.name) }
        let items = others.map { ($0.name, $0.value) } + page.map { ($0.key, $0.value) }
        let text = items.map { Self.encode($0.0) + "=" + PercentEncoding.encode($0.1) }
        return "<\(path(tail.segments))?\(text.joined(separator: "&"))>; rel=\"\(relation)\""
    }

    /// As `PercentEncoding`, but with the colon of a digest as it is, which a path may contain and
    /// which people and some clients look for.
    private static func encode(_ text: String) -> String {
        text.split(separator: ":", omittingEmptySubsequences: false)
            .map { PercentEncoding.encode($0) }.joined(separator: ":")
    }
}
