/// The query of a request target, in order, decoded.
public struct RequestQuery: Hashable, Sendable {
    /// The most parameters that a query may have.
    public static let limitCount = 256

    /// Names and values; a parameter without `=` has an empty value.
    public let items: [(name: String, value: String)]

    /// A query without parameters.
    public init() {
        items = []
    }

    /// Reads what stands behind the `?`.
    ///
    /// - Throws: `malformed` for a bad escape or more than `limitCount` parameters.
    public init(parsing raw: some StringProtocol) throws(RegistryError) {
        var items: [(name: String, value: String)] = []
        for pair in raw.split(separator: "&") {
            let halves = pair.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decodeQuery(halves[0]),
                let value = PercentEncoding.decodeQuery(halves.count == 2 ? halves[1] : "")
            else {
                throw RegistryError(.malformed, "the query contains a bad percent-escape")
            }
            items.append((name, value))
            guard items.count <= Self.limitCount else {
                throw RegistryError(
                    .malformed, "the query has more than \(Self.limitCount) parameters")
            }
        }
        self.items = items
    }

    /// The value of the first parameter of this name.
    public subscript(name: String) -> String? {
        items.first { $0.name == name }?.value
    }

    /// Every value of the parameters of this name.
    public func values(_ name: String) -> [String] {
        items.filter { $0.name == name }.map(\.value)
    }

    public static func == (left: RequestQuery, right: RequestQuery) -> Bool {
        left.items.elementsEqual(right.items, by: ==)
    }

    public func hash(into hasher: inout Hasher) {
        for item in items {
            hasher.combine(item.name)
            hasher.combine(item.value)
        }
    }
}
