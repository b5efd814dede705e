/// How often a policy runs: `1d`, `7d`, `14d`, `1month`, `3month`, or a number of hours such as `6h`.
///
/// *Source*: GitLab, "Container registry cleanup policy", `cadence`; the hours are an addition.
public struct RetentionCadence: Hashable, Sendable, CustomStringConvertible {
    /// The cadences that have names.
    public static let names = ["1d", "7d", "14d", "1month", "3month"]
    /// The most hours: a month.
    public static let hourLimitCount: Int64 = 720
    /// The cadence for which nobody said.
    public static let daily = RetentionCadence(description: "1d", seconds: 86_400)

    /// As it was written.
    public let description: String
    public let seconds: Int64

    private init(description: String, seconds: Int64) {
        self.description = description
        self.seconds = seconds
    }

    /// - Throws: `malformed` for anything else.
    public init(parsing text: String) throws(RegistryError) {
        if Self.names.contains(text) {
            self.init(description: text, seconds: try NamedPeriod(parsing: text).seconds)
            return
        }
        guard text.hasSuffix("h"), text.utf8.dropLast().allSatisfy({ (48...57).contains($0) }),
            let hours = Int64(text.dropLast()), (1...Self.hourLimitCount).contains(hours)
        else {
            throw RegistryError(
                .malformed,
                "'\(text)' is no cadence: there are \(Self.names.joined(separator: ", ")), and "
                    + "hours from 1h to \(Self.hourLimitCount)h",
                reason: "cadence_invalid")
        }
        self.init(description: text, seconds: hours * 3600)
    }
}
