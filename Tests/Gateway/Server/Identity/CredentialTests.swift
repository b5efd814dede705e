import Foundation
import HTTPTypes
import Registry
import Testing

@testable import GatewayServer

/// Every way of presenting a credential, as GitLab's clients do it.
@Suite struct CredentialTests {
    private static let any: Set<TokenKind> = [.personal, .deploy, .job]

    private static func basic(_ text: String) -> String {
        "Basic " + Data(text.utf8).base64EncodedString()
    }

    private func read(_ fields: [(String, String)]) throws -> Credential {
        var headers = HTTPFields()
        for (name, value) in fields {
            headers.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        return try Credential(headers)
    }

    @Test func readsWhatClientsSend() throws {
        let table: [([(String, String)], Credential)] = [
            ([], .none),
            ([("PRIVATE-TOKEN", "t")], .token("t", kinds: [.personal])),
            ([("private-token", "t")], .token("t", kinds: [.personal])),
            ([("Deploy-Token", "t")], .token("t", kinds: [.deploy])),
            ([("JOB-TOKEN", "t")], .token("t", kinds: [.job])),
            ([("Authorization", "Bearer t")], .token("t", kinds: Self.any)),
            ([("Authorization", "bearer  t ")], .token("t", kinds: Self.any)),
            ([("Authorization", "Bearer eyJh.b.c")], .signed("eyJh.b.c")),
            ([("Authorization", "bearer eyJh.b.")], .signed("eyJh.b.")),
            ([("Authorization", "Bearer eyJh.b")], .token("eyJh.b", kinds: Self.any)),
            ([("Authorization", "Bearer eyJh.b.c.d")], .token("eyJh.b.c.d", kinds: Self.any)),
            ([("Authorization", "Bearer xyJh.b.c")], .token("xyJh.b.c", kinds: Self.any)),
            ([("PRIVATE-TOKEN", "eyJh.b.c")], .token("eyJh.b.c", kinds: [.personal])),
            (
                [("Authorization", Self.basic("u:eyJh.b.c"))],
                .basic(username: "u", password: "eyJh.b.c")
            ),
            ([("X-NuGet-ApiKey", "t")], .token("t", kinds: Self.any)),
            (
                [("Authorization", Self.basic("u:p:q"))],
                .basic(username: "u", password: "p:q")
            ),
            (
                [("Authorization", Self.basic("gitlab-ci-token:t"))],
                .token("t", kinds: [.job])
            ),
            (
                [("Authorization", Self.basic("__token__:t"))],
                .basic(username: "__token__", password: "t")
            ),
            ([("Authorization", Self.basic(":"))], .none),
            (
                [("PRIVATE-TOKEN", "t"), ("Authorization", Self.basic("u:p"))],
                .token("t", kinds: [.personal])
            ),
            (
                [("X-NuGet-ApiKey", "k"), ("Authorization", Self.basic("u:p"))],
                .basic(username: "u", password: "p")
            ),
        ]
        for (fields, expected) in table {
            #expect(try read(fields) == expected, "\(fields)")
        }
    }

    @Test(arguments: [
        "Basic", "Basic !!!", "Basic dXNlcg==", "Bearer", "Digest x", "", "Basic /w==",
        "Bearer " + String(repeating: "a", count: Credential.limitBytes),
    ])
    func refusesWhatCannotBeRead(authorization: String) {
        do {
            _ = try read([("Authorization", authorization)])
            Issue.record("'\(authorization)' was taken for a credential")
        } catch {
            #expect((error as? RegistryError)?.code == .unauthenticated)
        }
    }
}

@Suite struct LoginThrottleTests {
    @Test func slowsAnAccountAfterAFewFailures() throws {
        let clock = ManualClock()
        let throttle = LoginThrottle(clock: clock)
        for _ in 0..<LoginThrottle.freeFailureCount {
            try throttle.check(account: "Ann", address: "10.0.0.1")
            throttle.recordFailure(account: "Ann", address: "10.0.0.1")
        }
        do {
            try throttle.check(account: "ann", address: "10.0.0.2")
            Issue.record("a sixth attempt was read at once")
        } catch {
            #expect(error.code == .tooManyRequests)
            #expect(error.retryAfterSeconds == 1)
        }
        clock.advance(bySeconds: 1)
        try throttle.check(account: "ann", address: "10.0.0.2")
    }

    @Test func slowsAnAddressThatTriesManyAccounts() throws {
        let clock = ManualClock()
        let throttle = LoginThrottle(clock: clock)
        for number in 0..<40 {
            throttle.recordFailure(account: "user\(number)", address: "10.0.0.1")
        }
        #expect(throws: RegistryError.self) {
            try throttle.check(account: "somebody", address: "10.0.0.1")
        }
        try throttle.check(account: "somebody", address: "10.0.0.9")
        clock.advance(bySeconds: LoginThrottle.delayLimitSeconds)
        try throttle.check(account: "somebody", address: "10.0.0.1")
    }

    @Test func aSuccessForgetsTheAccountsFailures() throws {
        let throttle = LoginThrottle(clock: ManualClock())
        for number in 0..<10 {
            throttle.recordFailure(account: "ann", address: "10.0.0.\(number)")
        }
        throttle.recordSuccess(account: "ANN")
        try throttle.check(account: "ann", address: "10.0.1.1")
    }

    @Test func remembersABoundedNumber() throws {
        let clock = ManualClock()
        let limitCount = 1000
        let throttle = LoginThrottle(clock: clock, limitCount: limitCount)
        for _ in 0..<10 { throttle.recordFailure(account: "old", address: "a") }
        clock.advance(bySeconds: 1)
        for number in 0...limitCount {
            throttle.recordFailure(account: "u\(number)", address: "b\(number)")
        }
        try throttle.check(account: "old", address: "fresh")
    }
}

@Suite struct SecretTests {
    @Test func passwordsAreHashedWithSaltAndVerified() async throws {
        let hasher = PasswordHasher()
        let first = try await hasher.hash("correct horse")
        let second = try await hasher.hash("correct horse")
        #expect(first != second)
        #expect(first.hasPrefix("scrypt$"))
        #expect(try await hasher.verify("correct horse", against: first))
        #expect(try await !hasher.verify("correct horsf", against: first))
        #expect(try await !hasher.verify("correct horse", against: nil))
    }

    @Test func shortPasswordsAreRefused() async throws {
        do {
            _ = try await PasswordHasher().hash("1234567")
            Issue.record("a password of 7 characters was accepted")
        } catch {
            #expect(error.code == .malformed)
        }
    }

    @Test func scryptGivesTheSpecifiedKey() async throws {
        // RFC 7914, section 12, third vector: N = 16384, r = 8, p = 1, as a stored hash would say it.
        let key =
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            + "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        let salt = Hex.encode("SodiumChloride".utf8)
        let stored = "scrypt$14$8$1$\(salt)$\(key.prefix(64))"
        #expect(try await PasswordHasher().verify("pleaseletmein", against: stored))
    }

    @Test(arguments: TokenKind.allCases)
    func tokensAreLongAndDifferent(kind: TokenKind) {
        let tokens = (0..<100).map { _ in SecretToken.generate(kind) }
        #expect(Set(tokens).count == 100)
        #expect(tokens.allSatisfy { $0.count > 32 && $0.hasPrefix("ph") })
        #expect(SecretToken.hash("abc").hasPrefix("ba7816bf8f01cfea"))
    }
}
