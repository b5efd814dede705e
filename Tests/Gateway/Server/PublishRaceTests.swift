import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

/// Publishers and deleters of one package at the same time, through whole gateways.
@Suite struct PublishRaceTests {
    private static let base = "/root/box/-/generic/tool"

    private func withProject(
        on kind: DatabaseKind, settings: NamespaceSettings = NamespaceSettings(),
        _ body: (TestGateway) async throws -> Void
    ) async throws {
        try await TestGateway.run(on: kind, formats: [GenericFormat()]) { test in
            let created = try await test.send(
                .post, "/api/v4/projects", token: test.rootToken, json: ["name": "box"])
            try #require(created.status == .created, "\(created.text)")
            let id = try #require(try created.object()["id"] as? Int)
            try await test.store.write { tx in
                _ = try tx.updateNamespace(Int64(id), NamespaceChange(settings: settings))
            }
            try await body(test)
        }
    }

    /// Runs `body` with two gateways on one database, and a project.
    private func withReplicas(
        on kind: DatabaseKind, _ body: (TestGateway, TestGateway) async throws -> Void
    ) async throws {
        try await Replicas.run(on: kind) { replicas in
            let test = replicas.first
            let created = try await test.send(
                .post, "/api/v4/projects", token: test.rootToken, json: ["name": "box"])
            try #require(created.status == .created, "\(created.text)")
            try await body(test, replicas.members[1].test)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func ofTwoForOneNameOneWins(kind: DatabaseKind) async throws {
        try await withReplicas(on: kind) { test, other in
            for round in 0..<40 {
                let target = "\(Self.base)/1.0/file-\(round)"
                let contents = [Array("a\(round)".utf8), Array("b\(round)".utf8)]
                async let first = test.send(
                    .put, target, token: test.rootToken, body: contents[0])
                async let second = other.send(
                    .put, target, token: test.rootToken, body: contents[1])
                let answers = try await [first, second]
                #expect(
                    Set(answers.map(\.status)) == [.created, .conflict],
                    "round \(round): \(answers.map(\.text))")
                let winner = answers[0].status == .created ? 0 : 1
                let served = try await test.send(.get, target, token: test.rootToken)
                #expect(served.body == contents[winner], "round \(round)")
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func ofTwoWithTheSameBytesBothSucceed(kind: DatabaseKind) async throws {
        try await withProject(on: kind) { test in
            for round in 0..<20 {
                let target = "\(Self.base)/\(round)/file"
                let content = Array("content \(round)".utf8)
                async let first = test.send(.put, target, token: test.rootToken, body: content)
                async let second = test.send(.put, target, token: test.rootToken, body: content)
                for answer in try await [first, second] {
                    #expect(answer.status == .created, "round \(round): \(answer.text)")
                }
                let served = try await test.send(.get, target, token: test.rootToken)
                #expect(served.body == content)
            }
        }
    }

    /// Whoever comes first, what is there afterwards is what one of the two orders leaves.
    @Test(arguments: DatabaseKind.allCases, [true, false])
    func aDeleteRacesAPublish(kind: DatabaseKind, reservesDeletedNames: Bool) async throws {
        var settings = NamespaceSettings()
        settings.reservesDeletedNames = reservesDeletedNames
        try await withProject(on: kind, settings: settings) { test in
            for round in 0..<24 {
                let version = "\(Self.base)/\(round)"
                let isWhole = round % 2 == 0
                let old = try await test.send(
                    .put, "\(version)/old", token: test.rootToken, body: [1])
                #expect(old.status == .created, "\(old.text)")
                async let deleting = test.send(
                    .delete, isWhole ? version : "\(version)/old", token: test.rootToken)
                async let publishing = test.send(
                    .put, "\(version)/new", token: test.rootToken, body: [2])
                let (deleted, published) = try await (deleting, publishing)
                #expect(deleted.status == .noContent, "\(deleted.text)")
                let gone = try await test.send(.get, "\(version)/old", token: test.rootToken)
                #expect(gone.status == .notFound)
                let found = try await test.send(.get, "\(version)/new", token: test.rootToken)
                if isWhole {
                    // First the publish, then the delete; or the other way round.
                    let outcomes: [[HTTPResponse.Status]] =
                        [[.created, .notFound]]
                        + (reservesDeletedNames ? [[.conflict, .notFound]] : [[.created, .ok]])
                    #expect(outcomes.contains([published.status, found.status]))
                } else {
                    #expect(published.status == .created, "\(published.text)")
                    #expect(found.status == .ok && found.body == [2])
                }
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func manyPublishersLoseNothing(kind: DatabaseKind) async throws {
        try await withReplicas(on: kind) { test, other in
            let numbers = Array(0..<64)
            let answers = try await withThrowingTaskGroup(of: TestResponse.self) { group in
                for number in numbers {
                    group.addTask {
                        try await (number % 2 == 0 ? test : other).send(
                            .put, "\(Self.base)/\(number % 4)/file-\(number)",
                            token: test.rootToken, body: Array("content \(number)".utf8))
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == .created }, "\(answers.map(\.text))")
            var listedCount = 0
            for version in 0..<4 {
                let list = try await test.send(
                    .get, "\(Self.base)/\(version)?per_page=100", token: test.rootToken)
                listedCount += (try list.json() as? [Any])?.count ?? 0
            }
            #expect(listedCount == numbers.count)
            for number in numbers {
                let served = try await test.send(
                    .get, "\(Self.base)/\(number % 4)/file-\(number)", token: test.rootToken)
                #expect(served.body == Array("content \(number)".utf8))
            }
        }
    }
}
