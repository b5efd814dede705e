import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Uploading blobs")
struct OCIUploadTests {
    private static let content = Array((0..<5000).map { UInt8($0 % 251) })
    private static let digest = TestImage.digest(content)

    /// C-10, C-2.
    @Test(arguments: DatabaseKind.allCases)
    func inOneRequest(_ kind: DatabaseKind) async throws {
        try await OCIBench.run(on: kind) { bench in
            let answer = try await bench.send(
                .post, "acme/web/api/blobs/uploads/?digest=\(Self.digest)", body: Self.content)
            #expect(answer.status == .created)
            #expect(answer.headers[.location] == "/v2/acme/web/api/blobs/\(Self.digest)")
            #expect(answer.header("Docker-Content-Digest") == Self.digest.description)
            #expect(answer.header("Docker-Distribution-Api-Version") == "registry/2.0")
            let read = try await bench.follow(.get, answer.headers[.location])
            #expect(read.status == .ok)
            #expect(read.body == Self.content)
            #expect(read.header("Docker-Content-Digest") == Self.digest.description)
            #expect(read.headers[.contentType] == "application/octet-stream")
            let head = try await bench.follow(.head, answer.headers[.location])
            #expect(head.status == .ok)
            #expect(head.header("Docker-Content-Digest") == Self.digest.description)
            // The same again, and the same blob in a repository that has none.
            try await bench.push(Self.content)
            let elsewhere = try await bench.send(.head, "acme/web/other/blobs/\(Self.digest)")
            #expect(elsewhere.status == .notFound)
            let wrong = try await bench.send(
                .post, "acme/web/api/blobs/uploads/?digest=\(Self.digest)", body: [1])
            #expect(wrong.status == .badRequest)
            #expect(wrong.errorCode == "DIGEST_INVALID")
        }
    }

    /// C-1, C-6, C-7, C-9: a session from its beginning to its end, with the status between.
    @Test(arguments: DatabaseKind.allCases)
    func inChunks(_ kind: DatabaseKind) async throws {
        try await OCIBench.run(on: kind) { bench in
            let begun = try await bench.send(.post, "acme/web/api/blobs/uploads/")
            #expect(begun.status == .accepted)
            #expect(begun.headers[.range] == "0-0")
            var location = try #require(begun.headers[.location])
            #expect(location.hasPrefix("/v2/acme/web/api/blobs/uploads/"))
            #expect(location.hasSuffix(begun.header("Docker-Upload-UUID") ?? "?"))
            for start in stride(from: 0, to: 4000, by: 1000) {
                let chunk = Array(Self.content[start..<start + 1000])
                let answer = try await bench.follow(
                    .patch, location, [("Content-Range", "\(start)-\(start + 999)")], body: chunk)
                #expect(answer.status == .accepted)
                #expect(answer.headers[.range] == "0-\(start + 999)")
                location = try #require(answer.headers[.location])
                let status = try await bench.follow(.get, location)
                #expect(status.status == .noContent)
                #expect(status.headers[.range] == "0-\(start + 999)")
                #expect(status.headers[.location] == location)
            }
            let done = try await bench.follow(
                .put, location, query: "?digest=\(Self.digest)",
                [("Content-Range", "4000-4999")], body: Array(Self.content[4000...]))
            #expect(done.status == .created)
            #expect(done.headers[.location] == "/v2/acme/web/api/blobs/\(Self.digest)")
            #expect(try await bench.follow(.get, done.headers[.location]).body == Self.content)
            for method in [HTTPRequest.Method.get, .patch, .delete] {
                let over = try await bench.follow(method, location)
                #expect(over.status == .notFound)
                #expect(over.errorCode == "BLOB_UPLOAD_UNKNOWN")
            }
        }
    }

    /// C-8: a stream without ranges; chunks out of order, in PATCH and PUT.
    @Test(arguments: DatabaseKind.allCases)
    func streamsAndDisorder(_ kind: DatabaseKind) async throws {
        try await OCIBench.run(on: kind) { bench in
            let begun = try await bench.send(.post, "acme/web/api/blobs/uploads/")
            let location = begun.headers[.location]
            let streamed = try await bench.follow(
                .patch, location, body: Array(Self.content[..<1000]))
            #expect(streamed.status == .accepted)
            #expect(streamed.headers[.range] == "0-999")
            let orders = [
                (HTTPRequest.Method.patch, ""), (.put, "?digest=\(Self.digest)"),
            ]
            for (method, query) in orders {
                for start in [0, 999, 1001, 4000] {
                    let answer = try await bench.follow(
                        method, location, query: query,
                        [("Content-Range", "\(start)-\(start + 499)")],
                        body: Array(Self.content[500..<1000]))
                    #expect(answer.status == .rangeNotSatisfiable, "\(method) \(start)")
                    #expect(answer.errorCode == "RANGE_INVALID")
                    #expect(answer.headers[.range] == "0-999")
                    #expect(answer.headers[.location] == location)
                }
            }
            let status = try await bench.follow(.get, location)
            #expect(status.headers[.range] == "0-999")
            let rest = try await bench.follow(
                .patch, status.headers[.location], [("Content-Range", "1000-4999")],
                body: Array(Self.content[1000...]))
            #expect(rest.headers[.range] == "0-4999")
            let done = try await bench.follow(.put, location, query: "?digest=\(Self.digest)")
            #expect(done.status == .created)
            #expect(try await bench.follow(.get, done.headers[.location]).body == Self.content)
        }
    }

    /// C-9: what is cancelled is gone; the bench fails when something of it is left.
    @Test(arguments: DatabaseKind.allCases)
    func cancelling(_ kind: DatabaseKind) async throws {
        try await OCIBench.run(on: kind) { bench in
            let begun = try await bench.send(.post, "acme/web/api/blobs/uploads/")
            let location = begun.headers[.location]
            _ = try await bench.follow(.patch, location, body: [1, 2, 3])
            #expect(try await bench.follow(.delete, location).status == .noContent)
            #expect(try await bench.follow(.get, location).status == .notFound)
            #expect(try await bench.follow(.delete, location).status == .notFound)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func aWrongDigestEndsTheSession(_ kind: DatabaseKind) async throws {
        try await OCIBench.run(on: kind) { bench in
            let begun = try await bench.send(.post, "acme/web/api/blobs/uploads/")
            let location = begun.headers[.location]
            let answer = try await bench.follow(
                .put, location, query: "?digest=\(Self.digest)", body: [1, 2, 3])
            #expect(answer.status == .badRequest)
            #expect(answer.errorCode == "DIGEST_INVALID")
            #expect(try await bench.follow(.get, location).status == .notFound)
            let head = try await bench.send(.head, "acme/web/api/blobs/\(Self.digest)")
            #expect(head.status == .notFound)
        }
    }

    /// Only the repository that began a session goes on with it.
    @Test func sessionsBelongToARepository() async throws {
        try await OCIBench.run(on: .sqlite) { bench in
            let begun = try await bench.send(.post, "acme/web/api/blobs/uploads/")
            let id = try #require(begun.header("Docker-Upload-UUID"))
            for other in ["acme/web/other", "acme/web", "acme/base/api"] {
                let answer = try await bench.send(.get, "\(other)/blobs/uploads/\(id)")
                #expect(answer.status == .notFound)
                #expect(answer.errorCode == "BLOB_UPLOAD_UNKNOWN")
            }
            for id in ["x", "..%2f..", "%00", String(repeating: "a", count: 500)] {
                let answer = try await bench.send(.get, "acme/web/api/blobs/uploads/\(id)")
                #expect([.notFound, .badRequest].contains(answer.status))
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func sha512(_ kind: DatabaseKind) async throws {
        let digest = try TestImage.sha512(Self.content)
        try await OCIBench.run(on: kind) { bench in
            let whole = try await bench.send(
                .post, "acme/web/api/blobs/uploads/?digest=\(digest)", body: Self.content)
            #expect(whole.status == .created)
            #expect(whole.header("Docker-Content-Digest") == digest.description)
            let read = try await bench.follow(.get, whole.headers[.location])
            #expect(read.body == Self.content)
            #expect(read.header("Docker-Content-Digest") == digest.description)
            // Said at the beginning, and not before the end.
            for query in ["?digest-algorithm=sha512", ""] {
                let repository = "acme/web/r\(query.count)"
                let begun = try await bench.send(.post, "\(repository)/blobs/uploads/" + query)
                let done = try await bench.follow(
                    .put, begun.headers[.location], query: "?digest=\(digest)",
                    body: Self.content)
                #expect(done.status == .created, "\(done.text)")
                let head = try await bench.send(.head, "\(repository)/blobs/\(digest)")
                #expect(head.status == .ok)
                let same = try await bench.send(.head, "\(repository)/blobs/\(Self.digest)")
                #expect(same.status == .ok)
            }
        }
    }

    @Test(arguments: [[UInt8](), Array("{}".utf8)])
    func smallBlobs(_ content: [UInt8]) async throws {
        let digest = TestImage.digest(content)
        try await OCIBench.run(on: .sqlite) { bench in
            let begun = try await bench.send(.post, "acme/web/api/blobs/uploads/")
            let done = try await bench.follow(
                .put, begun.headers[.location], query: "?digest=\(digest)", body: content)
            #expect(done.status == .created)
            let read = try await bench.follow(.get, done.headers[.location])
            #expect(read.status == .ok)
            #expect(read.body == content)
        }
    }

    /// C-11.
    @Test(arguments: DatabaseKind.allCases)
    func mounting(_ kind: DatabaseKind) async throws {
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(Self.content, to: "acme/base/image")
            let uploads = "acme/web/api/blobs/uploads/"
            let cases = [
                "?mount=\(Self.digest)&from=acme/base/other", "?mount=\(Self.digest)",
                "?mount=\(Self.digest)&from=no/such/project",
                "?mount=\(Self.digest)&from=NO", "?mount=nonsense&from=acme/base/image",
                "?mount=sha256:\(String(repeating: "0", count: 64))&from=acme/base/image",
            ]
            for query in cases {
                let answer = try await bench.send(.post, uploads + query)
                #expect(answer.status == .accepted, "\(query)")
                #expect(answer.headers[.range] == "0-0")
                let cancelled = try await bench.follow(.delete, answer.headers[.location])
                #expect(cancelled.status == .noContent)
            }
            let mounted = try await bench.send(
                .post, uploads + "?mount=\(Self.digest)&from=acme/base/image")
            #expect(mounted.status == .created)
            #expect(mounted.headers[.location] == "/v2/acme/web/api/blobs/\(Self.digest)")
            #expect(mounted.header("Docker-Content-Digest") == Self.digest.description)
            #expect(try await bench.follow(.get, mounted.headers[.location]).body == Self.content)
            // What the repository has already needs no other.
            let again = try await bench.send(.post, uploads + "?mount=\(Self.digest)")
            #expect(again.status == .created)
        }
    }
}
