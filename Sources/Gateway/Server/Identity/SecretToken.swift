import Crypto
public import Registry

/// Secrets of tokens: made here, stored as their SHA-256, shown once.
public enum SecretToken {
    /// Random characters behind the prefix: 32 of 62, more than 190 bits.
    static let randomCharacterCount = 32

    /// A new secret: `phpat-…` for a personal, `phdt-…` for a deploy, `phjob-…` for a job token.
    public static func generate(_ kind: TokenKind) -> String {
        prefix(of: kind) + randomText(count: randomCharacterCount)
    }

    /// What every secret of the kind begins with.
    static func prefix(of kind: TokenKind) -> String {
        switch kind {
        case .personal: "phpat-"
        case .deploy: "phdt-"
        case .job: "phjob-"
        }
    }

    /// A new password that meets every rule for passwords.
    public static func generatePassword() -> String {
        randomText(count: 24)
    }

    /// The SHA-256 of `secret` in hexadecimal, as `tokens` has it.
    ///
    /// One round suffices: a secret is random, so nobody can guess his way to it.
    public static func hash(_ secret: String) -> String {
        Hex.encode(SHA256.hash(data: Array(secret.utf8)))
    }

    private static func randomText(count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        var generator = SystemRandomNumberGenerator()
        return String(
            (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        )
    }
}
