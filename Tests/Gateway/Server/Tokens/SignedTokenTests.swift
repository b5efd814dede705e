import Foundation
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// What a signed token is good for once it was fetched.
@Suite struct SignedTokenTests {
    private static let target = "/v2/\(TokenStage.privateName)/items/1"
    private static let pull = "repository:\(TokenStage.privateName):pull"
    private static let push = "repository:\(TokenStage.privateName):pull,push"

    private func withStage(
        clock: any RegistryClock = SystemClock(), _ body: (TokenStage) async throws -> Void
    ) async throws {
        try await TestGateway.run(
            on: .sqlite, formats: [RepositoryFormat(), GenericFormat()], clock: clock
        ) { test in
            try await body(try await TokenStage(test))
        }
    }

    private func send(
        _ stage: TokenStage, _ method: HTTPRequest.Method, _ target: String, _ token: String
    ) async throws -> TestResponse {
        try await stage.test.send(method, target, headers: TokenStage.bearer(token))
    }

    @Test func aTokenAllowsWhatItGrants() async throws {
        try await withStage { stage in
            let puller = try await stage.token(.developer, [Self.pull])
            #expect(try await send(stage, .get, Self.target, puller).status == .ok)
            let refused = try await send(stage, .put, Self.target, puller)
            #expect(refused.status == .unauthorized)
            #expect(try refused.object()["reason"] as? String == "insufficient_scope")
            #expect(refused.headers[.wwwAuthenticate] == "Bearer \(Self.push)")
            let pusher = try await stage.token(.developer, [Self.push])
            #expect(try await send(stage, .put, Self.target, pusher).status == .ok)
            #expect(try await send(stage, .get, Self.target, pusher).status == .ok)
            // Another repository of the same project, and the project's own.
            for name in ["acme/private/other", "acme/private", "acme/private/api/more"] {
                let other = try await send(stage, .get, "/v2/\(name)/items/1", puller)
                #expect(other.status == .unauthorized, "\(name)")
                #expect(other.headers[.wwwAuthenticate] == "Bearer repository:\(name):pull")
            }
            // What nobody restricts is restricted by the token, even where anybody may read.
            let open = try await send(stage, .get, "/v2/\(TokenStage.publicName)/items/1", puller)
            #expect(open.status == .unauthorized)
        }
    }

    @Test func aRoleThatIsMissingIsSaid() async throws {
        try await withStage { stage in
            let token = try await stage.token(.reporter, [Self.push])
            let answer = try await send(stage, .put, Self.target, token)
            #expect(answer.status == .forbidden)
            #expect(answer.text.contains("developer"))
            let deleter = try await stage.token(.developer, ["\(Self.push),delete"])
            #expect(try await send(stage, .delete, Self.target, deleter).status == .forbidden)
            let everything = try await stage.token(
                .maintainer, ["repository:\(TokenStage.privateName):*"])
            #expect(try await send(stage, .delete, Self.target, everything).status == .ok)
            #expect(try await send(stage, .put, Self.target, everything).status == .ok)
        }
    }

    @Test func everybodyMayEnterWhoSaysWhoHeIs() async throws {
        try await withStage { stage in
            for path in ["/v2/", "/v2"] {
                #expect(try await stage.test.send(.get, path).status == .unauthorized)
                for holder in TokenStage.Holder.allCases.map(Optional.some) + [nil] {
                    let token = try await stage.token(holder, [])
                    #expect(try await send(stage, .get, path, token).status == .ok)
                    if let holder {
                        let answer = try await stage.test.send(
                            .get, path, headers: TokenStage.basic(holder))
                        #expect(answer.status == .ok)
                    }
                }
            }
        }
    }

    @Test func anonymousPullsWhatIsPublic() async throws {
        try await withStage { stage in
            let scopes = [
                "repository:\(TokenStage.publicName):pull,push", Self.pull,
                "repository:acme/internal:pull",
            ]
            let token = try await stage.token(nil, scopes)
            let target = "/v2/\(TokenStage.publicName)/items/1"
            #expect(try await send(stage, .get, target, token).status == .ok)
            #expect(try await send(stage, .put, target, token).status == .unauthorized)
            #expect(try await send(stage, .get, Self.target, token).status == .unauthorized)
            let inner = try await send(stage, .get, "/v2/acme/internal/items/1", token)
            #expect(inner.status == .unauthorized)
            let missing = try await send(stage, .get, "/v2/no/such/project/items/1", token)
            #expect(missing.status == .unauthorized)
        }
    }

    @Test func theCatalogueNeedsAGrantOfItsOwn() async throws {
        try await withStage { stage in
            for holder in [.developer, .job, nil] as [TokenStage.Holder?] {
                let without = try await stage.token(holder, [Self.pull])
                let refused = try await send(stage, .get, "/v2/_catalog", without)
                #expect(refused.status == .unauthorized)
                #expect(refused.headers[.wwwAuthenticate] == "Bearer registry:catalog:*")
                let token = try await stage.token(holder, ["registry:catalog:*"])
                #expect(try await send(stage, .get, "/v2/_catalog", token).status == .ok)
            }
        }
    }

    /// C-11: what may not be read is left out, and nothing tells whether it is there.
    @Test func anOptionalRequirementDoesNotFail() async throws {
        try await withStage { stage in
            let target = "\(Self.target)?from="
            let base = "acme/internal/base"
            let both = try await stage.token(
                .developer, [Self.push, "repository:\(base):pull"])
            #expect(
                try await send(stage, .post, target + base, both).text
                    == "acme/private with source")
            let one = try await stage.token(.developer, [Self.push])
            for name in [base, "no/such/project", TokenStage.publicName] {
                let answer = try await send(stage, .post, target + name, one)
                #expect(answer.status == .ok)
                #expect(answer.text == "acme/private without source", "\(name)")
            }
            // Without a token of the gateway's, the rules alone decide.
            for (holder, name, suffix) in [
                (.developer, base, "with source"), (.job, base, "with source"),
                (.deployPusher, base, "without source"),
                (.deployPusher, TokenStage.publicName, "with source"),
                (.deployPusher, "acme/private/base", "with source"),
                (.developer, "no/such/project", "without source"),
            ] as [(TokenStage.Holder, String, String)] {
                let answer = try await stage.test.send(
                    .post, target + name, headers: TokenStage.basic(holder))
                #expect(answer.status == .ok, "\(answer.text)")
                #expect(answer.text == "acme/private \(suffix)", "\(holder) \(name)")
            }
            // What is not optional still is not.
            let reader = try await stage.test.send(
                .post, target + base, headers: TokenStage.basic(.reporter))
            #expect(reader.status == .forbidden)
            #expect(
                try await send(stage, .post, target, stage.token(nil, [])).headers[
                    .wwwAuthenticate]
                    == "Bearer \(Self.push)")
        }
    }

    @Test func aTokenEndsAtItsTime() async throws {
        let clock = ManualClock()
        try await withStage(clock: clock) { stage in
            let token = try await stage.token(.developer, [Self.pull])
            clock.advance(bySeconds: TokenSigner.standardLifetimeSeconds - 1)
            #expect(try await send(stage, .get, Self.target, token).status == .ok)
            clock.advance(bySeconds: 1)
            let late = try await send(stage, .get, Self.target, token)
            #expect(late.status == .unauthorized)
            #expect(try late.object()["reason"] as? String == "token_expired")
            #expect(late.headers[.wwwAuthenticate] == "Bearer \(Self.pull)")
            // Even where nobody needs one.
            let open = try await send(stage, .get, "/v2/\(TokenStage.publicName)/items/1", token)
            #expect(open.status == .unauthorized)
        }
    }

    @Test func aTokenCountsForContainersOnly() async throws {
        try await withStage { stage in
            let token = try await stage.token(
                .developer, [Self.push, "repository:acme/public:pull"])
            let catalogue = try await stage.token(.developer, ["registry:catalog:*"])
            let refusals = [
                try await send(stage, .get, "/api/v4/registry/repositories/1", catalogue),
                try await send(stage, .get, "/api/v4/version", catalogue),
                try await send(stage, .get, "/acme/public/-/generic/tool/1.0/file", token),
                try await send(stage, .get, "/acme/private/-/generic/tool/1.0/file", token),
                try await send(stage, .get, "/api/v4/projects/acme%2Fpublic", token),
                try await send(stage, .get, "/api/v4/version", token),
                try await send(stage, .get, "/jwt/auth", token),
                try await stage.test.send(
                    .get, "/acme/public/-/generic/tool/1.0/file",
                    headers: [("Private-Token", token)]),
                try await stage.test.send(
                    .get, Self.target, headers: TokenStage.basic(TokenStage.username, token)),
            ]
            for (index, answer) in refusals.enumerated() {
                #expect(answer.status == .unauthorized, "\(index): \(answer.text)")
            }
        }
    }

    @Test func aForgedTokenIsRefusedEverywhere() async throws {
        try await withStage { stage in
            let token = try await stage.token(nil, ["repository:\(TokenStage.publicName):pull"])
            let parts = token.split(separator: ".").map(String.init)
            let forger = await TokenSigner(key: SigningKey())
            let forged = try await forger.signAccess(
                [RegistryGrant(.repository, name: TokenStage.privateName, actions: [.all])],
                to: .token(.personal, id: try #require(stage.tokenIDs[.maintainer])),
                label: "user:mia", at: stage.test.services.clock.now())
            let payload = forged.split(separator: ".")[1]
            let none = Data(#"{"alg":"none","typ":"JWT"}"#.utf8).base64EncodedString()
                .replacing("=", with: "")
            for text in [
                forged, "\(parts[0]).\(payload).\(parts[2])", "\(none).\(payload).",
                "\(none).\(parts[1]).", "eyJ..", "eyJ.a.b",
            ] {
                for target in ["/v2/", Self.target, "/v2/\(TokenStage.publicName)/items/1"] {
                    let answer = try await send(stage, .get, target, text)
                    #expect(answer.status == .unauthorized, "\(text) at \(target)")
                    #expect(try answer.object()["reason"] as? String == "wrong_credential")
                }
            }
        }
    }
}
