import FormatKit
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("The generic format on a database and a folder")
struct GenericStoredTests {
    private let target = "/tool/1.0/bin/tool"

    @Test(arguments: DatabaseKind.allCases)
    func theLifeOfAFile(_ kind: DatabaseKind) async throws {
        let digests = InMemoryBlobs.digests(of: Array("hello".utf8))
        try await StoredScopes.run(on: kind) { scopes in
            let client = GenericClient(scope: scopes.project)
            let stored = try await client.send(
                .put, target, [.xChecksumMD5: digests.md5 ?? "", .contentType: "text/x-tool"],
                body: "hello")
            #expect(stored.status == 201)
            #expect(stored.headers[.xChecksumMD5] == digests.md5)
            let read = try await client.send(.get, target)
            #expect(read.text == "hello")
            #expect(read.headers[.eTag] == "\"\(digests.sha256)\"")
            #expect(read.headers[.contentType] == "text/x-tool")
            #expect(read.headers[.xChecksumMD5] == digests.md5)
            let parts = try await client.send(.get, target, [.range: "bytes=1-2,4-"])
            #expect(parts.status == 206)
            #expect(parts.text.contains("\r\n\r\nel\r\n") && parts.text.contains("\r\n\r\no\r\n"))
            #expect(try await client.send(.put, target, body: "hello").status == 201)
            #expect(try await client.send(.put, target, body: "other").status == 409)
            #expect(try await client.send(.put, target, body: "longer").readCount == 0)
            #expect(
                try await client.send(
                    .put, "/tool/1.0/wrong", [.xChecksumSHA256: digests.sha256.hex], body: "x"
                ).status == 422)
            let list = try await client.send(.get, "/tool/1.0")
            #expect(list.headers[.xTotal] == "1")
            #expect(list.text.contains(#""file_name":"bin/tool""#))

            let group = GenericClient(scope: scopes.group)
            #expect(try await group.send(.get, target).text == "hello")
            #expect(try await group.send(.put, target, body: "hello").status == 405)

            let other: HTTPFields = [.ifMatch: "\"sha256:00\""]
            #expect(try await client.send(.delete, target, other).status == 412)
            #expect(
                try await client.send(.delete, target, [.ifMatch: "\"\(digests.sha256)\""]).status
                    == 204)
            #expect(try await client.send(.get, target).status == 404)
            #expect(try await group.send(.get, target).status == 404)
            #expect(try await client.send(.put, target, body: "other").status == 201)
            #expect(try await client.send(.delete, "/tool/1.0").status == 204)
            #expect(try await client.send(.put, target, body: "other").status == 409)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func ofManyWhoWantToBeFirstOneIs(_ kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind, replacing: [GenericFormat.id]) { scopes in
            let client = GenericClient(scope: scopes.project)
            let answers = try await Self.concurrently(12) { [target] index in
                try await client.send(.put, target, [.ifNoneMatch: "*"], body: "writer \(index)")
            }
            #expect(answers.map(\.status).sorted() == [201] + [Int](repeating: 412, count: 11))
            let winner = try #require(answers.first { $0.status == 201 })
            let read = try await client.send(.get, target)
            #expect(read.headers[.eTag] == winner.headers[.eTag])
            // And of many who change what they all saw, one does.
            let tag = read.headers[.eTag] ?? ""
            let changes = try await Self.concurrently(12) { [target] index in
                try await client.send(.put, target, [.ifMatch: tag], body: "change \(index)")
            }
            #expect(changes.map(\.status).sorted() == [201] + [Int](repeating: 412, count: 11))
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func parallelUploadsOfOneVersionLoseNothing(_ kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let client = GenericClient(scope: scopes.project)
            let answers = try await Self.concurrently(24) { index in
                // Every second file has the bytes of the one before it.
                try await client.send(.put, "/tool/1.0/f\(index)", body: "bytes \(index / 2)")
            }
            #expect(answers.allSatisfy { $0.status == 201 })
            #expect(
                try await client.send(.get, "/tool/1.0?per_page=100").headers[.xTotal] == "24")
            for index in 0..<24 {
                #expect(
                    try await client.send(.get, "/tool/1.0/f\(index)").text
                        == "bytes \(index / 2)")
            }
        }
    }

    private static func concurrently(
        _ count: Int,
        _ body: @escaping @Sendable (Int) async throws -> GenericClient.Answer
    ) async throws -> [GenericClient.Answer] {
        try await withThrowingTaskGroup(of: GenericClient.Answer.self) { group in
            for index in 0..<count { group.addTask { try await body(index) } }
            var answers: [GenericClient.Answer] = []
            for try await answer in group { answers.append(answer) }
            return answers
        }
    }
}
