import Foundation
import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// Fetching tokens, as docker, podman, containerd and their kin do it.
@Suite struct TokenEndpointTests {
    private func withStage(
        on kind: DatabaseKind = .sqlite, clock: any RegistryClock = SystemClock(),
        formats: [any PackageFormat] = [RepositoryFormat()],
        _ body: (TokenStage) async throws -> Void
    ) async throws {
        try await TestGateway.run(on: kind, formats: formats, clock: clock) { test in
            try await body(try await TokenStage(test))
        }
    }

    private static let all = "repository:\(TokenStage.privateName):pull,push,delete"

    @Test(
        arguments: DatabaseKind.allCases,
        [
            (.developer, "pull,push"), (.puller, "pull"), (.pusher, "pull,push"), (.outsider, nil),
            (.maintainer, "pull,push,delete"), (.reporter, "pull"), (.stranger, nil),
            (.deployPuller, "pull"), (.deployPusher, "pull,push"), (.job, "pull,push"), (nil, nil),
        ] as [(TokenStage.Holder?, String?)])
    func everybodyGetsWhatHeMayHave(
        kind: DatabaseKind, row: (holder: TokenStage.Holder?, actions: String?)
    ) async throws {
        try await withStage(on: kind) { stage in
            let name = TokenStage.privateName
            let headers = row.holder.map(TokenStage.basic) ?? []
            let expected = row.actions.map { ["repository:\(name):\($0)"] } ?? []
            let answer = try await stage.ask([Self.all], headers)
            #expect(try TokenStage.grants(answer) == expected)
            // Everything is what there is of it.
            let everything = try await stage.ask(["repository:\(name):*"], headers)
            #expect(
                try TokenStage.grants(everything)
                    == (row.holder == .maintainer ? ["repository:\(name):*"] : expected))
            let missing = try await stage.ask(["repository:no/such/project:pull,push"], headers)
            #expect(try TokenStage.grants(missing).isEmpty)
            let open = try await stage.ask(["repository:\(TokenStage.publicName):pull"], headers)
            #expect(
                try TokenStage.grants(open)
                    == (row.holder == .outsider
                        ? [] : ["repository:\(TokenStage.publicName):pull"]))
        }
    }

    @Test func theAnswerIsWhatClientsRead() async throws {
        let clock = ManualClock()
        try await withStage(clock: clock) { stage in
            let answer = try await stage.ask(
                [Self.all, "repository:\(TokenStage.publicName):pull"],
                TokenStage.basic(.developer), query: "account=alice&client_id=docker")
            let object = try answer.object()
            #expect(answer.headers[.contentType] == "application/json")
            #expect(answer.headers[.cacheControl] == "no-store")
            #expect(object["access_token"] as? String == object["token"] as? String)
            #expect(object["expires_in"] as? Int == 300)
            #expect(object["issued_at"] as? String == clock.now().iso8601)
            #expect(object["refresh_token"] == nil)
            #expect(
                try TokenStage.grants(answer) == [
                    "repository:\(TokenStage.privateName):pull,push",
                    "repository:\(TokenStage.publicName):pull",
                ])
            let claims = try TokenStage.claims(of: try TokenStage.token(answer))
            #expect(claims["sub"] as? String == "user:alice")
            let origin = try #require(claims["packhouse"] as? [String: Any])
            #expect(origin["kind"] as? String == "personal")
            #expect(origin["id"] as? Int64 == stage.tokenIDs[.developer])
        }
    }

    @Test func theCatalogueAndOtherTypes() async throws {
        try await withStage { stage in
            for holder in [.developer, .puller, .job, .deployPuller, nil]
                as [TokenStage.Holder?]
            {
                let answer = try await stage.ask(
                    ["registry:catalog:*", "registry:secrets:*", "plugin:x:pull", "nonsense"],
                    holder.map(TokenStage.basic) ?? [])
                #expect(try TokenStage.grants(answer) == ["registry:catalog:*"])
            }
            let outsider = try await stage.ask(
                ["registry:catalog:*"], TokenStage.basic(.outsider))
            #expect(try TokenStage.grants(outsider).isEmpty)
        }
    }

    @Test func logInWithAndWithoutTheRightCredential() async throws {
        try await withStage { stage in
            for headers in TokenStage.Holder.allCases.map(TokenStage.basic) + [
                TokenStage.basic(TokenStage.username, TokenStage.password), [],
            ] {
                let answer = try await stage.ask([], headers, query: "offline_token=false")
                #expect(try TokenStage.grants(answer).isEmpty)
            }
            for (index, headers) in [
                TokenStage.basic(TokenStage.username, "wrong"),
                TokenStage.basic("nobody", TokenStage.password),
                TokenStage.basic("gitlab-ci-token", "wrong"),
                TokenStage.basic("somebody", TokenStage.secret(.deployPuller).secret),
                TokenStage.bearer("wrong"), [("Authorization", "Basic !!")],
            ].enumerated() {
                let answer = try await stage.ask([], headers, from: "10.0.0.\(index)")
                #expect(answer.status == .unauthorized, "\(headers)")
                let errors = try #require(try answer.object()["errors"] as? [[String: Any]])
                #expect(errors.count == 1)
                #expect(errors.first?["code"] as? String == "UNAUTHORIZED")
                #expect((errors.first?["message"] as? String)?.isEmpty == false)
            }
        }
    }

    /// C-30: a mirror is sent the credentials of the registry that it mirrors.
    @Test func aForeignCredentialDoesNotKeepAnybodyFromWhatIsPublic() async throws {
        let pull = "repository:\(TokenStage.publicName):pull"
        try await withStage(clock: ManualClock()) { stage in
            let wrong = TokenStage.basic(TokenStage.username, "wrong")
            for scopes in [
                ["repository:\(TokenStage.publicName):pull,push"],
                ["repository:\(TokenStage.privateName):pull"],
                ["repository:no/such/project:pull"], ["registry:catalog:*"],
                [pull, "repository:\(TokenStage.privateName):pull"],
            ] {
                let address = "10.1.0.\(scopes.joined().utf8.count)"
                let answer = try await stage.ask(
                    scopes, TokenStage.basic("foreign", "wrong"), from: address)
                #expect([401, 429].contains(answer.status.code), "\(scopes): \(answer.text)")
            }
            // Far more often than passwords may be wrong; each of them counts.
            for _ in 0..<(2 * LoginThrottle.freeFailureCount) {
                let answer = try await stage.ask([pull], wrong)
                #expect(try TokenStage.grants(answer) == [pull])
                let claims = try TokenStage.claims(of: try TokenStage.token(answer))
                #expect(claims["sub"] as? String == "")
                #expect((claims["packhouse"] as? [String: Any])?["kind"] as? String == "anonymous")
            }
            let right = TokenStage.basic(TokenStage.username, TokenStage.password)
            let login = try await stage.ask([], right)
            #expect(login.status == .tooManyRequests)
            #expect(login.headers[.retryAfter] != nil)
            #expect(login.text.contains("TOOMANYREQUESTS"))
            let form = try await stage.post([
                ("grant_type", "password"), ("username", "foreign"), ("password", "wrong"),
                ("scope", pull),
            ])
            #expect(try TokenStage.grants(form) == [pull])
        }
    }

    @Test func formsAreReadAsWell() async throws {
        try await withStage(formats: [RepositoryFormat(), GenericFormat()]) { stage in
            let scope = "repository:\(TokenStage.privateName):pull,push"
            for path in ["/jwt/auth", "/v2/token"] {
                for (username, password) in [
                    (TokenStage.username, TokenStage.password), TokenStage.secret(.developer),
                    TokenStage.secret(.job), TokenStage.secret(.deployPusher),
                ] {
                    let answer = try await stage.post(
                        [
                            ("grant_type", "password"), ("username", username),
                            ("password", password), ("service", "container_registry"),
                            ("client_id", "buildkit"),
                            ("scope", "\(scope) repository:\(TokenStage.publicName):pull"),
                        ], at: path)
                    let expected = [scope, "repository:\(TokenStage.publicName):pull"]
                    #expect(try TokenStage.grants(answer) == expected)
                    let object = try answer.object()
                    #expect(object["access_token"] as? String == object["token"] as? String)
                    #expect(object["token_type"] as? String == "Bearer")
                    #expect(object["scope"] as? String == expected.joined(separator: " "))
                    #expect(object["refresh_token"] == nil)
                }
                let wrong = try await stage.post(
                    [("grant_type", "password"), ("username", "a"), ("password", "b")], at: path)
                #expect(wrong.status == .unauthorized)
                let byHeader = try await stage.post(
                    [("grant_type", "password"), ("scope", scope)], at: path,
                    TokenStage.basic(.developer))
                #expect(try TokenStage.grants(byHeader) == [scope])
                let byQuery = try await stage.ask([scope], TokenStage.basic(.job), at: path)
                #expect(try TokenStage.grants(byQuery) == [scope])
            }
        }
    }

    @Test func whatCannotBeReadIsRefused() async throws {
        try await withStage(formats: [GenericFormat()]) { stage in
            let many = (0...TokenRequest.scopeLimitCount).map { "repository:a\($0):pull" }
            #expect(try await stage.ask(many).status == .badRequest)
            let long = (0..<60).map { index in
                "repository:acme/public/\(index)/\(String(repeating: "a", count: 200)):pull"
            }
            #expect(try await stage.ask(long).status == .badRequest)
            #expect(try await stage.post([("grant_type", "code")]).status == .badRequest)
            let json = try await stage.test.send(.post, "/jwt/auth", json: ["grant_type": "x"])
            #expect(json.status == .unsupportedMediaType)
            let put = try await stage.test.send(.put, "/jwt/auth")
            #expect(put.status == .methodNotAllowed)
            #expect(put.headers[.allow] == "GET, HEAD, POST")
            for answer in [json, put] {
                #expect(try answer.object()["errors"] is [[String: Any]])
            }
            // Without images there is no address below /v2.
            #expect(try await stage.ask([], at: "/v2/token").status == .notFound)
            #expect(try await stage.ask([], at: "/jwt/auth/more").status == .notFound)
        }
    }

    @Test func aRefreshTokenFetchesOthers() async throws {
        let clock = ManualClock()
        let pull = "repository:\(TokenStage.privateName):pull"
        try await withStage(clock: clock) { stage in
            let none = try await stage.ask([], query: "offline_token=true")
            #expect(try none.object()["refresh_token"] == nil, "nobody has nothing to refresh")
            for headers in [
                TokenStage.basic(TokenStage.username, TokenStage.password),
                TokenStage.basic(.puller), TokenStage.basic(.deployPuller), TokenStage.basic(.job),
            ] {
                let login = try await stage.ask([], headers, query: "offline_token=true")
                let refresh = try #require(try login.object()["refresh_token"] as? String)
                let form = [
                    ("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", pull),
                ]
                let answer = try await stage.post(form)
                #expect(try TokenStage.grants(answer) == [pull])
                #expect(try answer.object()["refresh_token"] == nil)
                let again = try await stage.post(form + [("access_type", "offline")])
                #expect(try again.object()["refresh_token"] is String)
                // It is no token for anything else, and no other token is one.
                let direct = try await stage.test.send(
                    .get, "/v2/\(TokenStage.publicName)/items/1",
                    headers: TokenStage.bearer(refresh))
                #expect(direct.status == .unauthorized)
                let access = try TokenStage.token(answer)
                let wrong = try await stage.post([
                    ("grant_type", "refresh_token"), ("refresh_token", access),
                ])
                #expect(wrong.status == .unauthorized)
            }
            let login = try await stage.ask(
                [], TokenStage.basic(.puller), query: "offline_token=true")
            let refresh = try #require(try login.object()["refresh_token"] as? String)
            clock.advance(bySeconds: TokenSigner.refreshLifetimeSeconds)
            let late = try await stage.post([
                ("grant_type", "refresh_token"), ("refresh_token", refresh),
            ])
            #expect(late.status == .unauthorized)
        }
    }
}
