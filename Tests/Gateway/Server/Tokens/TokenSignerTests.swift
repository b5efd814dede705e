import Foundation
import JWTKit
import Registry
import Testing

@testable import GatewayServer

@Suite struct TokenSignerTests {
    private static let now = Timestamp(seconds: 1_800_000_000)
    private static let grants = [
        RegistryGrant(.repository, name: "acme/web", actions: [.pull, .push]),
        RegistryGrant(.repository, resourceClass: "plugin", name: "a", actions: [.all]),
        .catalogue,
    ]

    private func part(_ index: Int, of token: String) throws -> [String: Any] {
        let data = try #require(TokenStage.decode(token.split(separator: ".")[index]))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private static func encode(_ object: [String: any Sendable]) throws -> String {
        try JSONSerialization.data(withJSONObject: object).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    @Test func saysWhatRegistriesExpect() async throws {
        let key = SigningKey()
        let signer = await TokenSigner(key: key, lifetimeSeconds: 120)
        let token = try await signer.signAccess(
            Self.grants, to: .token(.deploy, id: 7), label: "deploy_token:7", at: Self.now)
        let header = try part(0, of: token)
        #expect(header["alg"] as? String == "ES256")
        #expect(header["typ"] as? String == "JWT")
        #expect(header["kid"] as? String == key.id)
        let claims = try part(1, of: token)
        #expect(claims["iss"] as? String == "packhouse")
        #expect(claims["aud"] as? String == "container_registry")
        #expect(claims["sub"] as? String == "deploy_token:7")
        #expect(claims["iat"] as? Int == 1_800_000_000)
        #expect(claims["nbf"] as? Int == 1_800_000_000)
        #expect(claims["exp"] as? Int == 1_800_000_120)
        #expect((claims["jti"] as? String)?.count == 2 * TokenSigner.idBytes)
        let access = try #require(claims["access"] as? [[String: Any]])
        #expect(access.map { $0["type"] as? String } == ["repository", "repository", "registry"])
        #expect(access.map { $0["name"] as? String } == ["acme/web", "a", "catalog"])
        #expect(access.map { $0["class"] as? String } == [nil, "plugin", nil])
        #expect(
            access.map { $0["actions"] as? [String] } == [["pull", "push"], ["*"], ["*"]])
        let origin = try #require(claims["packhouse"] as? [String: Any])
        #expect(origin["kind"] as? String == "deploy")
        #expect(origin["id"] as? Int == 7)
    }

    @Test(arguments: [
        CredentialBinding.anonymous, .token(.personal, id: 1), .token(.job, id: 2),
        .token(.deploy, id: 3), .password(userID: 4, digest: "d"),
    ])
    func readsWhatItSigned(origin: CredentialBinding) async throws {
        let signer = await TokenSigner(key: SigningKey())
        let token = try await signer.signAccess(Self.grants, to: origin, label: "", at: Self.now)
        let claims = try await signer.verify(token, for: .access, at: Self.now)
        #expect(claims.grants == Self.grants)
        #expect(claims.origin == origin)
        let refresh = try await signer.signRefresh(for: origin, label: "", at: Self.now)
        #expect(try await signer.verify(refresh, for: .refresh, at: Self.now).origin == origin)
    }

    private func refusal(
        of token: String, _ signer: TokenSigner, for use: TokenClaims.Use = .access,
        at now: Timestamp = now
    ) async -> RegistryError? {
        do throws(RegistryError) {
            _ = try await signer.verify(token, for: use, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test func countsForItsTimeOnly() async throws {
        let signer = await TokenSigner(key: SigningKey(), lifetimeSeconds: 60)
        let token = try await signer.signAccess([], to: .anonymous, label: "", at: Self.now)
        for (offset, reason) in [
            (0, nil), (59, nil), (60, RegistryTokens.expiredReason), (6000, "token_expired"),
            (-TokenSigner.leewaySeconds, nil), (-TokenSigner.leewaySeconds - 1, "wrong_credential"),
        ] as [(Int64, String?)] {
            let refusal = await refusal(
                of: token, signer, at: Self.now.advanced(bySeconds: offset))
            #expect(refusal?.reason == reason, "\(offset)")
            #expect(refusal == nil || refusal?.code == .unauthenticated)
        }
        let refresh = try await signer.signRefresh(for: .anonymous, label: "", at: Self.now)
        let end = Self.now.advanced(bySeconds: TokenSigner.refreshLifetimeSeconds)
        #expect(
            await refusal(
                of: refresh, signer, for: .refresh, at: end.advanced(bySeconds: -1)) == nil)
        #expect(
            await refusal(of: refresh, signer, for: .refresh, at: end)?.reason == "token_expired")
    }

    @Test func oneKindIsNotTheOther() async throws {
        let signer = await TokenSigner(key: SigningKey())
        let access = try await signer.signAccess([], to: .anonymous, label: "", at: Self.now)
        let refresh = try await signer.signRefresh(for: .anonymous, label: "", at: Self.now)
        #expect(await refusal(of: access, signer, for: .refresh) != nil)
        #expect(await refusal(of: refresh, signer, for: .access) != nil)
    }

    /// Each with a good signature of the right key, and one claim of somebody else's.
    @Test func comparesWhoSignedAndForWhom() async throws {
        let key = SigningKey()
        let signer = await TokenSigner(key: key)
        let keys = await JWTKeyCollection().add(ecdsa: key.key)
        func sign(
            iss: String = TokenSigner.issuer, aud: String = RegistryTokens.service
        ) async throws -> String {
            try await keys.sign(
                TokenClaims(
                    iss: iss, sub: "", aud: aud, exp: Self.now.seconds + 60,
                    nbf: Self.now.seconds, iat: Self.now.seconds, jti: "1", typ: .access,
                    access: [], origin: .anonymous))
        }
        #expect(await refusal(of: try await sign(), signer) == nil)
        #expect(await refusal(of: try await sign(iss: "gitlab"), signer) != nil)
        #expect(await refusal(of: try await sign(aud: "dependency_proxy"), signer) != nil)
    }

    @Test func refusesWhatItDidNotSign() async throws {
        let key = SigningKey()
        let signer = await TokenSigner(key: key)
        let token = try await signer.signAccess(
            Self.grants, to: .token(.personal, id: 1), label: "user:a", at: Self.now)
        let parts = token.split(separator: ".").map(String.init)
        let other = await TokenSigner(key: SigningKey())
        let claims = try part(1, of: token)
        var forged: [String: any Sendable] = [:]
        for (name, value) in claims {
            if let text = value as? String { forged[name] = text }
            if let number = value as? Int { forged[name] = number }
        }
        forged["packhouse"] = ["kind": "personal", "id": 2] as [String: any Sendable]
        let payload = try Self.encode(forged)
        let none = try Self.encode(["alg": "none", "typ": "JWT"])
        let hmac = try Self.encode(["alg": "HS256", "typ": "JWT", "kid": key.id])
        let unknown = try Self.encode(["alg": "ES256", "typ": "JWT", "kid": "of-nobody"])
        let flipped = (parts[2].hasPrefix("A") ? "B" : "A") + parts[2].dropFirst()
        for (name, text) in [
            ("other claims", "\(parts[0]).\(payload).\(parts[2])"),
            ("other signature", "\(parts[0]).\(parts[1]).\(flipped)"),
            ("no signature", "\(parts[0]).\(parts[1])."),
            ("no algorithm", "\(none).\(parts[1])."),
            ("no algorithm, with a signature", "\(none).\(parts[1]).\(parts[2])"),
            ("no algorithm, other claims", "\(none).\(payload)."),
            ("symmetric", "\(hmac).\(parts[1]).\(parts[2])"),
            ("unknown key", "\(unknown).\(parts[1]).\(parts[2])"),
            ("two parts", "\(parts[0]).\(parts[1])"),
            ("no JSON", "eyJ.eyJ.eyJ"), ("nothing", ".."),
            (
                "other key",
                try await other.signAccess(
                    Self.grants, to: .token(.personal, id: 1), label: "user:a", at: Self.now)
            ),
        ] {
            #expect(await refusal(of: text, signer)?.reason == "wrong_credential", "\(name)")
        }
    }
}
