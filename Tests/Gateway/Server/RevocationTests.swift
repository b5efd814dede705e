import Foundation
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// What is taken away is gone at once where it was taken away, and on every other replica within
/// two seconds.
@Suite struct RevocationTests {
    /// How long another replica may go on with what it knew.
    private static let limit = Duration.seconds(2)
    private static let target = "/root/box/-/generic/tool/1.0/file"

    /// Ways to lose access.
    enum Loss: String, CaseIterable, Sendable {
        case personalToken
        case deployToken
        case jobToken
        case password
        case role
        case block
        case visibility
        case removal
        case gate

        /// What the one who lost it is told.
        var refusal: HTTPResponse.Status {
            switch self {
            case .personalToken, .deployToken, .jobToken, .password, .block, .visibility:
                .unauthorized
            case .role, .removal, .gate: .notFound
            }
        }
    }

    /// A project with one file, and a member with one of everything.
    private struct Stage {
        let projectID: Int
        let userID: Int
        let personal: (id: Int, secret: String)
        let deploy: (id: Int, secret: String)
        let job: (id: Int, secret: String)

        init(_ test: TestGateway, lifetimeSeconds: Int = 3600) async throws {
            func make(
                _ path: String, _ json: [String: any Sendable]
            ) async throws -> [String: Any] {
                let answer = try await test.send(
                    .post, "/api/v4/\(path)", token: test.rootToken, json: json)
                try #require(answer.status == .created, "\(path): \(answer.text)")
                return try answer.object()
            }
            func token(_ object: [String: Any]) throws -> (id: Int, secret: String) {
                (
                    try #require(object["id"] as? Int), try #require(object["token"] as? String)
                )
            }
            let projectID = try #require(try await make("projects", ["name": "box"])["id"] as? Int)
            let userID = try #require(
                try await make(
                    "users",
                    [
                        "name": "Alice", "username": "alice", "email": "alice@example.com",
                        "force_random_password": true,
                    ])["id"] as? Int)
            self.projectID = projectID
            self.userID = userID
            try await test.store.write { tx in
                _ = try tx.updateUser(
                    Int64(userID), UserChange(passwordHash: CheapPassword.hash))
            }
            _ = try await make(
                "projects/\(projectID)/members", ["user_id": userID, "access_level": 30])
            personal = try token(
                try await make(
                    "users/\(userID)/personal_access_tokens", ["name": "t", "scopes": ["api"]]))
            deploy = try token(
                try await make(
                    "projects/\(projectID)/deploy_tokens",
                    ["name": "t", "scopes": ["read_package_registry"]]))
            job = try token(
                try await make(
                    "projects/\(projectID)/job_tokens",
                    ["job_id": 1, "user_id": userID, "lifetime_seconds": lifetimeSeconds]))
            let stored = try await test.send(
                .put, RevocationTests.target, token: test.rootToken, body: [1, 2, 3])
            try #require(stored.status == .created, "\(stored.text)")
        }

        /// What the one who is about to lose something sends.
        func headers(for loss: Loss) -> [(String, String)] {
            switch loss {
            case .personalToken, .role, .block, .removal, .gate:
                [("Private-Token", personal.secret)]
            case .deployToken: [("Deploy-Token", deploy.secret)]
            case .jobToken: [("Job-Token", job.secret)]
            case .password:
                [
                    (
                        "Authorization",
                        "Basic " + Data("alice:\(CheapPassword.text)".utf8).base64EncodedString()
                    )
                ]
            case .visibility: []
            }
        }

        /// Takes it away through `test`.
        func cause(_ loss: Loss, through test: TestGateway) async throws {
            let project = "/api/v4/projects/\(projectID)"
            let user = "/api/v4/users/\(userID)"
            let root = test.rootToken
            let answer: TestResponse
            switch loss {
            case .personalToken:
                answer = try await test.send(
                    .delete, "/api/v4/personal_access_tokens/\(personal.id)", token: root)
            case .deployToken:
                answer = try await test.send(
                    .delete, "\(project)/deploy_tokens/\(deploy.id)", token: root)
            case .jobToken:
                answer = try await test.send(
                    .delete, "\(project)/job_tokens/\(job.id)", token: root)
            case .password:
                answer = try await test.send(
                    .put, user, token: root, json: ["password": "another password"])
            case .role:
                answer = try await test.send(.delete, "\(project)/members/\(userID)", token: root)
            case .block: answer = try await test.send(.post, "\(user)/block", token: root)
            case .visibility:
                answer = try await test.send(
                    .put, project, token: root, json: ["visibility": "private"])
            case .removal: answer = try await test.send(.delete, project, token: root)
            case .gate:
                // What `packhouse features` does beside the server.
                try await test.store.write { tx in
                    try tx.upsertGate(
                        FeatureGate(feature: "generic", condition: .everyone(false)))
                }
                return
            }
            try #require(answer.status.kind == .successful, "\(loss): \(answer.text)")
        }
    }

    @Test(arguments: DatabaseKind.allCases, Loss.allCases)
    func aLossIsKnownEverywhere(kind: DatabaseKind, loss: Loss) async throws {
        try await Replicas.run(on: kind) { replicas in
            let stage = try await Stage(replicas.first)
            if loss == .visibility { try await publicise(stage, replicas.first) }
            let headers = stage.headers(for: loss)
            for member in replicas.members { try await warm(member, headers) }
            try await stage.cause(loss, through: replicas.first)
            if loss != .gate {
                let answer = try await replicas.first.send(.get, Self.target, headers: headers)
                #expect(answer.status == loss.refusal, "at once: \(answer.text)")
            }
            for member in replicas.members {
                try await eventually(within: Self.limit, "\(loss) refused") {
                    let answer = try await member.test.send(.get, Self.target, headers: headers)
                    return answer.status == loss.refusal ? answer : nil
                }
                // And it does not come back.
                let again = try await member.test.send(.get, Self.target, headers: headers)
                #expect(again.status == loss.refusal)
            }
        }
    }

    /// Makes the gateway remember all that the request needs, and shows that it does: the only
    /// thing that is read from the database is the file.
    private func warm(
        _ member: Replicas.Member, _ headers: [(String, String)]
    ) async throws {
        try await eventually(within: .seconds(5), "answered from memory") {
            let before = member.store.readCount
            let answer = try await member.test.send(.get, Self.target, headers: headers)
            let readCount = member.store.readCount - before
            guard answer.status == .ok else { return nil as Int? }
            return readCount == 1 ? readCount : nil
        }
    }

    private func publicise(_ stage: Stage, _ test: TestGateway) async throws {
        // A user's own namespace is private; what is in it cannot be seen by anybody.
        try await test.store.write { tx in
            let project = try #require(try tx.findNamespace(.id(Int64(stage.projectID), .project)))
            for id in project.lineage + [project.id] {
                _ = try tx.updateNamespace(id, NamespaceChange(visibility: .public))
            }
        }
    }

    /// A token's end needs nobody to announce it.
    @Test(arguments: DatabaseKind.allCases)
    func whatExpiresIsRefusedAtThatMoment(kind: DatabaseKind) async throws {
        let clock = ManualClock()
        try await Replicas.run(on: kind, clock: clock) { replicas in
            let stage = try await Stage(replicas.first, lifetimeSeconds: 600)
            let end = clock.now().advanced(bySeconds: 600)
            let secrets = [TokenKind.personal, .deploy].map { SecretToken.generate($0) }
            try await replicas.first.store.write { tx in
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .personal, name: "t", userID: Int64(stage.userID), scopes: [.api],
                        expiresAt: end, secretHash: SecretToken.hash(secrets[0])),
                    at: clock.now())
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .deploy, name: "t", username: "d",
                        namespaceID: Int64(stage.projectID), scopes: [.readPackageRegistry],
                        expiresAt: end, secretHash: SecretToken.hash(secrets[1])),
                    at: clock.now())
            }
            let presented = [
                [("Private-Token", secrets[0])], [("Deploy-Token", secrets[1])],
                [("Job-Token", stage.job.secret)],
            ]
            clock.advance(bySeconds: 599)
            for headers in presented {
                for member in replicas.members { try await warm(member, headers) }
            }
            clock.advance(bySeconds: 1)
            for headers in presented {
                for member in replicas.members {
                    let answer = try await member.test.send(.get, Self.target, headers: headers)
                    #expect(answer.status == .unauthorized, "\(headers): \(answer.text)")
                }
            }
        }
    }

    /// Every kind of token, ended in every way, is as good as a wrong one.
    @Test(arguments: DatabaseKind.allCases, TokenKind.allCases)
    func endedTokensAreWrong(kind: DatabaseKind, token: TokenKind) async throws {
        try await TestGateway.run(on: kind, formats: [GenericFormat()]) { test in
            let stage = try await Stage(test)
            try await publicise(stage, test)
            let now = test.services.clock.now()
            let name =
                switch token {
                case .personal: "Private-Token"
                case .deploy: "Deploy-Token"
                case .job: "Job-Token"
                }
            func insert(expiresIn seconds: Int64?, isRevoked: Bool) async throws -> String {
                let secret = SecretToken.generate(token)
                let draft = TokenDraft(
                    kind: token, name: "t", username: "t",
                    userID: token == .deploy ? nil : Int64(stage.userID),
                    namespaceID: token == .personal ? nil : Int64(stage.projectID),
                    scopes: token == .job ? [] : [token == .personal ? .api : .readPackageRegistry],
                    jobID: token == .job ? 1 : nil,
                    expiresAt: seconds.map { now.advanced(bySeconds: $0) },
                    secretHash: SecretToken.hash(secret))
                try await test.store.write { tx in
                    let record = try tx.insertToken(draft, at: now)
                    if isRevoked { _ = try tx.revokeToken(record.id, at: now) }
                }
                return secret
            }
            func status(_ secret: String) async throws -> HTTPResponse.Status {
                try await test.send(.get, Self.target, headers: [(name, secret)]).status
            }
            let good = try await insert(expiresIn: 3600, isRevoked: false)
            #expect(try await status(good) == .ok)
            #expect(try await status(insert(expiresIn: nil, isRevoked: true)) == .unauthorized)
            #expect(try await status(insert(expiresIn: 0, isRevoked: false)) == .unauthorized)
            #expect(try await status(insert(expiresIn: -1, isRevoked: false)) == .unauthorized)
            try await stage.cause(.block, through: test)
            // A deploy token is nobody's: it stays when the one who made it goes.
            #expect(try await status(good) == (token == .deploy ? .ok : .unauthorized))
        }
    }
}
