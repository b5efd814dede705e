import NIOCore
import Registry
import TestSupport
import Testing

@Suite struct RequestPathTests {
    @Test(arguments: [
        ("/", [], true), ("/a/b", ["a", "b"], false), ("/a/b/", ["a", "b"], true),
        ("//a///b", ["a", "b"], false), ("/a%2Fb/c", ["a/b", "c"], false),
        ("/a%2fb", ["a/b"], false), ("/%40scope%2Fname", ["@scope/name"], false),
        ("/a%20b", ["a b"], false), ("/a+b", ["a+b"], false), ("/%C3%BC", ["ü"], false),
        ("/a..b/...", ["a..b", "..."], false), ("/a%252Fb", ["a%2Fb"], false),
    ])
    func decodes(raw: String, segments: [String], hasTrailingSlash: Bool) throws {
        let path = try RequestPath(parsing: raw)
        #expect(path.segments == segments)
        #expect(path.hasTrailingSlash == hasTrailingSlash)
    }

    @Test(arguments: [
        "", "a", "/..", "/a/../b", "/a/..", "/.", "/a/./b", "/%2e%2e/a", "/a/%2E%2E", "/.%2e/a",
        "/a%2F..%2Fb", "/a%2F.", "/a%5Cb", "/a\\b", "/a%00b", "/a%0Ab", "/a%7F", "/a%", "/a%2",
        "/a%zz", "/%ff", "/%C3%28", "/" + String(repeating: "a", count: RequestPath.limitBytes),
    ])
    func refuses(raw: String) {
        #expect(throws: RegistryError.self) { try RequestPath(parsing: raw) }
    }

    @Test func whatIsDecodedNeverClimbs() throws {
        var generator = SeededGenerator.announced()
        let pieces = ["a", ".", "..", "%2e", "%2E%2e", "/", "%2F", "\\", "%5c", "%25", "%00", "é"]
        for _ in 0..<20_000 {
            let raw =
                "/"
                + (0..<Int.random(in: 1...8, using: &generator))
                .compactMap { _ in pieces.randomElement(using: &generator) }.joined()
            guard let path = try? RequestPath(parsing: raw) else { continue }
            for segment in path.segments {
                #expect(!segment.isEmpty)
                #expect(!segment.contains("\\") && !segment.contains("\0"))
                #expect(!segment.split(separator: "/").contains(".."), "\(raw)")
                #expect(!segment.split(separator: "/").contains("."), "\(raw)")
            }
        }
    }
}

@Suite struct RequestQueryTests {
    @Test func decodes() throws {
        let query = try RequestQuery(parsing: "a=1&b=x%26y&a=2&c&d=a+b&&e=")
        #expect(query["a"] == "1")
        #expect(query.values("a") == ["1", "2"])
        #expect(query["b"] == "x&y")
        #expect(query["c"] == "")
        #expect(query["d"] == "a b")
        #expect(query["e"] == "")
        #expect(query["f"] == nil)
    }

    @Test(arguments: [
        "a=%", "a=%zz", "a=%ff",
        String(repeating: "a&", count: RequestQuery.limitCount + 1),
    ])
    func refuses(raw: String) {
        #expect(throws: RegistryError.self) { try RequestQuery(parsing: raw) }
    }

    @Test func encodesForURLs() {
        #expect(PercentEncoding.encode("@a/b c~-._é") == "%40a%2Fb%20c~-._%C3%A9")
    }
}

@Suite struct RequestBodyTests {
    /// A body that arrives in these pieces.
    private final class Pieces: RequestBodySource {
        private let pieces: SendableBox<[ByteBuffer]>

        init(_ sizes: [Int]) {
            pieces = SendableBox(sizes.map { ByteBuffer(repeating: 7, count: $0) })
        }

        func nextChunk() async throws(RegistryError) -> ByteBuffer? {
            pieces.withValue { $0.isEmpty ? nil : $0.removeFirst() }
        }
    }

    @Test func countsWhatItReads() async throws {
        var body = RequestBody(source: Pieces([10, 20]), limitBytes: 30)
        while try await body.next() != nil {}
        #expect(body.readBytes == 30)
    }

    @Test func stopsAtTheLimitWhateverWasAnnounced() async throws {
        var body = RequestBody(source: Pieces([10, 20, 1]), limitBytes: 30)
        _ = try await body.next()
        _ = try await body.next()
        do {
            _ = try await body.next()
            Issue.record("31 bytes passed a limit of 30")
        } catch {
            #expect(error.code == .bodyTooLarge)
        }
    }

    @Test func collectsUpToALimit() async throws {
        let body = RequestBody(source: Pieces([10, 20]), limitBytes: 100)
        #expect(try await body.collect(limitBytes: 30).readableBytes == 30)
        let longer = RequestBody(source: Pieces([10, 21]), limitBytes: 100)
        do {
            _ = try await longer.collect(limitBytes: 30)
            Issue.record("31 bytes passed a limit of 30")
        } catch {
            #expect(error.code == .bodyTooLarge)
        }
    }
}
