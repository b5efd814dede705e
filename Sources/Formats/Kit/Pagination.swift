public import HTTPTypes
public import Registry

/// Pages of a list by number, as GitLab's offset pagination has them.
///
/// *Source*: GitLab, "REST API: Pagination".
public enum Pagination {
    /// The page that `?page=` and `?per_page=` ask for.
    ///
    /// - Throws: `malformed` when one of them is not a positive number.
    public static func request(in query: RequestQuery) throws(RegistryError) -> PageRequest {
        PageRequest(
            number: try number("page", in: query) ?? 1,
            size: try number("per_page", in: query) ?? 20)
    }

    /// `X-Page`, `X-Per-Page`, `X-Next-Page`, `X-Prev-Page`, `X-Total`, `X-Total-Pages` and `Link`,
    /// whose addresses are the request's own with another page.
    public static func headers<Row>(for page: Page<Row>, of head: RequestHead) -> HTTPFields {
        let number = page.request.number
        let last = max(1, (page.totalCount + page.request.size - 1) / page.request.size)
        let previous = number > 1 ? min(number - 1, last) : nil
        let next = number < last ? number + 1 : nil
        let links = [("prev", previous), ("next", next), ("first", 1), ("last", last)]
            .compactMap { relation, target in
                target.map { "<\(address(of: $0, page.request, head))>; rel=\"\(relation)\"" }
            }
        return [
            .xPage: String(number), .xPerPage: String(page.request.size),
            .xNextPage: next.map { String($0) } ?? "",
            .xPreviousPage: previous.map { String($0) } ?? "",
            .xTotal: String(page.totalCount), .xTotalPages: String(last),
            .link: links.joined(separator: ", "),
        ]
    }

    private static func number(
        _ name: String, in query: RequestQuery
    ) throws(RegistryError) -> Int? {
        guard let text = query[name], !text.isEmpty else { return nil }
        guard let number = Int(text), number > 0 else {
            throw RegistryError(.malformed, "\(name) is not a positive number")
        }
        return number
    }

    private static func address(
        of number: Int, _ request: PageRequest, _ head: RequestHead
    ) -> String {
        let others = head.query.items.filter { $0.name != "page" && $0.name != "per_page" }
        let items =
            others + [("page", String(number)), ("per_page", String(request.size))]
        let query = items.map {
            PercentEncoding.encode($0.name) + "=" + PercentEncoding.encode($0.value)
        }
        return head.url(forTail: head.tail.segments) + "?" + query.joined(separator: "&")
    }
}
