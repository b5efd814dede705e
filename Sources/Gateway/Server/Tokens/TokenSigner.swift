import JWTKit
import Registry

/// Signs registry tokens, and tells whether one was signed here and counts now.
///
/// *Source*: distribution, "Token Authentication Implementation"; RFC 7515; RFC 7519.
public struct TokenSigner: Sendable {
    /// How long an access token counts where nobody set anything else, in seconds.
    public static let standardLifetimeSeconds: Int64 = 300
    /// The shortest lifetime that clients take seriously, in seconds.
    public static let minimumLifetimeSeconds: Int64 = 60
    /// How long a refresh token counts, in seconds: 90 days.
    static let refreshLifetimeSeconds: Int64 = 90 * 86_400
    /// How far the clock of the replica that signed may be ahead, in seconds.
    static let leewaySeconds: Int64 = 10
    /// Who signs.
    static let issuer = "packhouse"
    /// Random bytes that name a token.
    static let idBytes = 16

    /// How long an access token counts, in seconds.
    let lifetimeSeconds: Int64
    /// Writes and knows again what logins on a page carry in their addresses.
    let pageLogins: PageLoginSeal
    private let keys: JWTKeyCollection
    private let keyID: JWKIdentifier

    /// Signs and verifies with `key`.
    public init(
        key: SigningKey, lifetimeSeconds: Int64 = TokenSigner.standardLifetimeSeconds
    ) async {
        self.lifetimeSeconds = lifetimeSeconds
        pageLogins = PageLoginSeal(key.derive(for: PageLoginSeal.purpose))
        keyID = JWKIdentifier(string: key.id)
        keys = await JWTKeyCollection().add(ecdsa: key.key, kid: keyID)
    }

    /// A token that grants `grants` to whoever presented `origin`.
    ///
    /// - Parameter label: the principal, in words.
    func signAccess(
        _ grants: [RegistryGrant], to origin: CredentialBinding, label: String, at now: Timestamp
    ) async throws(RegistryError) -> String {
        try await sign(
            .access, grants.map(TokenClaims.Entry.init), origin, label, lifetimeSeconds, at: now)
    }

    /// A token that others can be fetched with, for as long as `origin` is good.
    func signRefresh(
        for origin: CredentialBinding, label: String, at now: Timestamp
    ) async throws(RegistryError) -> String {
        try await sign(.refresh, nil, origin, label, Self.refreshLifetimeSeconds, at: now)
    }

    /// What a token says, if it was signed here for `use` and counts at `now`.
    ///
    /// - Throws: `unauthenticated`, with a reason of its own for a token whose time is over.
    func verify(
        _ token: String, for use: TokenClaims.Use, at now: Timestamp
    ) async throws(RegistryError) -> TokenClaims {
        let claims: TokenClaims
        do {
            claims = try await keys.verify(token)
        } catch {
            throw RegistryError.wrongCredential()
        }
        guard claims.iss == Self.issuer, claims.aud == RegistryTokens.service, claims.typ == use,
            claims.nbf <= now.advanced(bySeconds: Self.leewaySeconds).seconds
        else { throw RegistryError.wrongCredential() }
        guard now < Timestamp(seconds: claims.exp) else {
            throw RegistryError(
                .unauthenticated, "the token has expired; fetch another",
                reason: RegistryTokens.expiredReason)
        }
        return claims
    }

    private func sign(
        _ use: TokenClaims.Use, _ access: [TokenClaims.Entry]?, _ origin: CredentialBinding,
        _ label: String, _ lifetimeSeconds: Int64, at now: Timestamp
    ) async throws(RegistryError) -> String {
        let claims = TokenClaims(
            iss: Self.issuer, sub: label, aud: RegistryTokens.service,
            exp: now.seconds + lifetimeSeconds, nbf: now.seconds, iat: now.seconds,
            jti: Hex.encode((0..<Self.idBytes).map { _ in UInt8.random(in: 0...255) }), typ: use,
            access: access, origin: origin)
        do {
            return try await keys.sign(claims, kid: keyID)
        } catch {
            throw RegistryError(.internalError, "the token could not be signed", cause: error)
        }
    }
}
