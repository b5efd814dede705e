import Foundation
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// A signed token, and one to fetch others with, end with what they were fetched with: at once where
/// that was taken away, and everywhere within two seconds.
@Suite struct SignedTokenRevocationTests {
    private static let limit = Duration.seconds(2)
    private static let target = "/v2/\(TokenStage.privateName)/items/1"
    private static let pull = "repository:\(TokenStage.privateName):pull"

    /// What ends.
    enum Loss: String, CaseIterable, Sendable {
        case personalToken
        case deployToken
        case jobToken
        case password
        case block
        case role

        /// Who loses it; `nil` for the user with the password.
        var holder: TokenStage.Holder? {
            switch self {
            case .personalToken, .block, .role: .developer
            case .deployToken: .deployPuller
            case .jobToken: .job
            case .password: nil
            }
        }

        /// What the holder of a token is told; losing a role does not end a token.
        var refusal: HTTPResponse.Status { self == .role ? .notFound : .unauthorized }
    }

    private func cause(_ loss: Loss, _ stage: TokenStage) async throws {
        let now = stage.test.services.clock.now()
        try await stage.test.store.write { tx in
            switch loss {
            case .personalToken, .deployToken, .jobToken:
                let id = try #require(loss.holder.flatMap { stage.tokenIDs[$0] })
                #expect(try tx.revokeToken(id, at: now))
            case .password:
                _ = try tx.updateUser(
                    stage.userID, UserChange(passwordHash: CheapPassword.hash + "00"))
            case .block:
                _ = try tx.updateUser(stage.userID, UserChange(state: .blocked))
            case .role:
                let group = try #require(
                    try tx.findNamespace(.path("acme", .group)))
                #expect(try tx.removeMember(userID: stage.userID, namespaceID: group.id))
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases, Loss.allCases)
    func aTokenEndsWithWhatItWasFetchedWith(kind: DatabaseKind, loss: Loss) async throws {
        try await Replicas.run(on: kind, formats: [RepositoryFormat()]) { replicas in
            let stage = try await TokenStage(replicas.first)
            let headers =
                loss.holder.map(TokenStage.basic)
                ?? TokenStage.basic(TokenStage.username, TokenStage.password)
            let login = try await stage.ask([Self.pull], headers, query: "offline_token=true")
            let token = try TokenStage.token(login)
            let refresh = try #require(try login.object()["refresh_token"] as? String)
            let bearer = TokenStage.bearer(token)
            // Every replica takes the token, and remembers it: nothing is read from the database.
            for member in replicas.members {
                try await eventually(within: .seconds(5), "answered from memory") {
                    let before = member.store.readCount
                    let answer = try await member.test.send(.get, Self.target, headers: bearer)
                    #expect(answer.status == .ok, "\(answer.text)")
                    return member.store.readCount == before ? before : nil
                }
            }
            try await cause(loss, stage)
            for member in replicas.members {
                try await eventually(within: Self.limit, "\(loss) refused") {
                    let answer = try await member.test.send(.get, Self.target, headers: bearer)
                    return answer.status == loss.refusal ? answer : nil
                }
                let form = "grant_type=refresh_token&refresh_token=\(refresh)&scope=\(Self.pull)"
                let answer = try await member.test.send(
                    .post, "/jwt/auth",
                    headers: [("Content-Type", "application/x-www-form-urlencoded")],
                    body: Array(form.utf8))
                if loss == .role {
                    #expect(try TokenStage.grants(answer).isEmpty)
                } else {
                    #expect(answer.status == .unauthorized, "\(answer.text)")
                }
            }
        }
    }

    /// Somebody who knows the old password has nothing that counts under the new one.
    @Test func aTokenNamesThePasswordThatItWasFetchedWith() async throws {
        try await TestGateway.run(on: .sqlite, formats: [RepositoryFormat()]) { test in
            let stage = try await TokenStage(test)
            let headers = TokenStage.basic(TokenStage.username, TokenStage.password)
            let old = try TokenStage.token(try await stage.ask([Self.pull], headers))
            try await cause(.password, stage)
            let answer = try await test.send(.get, Self.target, headers: TokenStage.bearer(old))
            #expect(answer.status == .unauthorized)
            try await test.store.write { tx in
                _ = try tx.updateUser(
                    stage.userID, UserChange(passwordHash: CheapPassword.hash))
            }
            let new = try TokenStage.token(try await stage.ask([Self.pull], headers))
            let again = try await test.send(.get, Self.target, headers: TokenStage.bearer(new))
            #expect(again.status == .ok)
        }
    }

    /// The token itself ends later than what it was fetched with.
    @Test func aTokenDoesNotOutliveItsOrigin() async throws {
        let clock = ManualClock()
        try await Replicas.run(
            on: .sqlite, clock: clock, formats: [RepositoryFormat()]
        ) { replicas in
            let stage = try await TokenStage(replicas.first)
            let secret = SecretToken.generate(.personal)
            try await replicas.first.store.write { tx in
                _ = try tx.insertToken(
                    TokenDraft(
                        kind: .personal, name: "t", userID: stage.userID, scopes: [.api],
                        expiresAt: clock.now().advanced(bySeconds: 100),
                        secretHash: SecretToken.hash(secret)), at: clock.now())
            }
            let token = try TokenStage.token(
                try await stage.ask([Self.pull], TokenStage.basic("a", secret)))
            for (seconds, status) in [(99, 200), (1, 401)] as [(Int64, Int)] {
                clock.advance(bySeconds: seconds)
                for member in replicas.members {
                    let answer = try await member.test.send(
                        .get, Self.target, headers: TokenStage.bearer(token))
                    #expect(answer.status.code == status)
                }
            }
        }
    }
}
