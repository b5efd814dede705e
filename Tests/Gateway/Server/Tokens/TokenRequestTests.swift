import Registry
import Testing

@testable import GatewayServer

@Suite struct TokenRequestTests {
    private func query(_ text: String) throws -> TokenRequest {
        try TokenRequest(query: try RequestQuery(parsing: text))
    }

    private func form(_ text: String) throws -> TokenRequest {
        try TokenRequest(form: try RequestQuery(parsing: text))
    }

    @Test(arguments: [
        "scope=repository:a:pull&scope=repository:b:push",
        "scope=repository:a:pull+repository:b:push",
        "scope=repository%3Aa%3Apull%20repository%3Ab%3Apush",
        "scope=repository:a:pull&scope=plugin:x:pull+repository:b:push&account=alice&client_id=x",
        "scope=repository:a:pull&scope=repository:b:push&scope=repository:a:pull",
    ])
    func readsScopesInEveryWay(text: String) throws {
        let expected = ["repository:a:pull", "repository:b:push"]
        #expect(try query(text).scopes.map(\.description) == expected)
        #expect(
            try form("grant_type=password&\(text)").scopes.map(\.description) == expected)
    }

    @Test func joinsWhatIsAskedOfOneRepository() throws {
        let scopes = try query(
            "scope=repository:a:pull&scope=repository:b:pull&scope=repository:a:push"
        ).scopes
        #expect(
            scopes.map(\.description) == ["repository:a:pull,push", "repository:b:pull"])
        #expect(
            try query("scope=repository:a:pull+repository(plugin):a:pull").scopes.count == 2)
    }

    @Test func refusesTooManyScopes() throws {
        func scopes(_ count: Int) -> String {
            (0..<count).map { "scope=repository:a\($0):pull" }.joined(separator: "&")
        }
        #expect(
            try query(scopes(TokenRequest.scopeLimitCount)).scopes.count
                == TokenRequest.scopeLimitCount)
        let error = #expect(throws: RegistryError.self) {
            try query(scopes(TokenRequest.scopeLimitCount + 1))
        }
        #expect(error?.code == .malformed)
    }

    @Test func leavesOutNamesThatNobodyCanHave() throws {
        let long = String(repeating: "a", count: RegistryGrant.nameLimitBytes + 1)
        for name in ["a%00b", "a%0Ab", "%C3%A4", long] {
            #expect(try query("scope=repository:\(name):pull").scopes.isEmpty, "\(name)")
        }
    }

    @Test(arguments: [
        ("", false), ("scope=repository:a:pull", true),
        ("scope=repository:a:pull&scope=repository:b:pull", true),
        ("scope=repository:a:pull,push", false), ("scope=repository:a:*", false),
        ("scope=repository:a:pull+repository:b:push", false), ("scope=registry:catalog:*", false),
        ("scope=repository:a:", false), ("scope=plugin:a:pull", false),
    ])
    func knowsWhenOnlyPullingIsAsked(text: String, expected: Bool) throws {
        #expect(try query(text).isPullOnly == expected)
    }

    @Test func readsWhoAsks() throws {
        #expect(try query("account=alice").grant == .header)
        #expect(
            try form("grant_type=password&username=alice&password=a%2Bb+c").grant
                == .password(.basic(username: "alice", password: "a+b c")))
        #expect(
            try form("grant_type=password&username=gitlab-ci-token&password=t").grant
                == .password(.token("t", kinds: [.job])))
        #expect(try form("grant_type=password&username=&password=").grant == .password(.none))
        #expect(try form("grant_type=password").grant == .header)
        #expect(
            try form("grant_type=refresh_token&refresh_token=r").grant == .refreshToken("r"))
        for text in ["", "grant_type=", "grant_type=code", "grant_type=refresh_token"] {
            let error = #expect(throws: RegistryError.self) { try form(text) }
            #expect(error?.code == .malformed, "\(text)")
        }
    }

    @Test func readsWhetherARefreshTokenIsWanted() throws {
        #expect(try query("offline_token=true").wantsRefreshToken)
        #expect(try query("offline_token=1").wantsRefreshToken)
        #expect(try !query("offline_token=false").wantsRefreshToken)
        #expect(try !query("").wantsRefreshToken)
        #expect(try form("grant_type=password&access_type=offline").wantsRefreshToken)
        #expect(try !form("grant_type=password&access_type=online").wantsRefreshToken)
    }
}
