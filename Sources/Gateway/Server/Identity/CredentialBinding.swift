import Crypto
import Registry

/// What a credential stands for and ends with: what a signed token names, so that it is worth
/// nothing once the token that it was fetched with is revoked, or the password changed.
enum CredentialBinding: Hashable, Sendable {
    case anonymous
    /// A personal, deploy or job token, by its id.
    case token(TokenKind, id: Int64)
    /// A user's password as it was: `digest` is that of its stored hash.
    case password(userID: Int64, digest: String)

    /// The password of this user as it is now, or `nil` when there is none.
    static func password(of user: UserRecord) -> CredentialBinding? {
        user.passwordHash.map { .password(userID: user.id, digest: digest(ofPasswordHash: $0)) }
    }

    /// Of no use to guess the password: the stored hash is salted, and slow to make.
    static func digest(ofPasswordHash hash: String) -> String {
        Hex.encode(SHA256.hash(data: Array(hash.utf8)))
    }
}

extension CredentialBinding: Codable {
    private static let anonymousKind = "anonymous"
    private static let passwordKind = "password"

    private enum CodingKeys: String, CodingKey {
        case kind, id, digest
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let kind = try container.decode(String.self, forKey: .kind)
        if kind == Self.anonymousKind {
            self = .anonymous
        } else if kind == Self.passwordKind {
            self = .password(
                userID: try container.decode(Int64.self, forKey: .id),
                digest: try container.decode(String.self, forKey: .digest))
        } else if let kind = TokenKind(rawValue: kind) {
            self = .token(kind, id: try container.decode(Int64.self, forKey: .id))
        } else {
            throw DecodingError.dataCorruptedError(
                forKey: .kind, in: container, debugDescription: "no such kind")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .anonymous:
            try container.encode(Self.anonymousKind, forKey: .kind)
        case .token(let kind, let id):
            try container.encode(kind.rawValue, forKey: .kind)
            try container.encode(id, forKey: .id)
        case .password(let userID, let digest):
            try container.encode(Self.passwordKind, forKey: .kind)
            try container.encode(userID, forKey: .id)
            try container.encode(digest, forKey: .digest)
        }
    }
}
