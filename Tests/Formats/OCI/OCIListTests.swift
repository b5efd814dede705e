import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Lists of tags and repositories")
struct OCIListTests {
    /// Follows the pages of a list.
    private static func collect(
        _ member: String, from target: String, size: Int, in bench: OCIBench
    ) async throws -> [String] {
        var found: [String] = []
        var next: String? = target
        while let page = next {
            let answer = try await bench.follow(.get, page)
            #expect(answer.status == .ok)
            let names = try #require(try answer.object()[member] as? [String])
            #expect(names.count <= size)
            found += names
            next = answer.nextPage
        }
        return found
    }

    @Test(arguments: DatabaseKind.allCases)
    func tags(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        let names = ["b", "B", "a", "1.10", "1.9", "_x", "a-b", "a.b", "z", "a_b"]
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        try await OCIBench.run(on: kind) { bench in
            for name in names { try await bench.push(image, as: name) }
            let target = "/v2/acme/web/api/tags/list"
            let whole = try await bench.follow(.get, target)
            #expect(try whole.object()["tags"] as? [String] == sorted)
            #expect(try whole.object()["name"] as? String == "acme/web/api")
            #expect(whole.headers[.contentType] == "application/json")
            #expect(whole.nextPage == nil)
            for size in [1, 3, 5, 10, 11] {
                #expect(
                    try await Self.collect(
                        "tags", from: target + "?n=\(size)", size: size, in: bench) == sorted)
            }
            let none = try await bench.follow(.get, target + "?n=0")
            #expect(none.text == #"{"name":"acme/web/api","tags":[]}"#)
            #expect(none.nextPage == nil)
            let behind = try await bench.follow(.get, target + "?last=a")
            #expect(
                try behind.object()["tags"] as? [String]
                    == sorted.filter { "a".utf8.lexicographicallyPrecedes($0.utf8) })
            // What is kept of a list is never older than the repository.
            try await bench.push(image, as: "new")
            #expect(
                (try await bench.follow(.get, target).object()["tags"] as? [String])?
                    .contains("new") == true)
            _ = try await bench.send(.delete, "acme/web/api/manifests/new")
            #expect(
                try await bench.follow(.get, target).object()["tags"] as? [String] == sorted)
        }
    }

    @Test func repositoriesThatAreNot() async throws {
        try await OCIBench.run(on: .sqlite) { bench in
            for name in ["acme/web/none", "acme/none", "none"] {
                let answer = try await bench.send(.get, "\(name)/tags/list")
                #expect(answer.status == .notFound)
                #expect(answer.errorCode == "NAME_UNKNOWN")
            }
            for query in ["n=-1", "n=x"] {
                let answer = try await bench.send(.get, "acme/web/api/tags/list?" + query)
                #expect(answer.status == .badRequest)
                #expect(answer.errorCode == "PAGINATION_NUMBER_INVALID")
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func catalogue(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        let names = [
            "acme/web", "acme/web/api", "acme/web/api-x", "acme/web/api/deep", "acme/base/b",
        ]
        try await OCIBench.run(on: kind) { bench in
            #expect(try await bench.send(.get, "_catalog").text == #"{"repositories":[]}"#)
            for name in names { try await bench.push(image, as: "v1", to: name) }
            // Blobs alone make no repository that anybody could pull from.
            try await bench.push([1, 2, 3], to: "acme/web/unfinished")
            let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for size in [1, 2, 5, 6] {
                #expect(
                    try await Self.collect(
                        "repositories", from: "/v2/_catalog?n=\(size)", size: size, in: bench)
                        == sorted)
            }
            #expect(
                try await bench.send(.get, "_catalog?n=0").text == #"{"repositories":[]}"#)
            _ = try await bench.send(.delete, "acme/base/b/manifests/\(image.digest)")
            #expect(
                try await bench.send(.get, "_catalog").object()["repositories"] as? [String]
                    == sorted.filter { $0 != "acme/base/b" })
        }
    }
}
