import Logging

/// Metadata that is never written, whatever somebody attached: a last line of defence.
enum SecretNames {
    static let redacted = "(redacted)"

    private static let words = [
        "password", "secret", "authorization", "cookie", "api_key", "token",
    ]

    /// Whether values of this name are kept out of logs. Names of tokens are harmless and stay.
    static func contains(_ name: String) -> Bool {
        let name = name.lowercased()
        guard !name.hasSuffix("_id"), !name.hasSuffix("_name") else { return false }
        return words.contains { name.contains($0) }
    }
}
