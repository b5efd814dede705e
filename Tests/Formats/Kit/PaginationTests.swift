import FormatKit
import HTTPTypes
import Registry
import Testing

@Suite("Pages of lists")
struct PaginationTests {
    private func head(_ query: String) throws -> RequestHead {
        RequestHead(
            method: .get, tail: try RequestPath(parsing: "/tool/1.0"),
            query: try RequestQuery(parsing: query), headers: [:],
            origin: PublicOrigin(scheme: "https", authority: "pkg.example", pathPrefix: "/p"),
            mountPath: "/acme/-/generic", requestID: "r")
    }

    @Test(arguments: [
        ("", 1, 20), ("page=2", 2, 20), ("per_page=5", 1, 5), ("page=3&per_page=50", 3, 50),
        ("per_page=1000", 1, 100), ("page=", 1, 20), ("page=99999999", 2501, 20),
    ])
    func requests(_ query: String, _ number: Int, _ size: Int) throws {
        let request = try Pagination.request(in: try RequestQuery(parsing: query))
        #expect(request.number == number)
        #expect(request.size == size)
    }

    @Test(arguments: [
        "page=0", "page=-1", "page=x", "per_page=0", "per_page=1.5", "page=99999999999999999999",
    ])
    func notRequests(_ query: String) throws {
        let query = try RequestQuery(parsing: query)
        let failure = #expect(throws: RegistryError.self) { try Pagination.request(in: query) }
        #expect(failure?.code == .malformed)
    }

    @Test(arguments: [
        // page, size, total → next, previous, last
        (1, 10, 0, "", "", "1"), (1, 10, 10, "", "", "1"), (1, 10, 11, "2", "", "2"),
        (2, 10, 11, "", "1", "2"), (2, 10, 35, "3", "1", "4"), (9, 10, 35, "", "4", "4"),
    ])
    func fields(
        _ number: Int, _ size: Int, _ total: Int, _ next: String, _ previous: String,
        _ last: String
    ) throws {
        let page = Page<Int>(
            rows: [], totalCount: total, request: PageRequest(number: number, size: size))
        let fields = Pagination.headers(for: page, of: try head(""))
        #expect(fields[.xPage] == String(number))
        #expect(fields[.xPerPage] == String(size))
        #expect(fields[.xNextPage] == next)
        #expect(fields[.xPreviousPage] == previous)
        #expect(fields[.xTotal] == String(total))
        #expect(fields[.xTotalPages] == last)
        #expect(fields[.link]?.contains("rel=\"next\"") == !next.isEmpty)
        #expect(fields[.link]?.contains("rel=\"prev\"") == !previous.isEmpty)
    }

    @Test func linksKeepTheAddressAndTheOtherParameters() throws {
        let page = Page<Int>(
            rows: [], totalCount: 3, request: PageRequest(number: 1, size: 2))
        let fields = Pagination.headers(
            for: page, of: try head("a=b%20c&page=1&per_page=2&d=%26"))
        #expect(
            fields[.link]?.hasPrefix(
                "<https://pkg.example/p/acme/-/generic/tool/1.0?a=b%20c&d=%26&page=2&per_page=2>"
                    + "; rel=\"next\"") == true)
    }
}
