import Database
import Foundation
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// A database that goes away and comes back: clients are told to come again, nothing is
/// acknowledged that is not stored, and the gateway goes on by itself.
@Suite struct DatabaseLossTests {
    private static let base = "/root/box/-/generic"
    private static let target = "\(base)/tool/1.0/bin/tool"
    private static let content = Array("what was acknowledged".utf8)

    private func publishFirst(_ test: TestGateway) async throws -> Int {
        let created = try await test.send(
            .post, "/api/v4/projects", token: test.rootToken, json: ["name": "box"])
        try #require(created.status == .created, "\(created.text)")
        let stored = try await test.send(
            .put, Self.target, token: test.rootToken, body: Self.content)
        try #require(stored.status == .created, "\(stored.text)")
        return try #require(try created.object()["id"] as? Int)
    }

    /// The answer tells the client to come again, in the words of whoever gives it.
    private func verifyUnavailable(_ answer: TestResponse, _ what: String) throws {
        #expect(answer.status == .serviceUnavailable, "\(what): \(answer.text)")
        let seconds = answer.headers[.retryAfter].flatMap { Int($0) }
        #expect(seconds.map { $0 > 0 } == true, "\(what)")
        #expect(answer.headers[.contentType] == "application/json", "\(what)")
        let message = try answer.object()["message"] as? String
        let isManagement = what.contains("/api/v4/projects/") && !what.contains("/packages/generic")
        #expect(
            message
                == (isManagement
                    ? "503 Service Unavailable - the database cannot be reached now"
                    : "the database cannot be reached now"),
            "\(what)")
    }

    private func verifyEverythingIsUnavailable(
        _ test: TestGateway, projectID: Int, _ state: String
    ) async throws {
        for example in GenericFormat.examples {
            for prefix in [Self.base, "/api/v4/projects/\(projectID)/packages/generic"] {
                let answer = try await test.send(
                    example.method, prefix + example.tail, token: test.rootToken,
                    body: example.method == .put ? Array("never acknowledged".utf8) : [])
                try verifyUnavailable(
                    answer, "\(state): \(example.method) \(prefix)\(example.tail)")
            }
        }
        let calls: [(HTTPRequest.Method, String)] = [
            (.get, ""), (.get, "/packages"), (.get, "/members"), (.delete, "/deploy_tokens/1"),
        ]
        for (method, tail) in calls {
            let path = "/api/v4/projects/\(projectID)\(tail)"
            let answer = try await test.send(method, path, token: test.rootToken)
            try verifyUnavailable(answer, "\(state): \(method) \(path)")
        }
    }

    @Test func aCrashOfPostgres() async throws {
        let server = try await PostgresServer.start()
        let engine = PostgresEngine(url: try await server.makeDatabase())
        try await Replicas.run([engine]) { replicas in
            let test = replicas.first
            let token = test.rootToken
            let projectID = try await publishFirst(test)
            try await eventually(within: .seconds(5), "the caller is remembered") {
                let before = replicas.members[0].store.readCount
                let answer = try await test.send(.get, "/api/v4/version", token: token)
                let isRemembered = replicas.members[0].store.readCount == before
                return answer.status == .ok && isRemembered ? answer : nil
            }

            try await server.crash()
            try await verifyEverythingIsUnavailable(test, projectID: projectID, "warm")
            // Nothing that is remembered outlives the database for long. This call would need none.
            try await eventually(within: AdministrationCache.stalenessLimit, "forgotten") {
                let answer = try await test.send(.get, "/api/v4/version", token: token)
                return answer.status == .serviceUnavailable ? answer : nil
            }
            try await verifyEverythingIsUnavailable(test, projectID: projectID, "cold")
            try verifyUnavailable(
                try await test.send(.get, Self.target), "nobody: \(Self.target)")
            #expect(try await test.send(.post, "/livez").status == .methodNotAllowed)
            for path in ["/livez", "/readyz"] {
                let answer = try await test.send(.get, path)
                #expect(answer.status == (path == "/livez" ? .ok : .serviceUnavailable))
                #expect((answer.headers[.retryAfter] != nil) == (path == "/readyz"))
            }

            try await server.restart()
            let served = try await test.send(.get, Self.target, token: token)
            #expect(served.status == .ok && served.body == Self.content, "\(served.text)")
            try await eventually(within: .seconds(2), "ready") {
                try await test.send(.get, "/readyz").status == .ok ? true : nil
            }
            let list = try await test.send(.get, "\(Self.base)/tool/1.0", token: token)
            #expect((try list.json() as? [Any])?.count == 1, "\(list.text)")
            let again = try await test.send(
                .put, "\(Self.base)/tool/1.0/later", token: token, body: [1])
            #expect(again.status == .created, "\(again.text)")
        }
        await engine.close()
    }

    /// A crash while publishers are at work: what was acknowledged is there afterwards.
    @Test func aCrashUnderWriters() async throws {
        let server = try await PostgresServer.start()
        let engine = PostgresEngine(url: try await server.makeDatabase())
        try await Replicas.run([engine]) { replicas in
            let test = replicas.first
            _ = try await publishFirst(test)
            let acknowledged = SendableBox<[String]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        var number = 0
                        var failureCount = 0
                        // Each goes on until it has met the crash and has published after it.
                        while failureCount == 0 || number < 20 {
                            number += 1
                            let path = "\(Self.base)/tool/\(writer)/\(number)"
                            let answer = try await test.send(
                                .put, path, token: test.rootToken, body: Array(path.utf8))
                            switch answer.status {
                            case .created: acknowledged.withValue { $0.append(path) }
                            case .serviceUnavailable: failureCount += 1
                            default: Issue.record("\(path): \(answer.status) \(answer.text)")
                            }
                        }
                    }
                }
                try await eventually(within: .seconds(20), "some publishes") {
                    acknowledged.withValue { $0.count > 8 } ? true : nil
                }
                try await server.crash()
                try await server.restart()
                try await group.waitForAll()
            }
            for path in acknowledged.withValue({ $0 }) {
                let served = try await test.send(.get, path, token: test.rootToken)
                #expect(served.body == Array(path.utf8), "\(path): \(served.status)")
            }
        }
        await engine.close()
    }

    @Test func aFileThatSomebodyElseLocks() async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase()
        var limits = SQLiteEngine.Limits()
        limits.busyWaitSeconds = 0.2
        let impatient = try SQLiteEngine(path: database.address, limits: limits)
        try await Replicas.run([impatient]) { replicas in
            let test = replicas.first
            let token = test.rootToken
            let projectID = try await publishFirst(test)
            let later = "\(Self.base)/tool/1.0/later"
            try await database.withEngine { other in
                let (held, isHeld) = AsyncStream.makeStream(of: Void.self)
                let mayEnd = DispatchSemaphore(value: 0)
                async let holding: Void = other.write { _ in
                    isHeld.finish()
                    mayEnd.wait()
                }
                for await _ in held {}
                let refused = try await test.send(.put, later, token: token, body: [1])
                try verifyUnavailable(refused, later)
                let deploy = "/api/v4/projects/\(projectID)/deploy_tokens"
                let refusedCall = try await test.send(
                    .post, deploy, token: token,
                    json: ["name": "t", "scopes": ["read_package_registry"]])
                try verifyUnavailable(refusedCall, deploy)
                // Readers do not wait for writers.
                let served = try await test.send(.get, Self.target, token: token)
                #expect(served.status == .ok && served.body == Self.content)
                #expect(try await test.send(.get, later, token: token).status == .notFound)
                mayEnd.signal()
                _ = try await holding
            }
            let stored = try await test.send(.put, later, token: token, body: [1])
            #expect(stored.status == .created, "\(stored.text)")
        }
        await impatient.close()
    }
}
