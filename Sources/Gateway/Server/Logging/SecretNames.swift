import Synchronization

/// Metadata that is never written, whatever somebody attached: a last line of defence.
enum SecretNames {
    static let redacted = "(redacted)"

    private static let words = [
        "password", "secret", "authorization", "cookie", "api_key", "token",
    ]

    /// The most names whose answer is remembered; programs have far fewer.
    private static let rememberedLimitCount = 1024
    private static let remembered = Mutex<[String: Bool]>([:])

    /// Whether values of this name are kept out of logs. Names of tokens are harmless and stay.
    static func contains(_ name: String) -> Bool {
        // Lines carry the same few names over and over; looking for the words costs more than the
        // rest of a line.
        remembered.withLock { remembered in
            if let answer = remembered[name] { return answer }
            let answer = isSecret(name.lowercased())
            if remembered.count < rememberedLimitCount { remembered[name] = answer }
            return answer
        }
    }

    private static func isSecret(_ name: String) -> Bool {
        guard !name.hasSuffix("_id"), !name.hasSuffix("_name") else { return false }
        return words.contains { name.contains($0) }
    }
}
