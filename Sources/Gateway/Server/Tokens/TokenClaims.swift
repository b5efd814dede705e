import JWTKit
import Registry

/// What a signed token says.
///
/// *Source*: RFC 7519, section 4; distribution, "Token Authentication Implementation".
struct TokenClaims: JWTPayload, Equatable {
    /// What a token is good for.
    enum Use: String, Codable, Sendable {
        /// For requests at `/v2/`.
        case access
        /// For fetching other tokens.
        case refresh
    }

    /// One thing that the token grants.
    struct Entry: Codable, Hashable, Sendable {
        let type: String
        let `class`: String?
        let name: String
        let actions: [String]
    }

    /// Who signed it.
    let iss: String
    /// Whom it was signed for, in words: `user:alice`; empty for anonymous.
    let sub: String
    /// Whom it is to be presented to.
    let aud: String
    /// When it begins and ends, and when it was made, in seconds since 1970.
    let exp: Int64
    let nbf: Int64
    let iat: Int64
    /// Unlike that of any other token.
    let jti: String
    let typ: Use
    /// What it grants; absent from a refresh token.
    let access: [Entry]?
    /// What it was given for, and what it ends with.
    let origin: CredentialBinding

    enum CodingKeys: String, CodingKey {
        case iss, sub, aud, exp, nbf, iat, jti, typ, access
        case origin = "packhouse"
    }

    /// Times and names are compared by `TokenSigner`, which has a clock.
    func verify(using algorithm: some JWTAlgorithm) async throws {}

    /// What the token grants, as far as it is known here.
    var grants: [RegistryGrant] {
        (access ?? []).compactMap { entry in
            RegistryGrant.Resource(rawValue: entry.type).map { resource in
                RegistryGrant(
                    resource, resourceClass: entry.class, name: entry.name,
                    actions: Set(entry.actions.compactMap(RegistryGrant.Action.init(rawValue:))))
            }
        }
    }
}

extension TokenClaims.Entry {
    init(_ grant: RegistryGrant) {
        self.init(
            type: grant.resource.rawValue, class: grant.resourceClass, name: grant.name,
            actions: grant.actionNames)
    }
}
