import Foundation
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// Every way in which GitLab's clients present a token, through the whole gateway: the right kind
/// is let in, a wrong kind is 401, even where nobody needs a credential.
@Suite struct CredentialTableTests {
    private static let username = "alice"
    private static let password = CheapPassword.text
    private static let deployName = "deployer"

    /// The secrets of one gateway; each may read and publish in both projects.
    private struct Secrets {
        let personal = SecretToken.generate(.personal)
        let deploy = SecretToken.generate(.deploy)
        let job = SecretToken.generate(.job)
    }

    private struct Presented {
        let client: String
        let headers: [(String, String)]
        let isAccepted: Bool
    }

    private static func basic(_ name: String, _ secret: String) -> [(String, String)] {
        [("Authorization", "Basic " + Data("\(name):\(secret)".utf8).base64EncodedString())]
    }

    /// The table, row by row: what clients send with each kind of token, and whether it is right.
    private static func table(_ secrets: Secrets) -> [Presented] {
        var rows: [Presented] = []
        func add(_ client: String, _ headers: [(String, String)], _ isAccepted: Bool) {
            rows.append(Presented(client: client, headers: headers, isAccepted: isAccepted))
        }
        let kinds: [(TokenKind, String)] = [
            (.personal, secrets.personal), (.deploy, secrets.deploy), (.job, secrets.job),
        ]
        for (kind, secret) in kinds {
            for name in ["PRIVATE-TOKEN", "Private-Token"] {
                add("\(name) \(kind)", [(name, secret)], kind == .personal)
            }
            add("Deploy-Token \(kind)", [("Deploy-Token", secret)], kind == .deploy)
            for name in ["JOB-TOKEN", "Job-Token"] {
                add("\(name) \(kind)", [(name, secret)], kind == .job)
            }
            // npm and its kin, Terraform and OpenTofu, curl.
            add("Bearer \(kind)", [("Authorization", "Bearer \(secret)")], true)
            add("NuGet key \(kind)", [("X-NuGet-ApiKey", secret)], true)
            // pip, twine, uv, poetry, Maven, dotnet, curl.
            add("__token__ \(kind)", basic("__token__", secret), kind != .deploy)
            add("user \(kind)", basic(username, secret), kind != .deploy)
            add("name \(kind)", basic(deployName, secret), true)
            add("gitlab-ci-token \(kind)", basic("gitlab-ci-token", secret), kind == .job)
        }
        add("password", basic(username, password), true)
        add("password, other case", basic("Alice", password), true)
        let wrong = "phpat-of-nobody-at-all"
        for name in ["PRIVATE-TOKEN", "Deploy-Token", "JOB-TOKEN", "X-NuGet-ApiKey"] {
            add("wrong \(name)", [(name, wrong)], false)
        }
        add("wrong Bearer", [("Authorization", "Bearer \(wrong)")], false)
        add("wrong job", basic("gitlab-ci-token", wrong), false)
        add("wrong password", basic(username, wrong), false)
        add("password of nobody", basic("nobody", password), false)
        add("password as token", [("PRIVATE-TOKEN", password)], false)
        add("password as Bearer", [("Authorization", "Bearer \(password)")], false)
        add("unknown scheme", [("Authorization", "Negotiate abc")], false)
        add("no Base64", [("Authorization", "Basic !!")], false)
        return rows
    }

    private func withSecrets(
        clock: any RegistryClock = SystemClock(), on kind: DatabaseKind = .sqlite,
        _ body: (TestGateway, Secrets) async throws -> Void
    ) async throws {
        try await TestGateway.run(on: kind, formats: [GenericFormat()], clock: clock) { test in
            let secrets = Secrets()
            let now = clock.now()
            try await test.store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: try NamespacePath(parsing: "acme"), name: "Acme",
                        visibility: .public),
                    at: now)
                let user = try tx.insertUser(
                    UserDraft(
                        username: Self.username, name: "Alice", email: "alice@example.com",
                        passwordHash: CheapPassword.hash),
                    at: now)
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: group.id, role: .developer, expiresAt: nil,
                    at: now)
                var projects: [NamespaceRecord] = []
                for visibility in [Visibility.private, .public] {
                    projects.append(
                        try tx.insertNamespace(
                            NamespaceDraft(
                                kind: .project,
                                path: try group.path.appending(visibility.rawValue),
                                parentID: group.id, name: "p", visibility: visibility),
                            at: now))
                }
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .personal, name: "t", userID: user.id, scopes: [.api],
                        secretHash: SecretToken.hash(secrets.personal)), at: now)
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .deploy, name: "t", username: Self.deployName,
                        namespaceID: group.id, scopes: [.readPackageRegistry],
                        secretHash: SecretToken.hash(secrets.deploy)), at: now)
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .job, name: "t", userID: user.id, namespaceID: projects[0].id,
                        jobID: 1, secretHash: SecretToken.hash(secrets.job)), at: now)
            }
            for visibility in ["private", "public"] {
                let answer = try await test.send(
                    .put, "/acme/\(visibility)/-/generic/tool/1.0/file", token: test.rootToken,
                    body: [1, 2, 3])
                try #require(answer.status == .created, "\(answer.text)")
            }
            try await body(test, secrets)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func everyCellOfTheTable(kind: DatabaseKind) async throws {
        try await withSecrets(on: kind) { test, secrets in
            let anonymous = try await test.send(.get, "/acme/public/-/generic/tool/1.0/file")
            #expect(anonymous.status == .ok)
            for (number, row) in Self.table(secrets).enumerated() {
                // A wrong credential is refused where none is needed.
                for visibility in row.isAccepted ? ["private", "public"] : ["public"] {
                    let answer = try await test.send(
                        .get, "/acme/\(visibility)/-/generic/tool/1.0/file",
                        headers: row.headers, from: "10.0.0.\(number)")
                    #expect(
                        answer.status == (row.isAccepted ? .ok : .unauthorized),
                        "\(row.client) on \(visibility): \(answer.text)")
                    if !row.isAccepted {
                        #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Basic") == true)
                    }
                }
            }
        }
    }

    /// `PACKHOUSE_INITIAL_ADMIN_TOKEN` is such a token.
    @Test func aPersonalTokenIsABasicPassword() async throws {
        try await withSecrets { test, _ in
            for name in ["root", "anybody", "__token__"] {
                let answer = try await test.send(
                    .put, "/acme/private/-/generic/tool/1.0/by-\(name)",
                    headers: Self.basic(name, test.rootToken), body: [1])
                #expect(answer.status == .created, "\(name): \(answer.text)")
            }
        }
    }

    @Test func failedLoginsAreSlowed() async throws {
        let clock = ManualClock()
        try await withSecrets(clock: clock) { test, secrets in
            let target = "/acme/public/-/generic/tool/1.0/file"
            func send(
                _ headers: [(String, String)], from address: String
            ) async throws -> TestResponse {
                try await test.send(.get, target, headers: headers, from: address)
            }
            let wrong = Self.basic(Self.username, "not the password")
            for _ in 0..<LoginThrottle.freeFailureCount {
                #expect(try await send(wrong, from: "10.0.0.1").status == .unauthorized)
            }
            let right = Self.basic(Self.username, Self.password)
            for (headers, address) in [(wrong, "10.0.0.1"), (right, "10.0.0.2")] {
                let answer = try await send(headers, from: address)
                #expect(answer.status == .tooManyRequests, "\(answer.text)")
                #expect(answer.headers[.retryAfter] == "1")
                #expect(try answer.object()["message"] != nil)
            }
            // Tokens are not passwords, and other people come from elsewhere.
            for headers in [
                Self.basic(Self.username, secrets.personal), [("JOB-TOKEN", secrets.job)], [],
            ] {
                #expect(try await send(headers, from: "10.0.0.1").status == .ok)
            }
            let other = try await send(Self.basic("bob", "wrong"), from: "10.0.0.3")
            #expect(other.status == .unauthorized)
            clock.advance(bySeconds: 1)
            #expect(try await send(right, from: "10.0.0.2").status == .ok)
        }
    }

    /// Attempts that are made at the same time are slowed as soon as some of them have failed.
    @Test func manyAttemptsAtOnceAreSlowedAsWell() async throws {
        try await withSecrets(clock: ManualClock()) { test, _ in
            let statuses = try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
                for number in 0..<24 {
                    group.addTask {
                        try await test.send(
                            .get, "/acme/public/-/generic/tool/1.0/file",
                            headers: Self.basic(Self.username, "guess number \(number)"),
                            from: "10.0.0.1"
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let readCount = statuses.count { $0 == .unauthorized }
            // Those that are being hashed while the last free one fails.
            let inFlightCount = PasswordHasher.concurrentLimitCount - 1
            #expect(readCount >= LoginThrottle.freeFailureCount)
            #expect(readCount <= LoginThrottle.freeFailureCount + inFlightCount)
            #expect(statuses.allSatisfy { $0 == .unauthorized || $0 == .tooManyRequests })
        }
    }
}
