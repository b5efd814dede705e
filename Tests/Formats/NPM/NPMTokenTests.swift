import Foundation
import HTTPTypes
import NPMFormat
import Registry
import TestSupport
import Testing

/// `npm token`: what logins made, and no other token.
@Suite struct NPMTokenTests {
    private static let path = NPMBench.mount + "/-/npm/v1/tokens"

    private func send(
        _ bench: NPMBench, _ method: HTTPRequest.Method, _ path: String, _ token: String,
        _ body: String = ""
    ) async throws -> TestResponse {
        try await bench.test.send(
            method, Self.path + path, headers: [("Authorization", "Bearer \(token)")],
            body: Array(body.utf8))
    }

    private func logIn(_ bench: NPMBench) async throws -> String {
        let answer = try await bench.test.send(
            .put, NPMBench.mount + "/-/user/org.couchdb.user:zoe",
            body: Array(#"{"name":"zoe","password":"\#(NPMBench.password)"}"#.utf8))
        return try #require(answer.object()["token"] as? String)
    }

    private func list(_ bench: NPMBench, _ token: String) async throws -> [[String: Any]] {
        let answer = try await send(bench, .get, "", token).object()
        #expect(answer["urls"] as? [String: String] == [:])
        return try #require(answer["objects"] as? [[String: Any]])
    }

    @Test func listingCreatingAndRevoking() async throws {
        try await NPMBench.withUser { bench in
            let first = try await logIn(bench)
            let created = try await send(
                bench, .post, "", first,
                #"{"password":"\#(NPMBench.password)","readonly":true,"cidr_whitelist":[]}"#)
            #expect(created.status == .created, "\(created.text)")
            #expect(created.headers[.cacheControl] == "no-store")
            let second = try #require(created.object()["token"] as? String)
            let tokens = try await list(bench, first)
            #expect(tokens.map { $0["readonly"] as? Bool } == [true, false])
            // What is listed tells no secret.
            #expect(tokens.allSatisfy { $0["token"] as? String == "phpat-" })
            let keys = tokens.compactMap { $0["key"] as? String }
            #expect(keys.allSatisfy { $0.count == 6 } && Set(keys).count == 2)

            let denied = try await bench.test.send(
                .put, NPMBench.mount + "/tool", headers: [("Authorization", "Bearer \(second)")],
                body: Array(try TestPublish("tool", "1.0.0").body()))
            #expect(denied.status == .forbidden)
            // One that only reads does not end one that publishes.
            #expect(
                try await send(bench, .delete, "/token/\(keys[1])", second).status == .notFound)
            #expect(try await bench.whoami(first).status == .ok)
            #expect(
                try await send(bench, .delete, "/token/\(keys[0])", first).status == .noContent)
            #expect(try await bench.whoami(second).status == .unauthorized)
            #expect(
                try await send(bench, .delete, "/token/\(keys[0])", first).status == .notFound)
            // By the token itself, as npm sends it when it is no key.
            let third = try await logIn(bench)
            #expect(
                try await send(bench, .delete, "/token/\(third)", first).status == .noContent)
            #expect(try await bench.whoami(third).status == .unauthorized)
            #expect(try await list(bench, first).count == 1)
        }
    }

    @Test func othersTokensAreNobodysBusiness() async throws {
        try await NPMBench.withUser { bench in
            let token = try await logIn(bench)
            let root = try #require(
                try await bench.test.store.read { tx in
                    try tx.findUser(username: "root").flatMap { user in
                        try tx.listTokens(
                            TokenFilter(kind: .personal, userID: user.id), page: PageRequest()
                        ).rows.first
                    }
                })
            let digits = String(root.id, radix: 36)
            let key = String(repeating: "0", count: 6 - digits.count) + digits
            for caller in [token, bench.test.rootToken] {
                // Not one that somebody made for other things either.
                let answer = try await send(bench, .delete, "/token/\(key)", caller)
                #expect(answer.status == .notFound, "\(answer.text)")
            }
            #expect(try await bench.whoami(bench.test.rootToken).status == .ok)
            #expect(try await list(bench, bench.test.rootToken).isEmpty)
            #expect(try await bench.test.send(.get, Self.path).status == .unauthorized)
        }
    }

    @Test(arguments: [
        (#"{"password":"wrong"}"#, HTTPResponse.Status.forbidden, "the password is wrong"),
        (#"{"readonly":true}"#, .badRequest, "password is needed"),
        (#"{"password":"x","cidr_whitelist":["10.0.0.0/8"]}"#, .badRequest, "network addresses"),
        (#"{"password":1}"#, .badRequest, ""), ("", .badRequest, ""),
    ])
    func whatIsRefused(_ body: String, _ status: HTTPResponse.Status, _ words: String) async throws
    {
        try await NPMBench.withUser { bench in
            let token = try await logIn(bench)
            let answer = try await send(bench, .post, "", token, body)
            #expect(answer.status == status, "\(answer.text)")
            #expect(words.isEmpty || answer.text.contains(words), "\(answer.text)")
            #expect(try await list(bench, token).count == 1)
        }
    }
}
