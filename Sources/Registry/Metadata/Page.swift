/// Which rows of a list are asked for, by number, as GitLab's offset pagination does.
public struct PageRequest: Hashable, Sendable {
    /// The most rows of one page.
    public static let limitCount = 100
    /// The deepest row that can be asked for by number.
    public static let offsetLimitCount = 50_000

    /// From 1.
    public let number: Int
    /// Rows of a page, 1 to `limitCount`.
    public let size: Int

    /// The page with this number; out-of-range values are taken to the nearest that is allowed.
    public init(number: Int = 1, size: Int = 20) {
        self.size = min(max(1, size), Self.limitCount)
        self.number = min(max(1, number), Self.offsetLimitCount / self.size + 1)
    }

    /// Rows before the page.
    public var offset: Int { (number - 1) * size }
}

/// One page of a list, and how many rows there are in all.
public struct Page<Row: Sendable>: Sendable {
    public let rows: [Row]
    public let totalCount: Int
    public let request: PageRequest

    public init(rows: [Row], totalCount: Int, request: PageRequest) {
        self.rows = rows
        self.totalCount = totalCount
        self.request = request
    }

    /// The page with each row made into another.
    public func map<Other>(_ transform: (Row) throws -> Other) rethrows -> Page<Other> {
        Page<Other>(rows: try rows.map(transform), totalCount: totalCount, request: request)
    }
}

/// The direction of a sorted list.
public enum SortDirection: String, Sendable, Hashable {
    case ascending = "asc"
    case descending = "desc"
}
