import HTTPTypes
import Registry

/// What an address of GitLab's own registry API names.
///
/// *Source*: GitLab, "Container registry HTTP API V1".
enum GitLabPath: Hashable {
    case root
    case repository([String])
    case tags([String])
    case tag([String], String)
    case descendants([String])

    /// Reads what stands behind `/gitlab/v1`; `nil` when it is none of the API's addresses.
    init?(parsing segments: [String]) {
        guard let first = segments.first else {
            self = .root
            return
        }
        let rest = Array(segments.dropFirst())
        switch first {
        case "repositories":
            if rest.suffix(2) == ["tags", "list"] {
                self = .tags(rest.dropLast(2))
            } else if rest.count > 3, rest[rest.count - 3] == "tags",
                rest[rest.count - 2] == "detail"
            {
                self = .tag(rest.dropLast(3), rest[rest.count - 1])
            } else {
                self = .repository(rest)
            }
        case "repository-paths":
            guard rest.suffix(2) == ["repositories", "list"] else { return nil }
            self = .descendants(rest.dropLast(2))
        default: return nil
        }
        if repository?.isEmpty ?? false { return nil }
    }

    /// The name of the repository, in segments; `nil` for the root.
    var repository: [String]? {
        switch self {
        case .root: nil
        case .repository(let name), .tags(let name), .tag(let name, _), .descendants(let name):
            name
        }
    }
}

/// Which sizes are to be summed up.
public enum GitLabSize: String, Hashable, Sendable {
    case `self`
    /// With the repositories whose names begin with this one's.
    case selfWithDescendants = "self_with_descendants"
}

/// How a list of tags is ordered.
public enum GitLabTagOrder: String, Hashable, Sendable {
    case name
    case nameDescending = "-name"
    case publishedAt = "published_at"
    case publishedAtDescending = "-published_at"
}

/// Which tags are asked for, and how.
public struct GitLabTagQuery: Hashable, Sendable {
    /// The most tags of one page.
    public static let limitCount = 1000
    /// Tags of a page where nobody says how many.
    public static let defaultCount = 100

    /// 1 to `limitCount`.
    public var size: Int
    /// The tag behind which the page begins.
    public var last: String?
    /// The tag before which the page ends.
    public var before: String?
    /// Part of the names.
    public var nameContains: String?
    /// The whole of the name.
    public var nameIs: String?
    public var order: GitLabTagOrder
    /// Whether to name what refers to each manifest.
    public var listsReferrers: Bool
    /// Kinds of artifacts that referrers have to be; empty for every kind.
    public var referrerTypes: [String]
}

extension GitLabTagQuery {
    /// - Throws: `malformed` with reason `query_invalid`, naming the parameter.
    init(parsing query: RequestQuery) throws(RegistryError) {
        last = Self.value("last", query)
        before = Self.value("before", query)
        guard last == nil || before == nil else {
            throw Self.refusal("before", "last and before exclude each other")
        }
        nameContains = Self.value("name", query)
        nameIs = Self.value("name_exact", query)
        guard nameContains == nil || nameIs == nil else {
            throw Self.refusal("name_exact", "name and name_exact exclude each other")
        }
        let count = Self.value("n", query)
        let size = count == nil ? Self.defaultCount : count.flatMap { Int($0) } ?? 0
        guard (1...Self.limitCount).contains(size) else {
            throw Self.refusal("n", "n is a number from 1 to \(Self.limitCount)")
        }
        self.size = size
        let order = Self.value("sort", query)
        guard let order = order == nil ? .name : order.flatMap(GitLabTagOrder.init) else {
            throw Self.refusal("sort", "sort is name, -name, published_at or -published_at")
        }
        self.order = order
        listsReferrers = query["referrers"] == "true"
        referrerTypes =
            Self.value("referrer_type", query)?.split(separator: ",").map(String.init) ?? []
    }

    private static func value(_ name: String, _ query: RequestQuery) -> String? {
        query[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    static func refusal(_ parameter: String, _ rule: String) -> RegistryError {
        RegistryError(
            .malformed, rule, reason: "query_invalid", detail: ["parameter": parameter])
    }
}
