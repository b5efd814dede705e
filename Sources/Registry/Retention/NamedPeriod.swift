/// A length of time as people write it: `1h`, `30d`, `1month`, `1 week 2 days`. A month has 30 days
/// and a year 365.
///
/// *Source*: GitLab, "Container registry API", `older_than`.
public struct NamedPeriod: Hashable, Sendable, CustomStringConvertible {
    /// As it was written.
    public let description: String
    public let seconds: Int64

    /// Reads numbers with their units.
    ///
    /// - Throws: `malformed` for anything else, and for more than a hundred years.
    public init(parsing text: String) throws(RegistryError) {
        var rest = text.lowercased()[...]
        var total: Int64 = 0
        repeat {
            let digits = rest.trimmingPrefix { $0 == " " }.prefix { ("0"..."9").contains($0) }
            let unit = rest[digits.endIndex...].trimmingPrefix { $0 == " " }
                .prefix { ("a"..."z").contains($0) }
            guard digits.count <= Self.digitLimitCount, let count = Int64(digits),
                let seconds = Self.units[String(unit)]
            else {
                throw RegistryError(
                    .malformed, "'\(text)' is no time such as 1h, 2d or 1month",
                    reason: "period_invalid")
            }
            total += count * seconds
            rest = rest[unit.endIndex...].trimmingPrefix { $0 == " " }
        } while !rest.isEmpty && total <= Self.limitSeconds
        guard total <= Self.limitSeconds else {
            throw RegistryError(
                .malformed, "more than a hundred years", reason: "period_invalid")
        }
        description = text
        seconds = total
    }

    /// A hundred years.
    private static let limitSeconds: Int64 = 100 * 365 * 86_400
    /// Digits of one number.
    private static let digitLimitCount = 10

    /// The seconds of every unit, by all of its names.
    private static let units: [String: Int64] = {
        let names: [(seconds: Int64, names: [String])] = [
            (1, ["s", "sec", "secs", "second", "seconds"]),
            (60, ["m", "min", "mins", "minute", "minutes"]),
            (3600, ["h", "hr", "hrs", "hour", "hours"]), (86_400, ["d", "day", "days"]),
            (7 * 86_400, ["w", "week", "weeks"]),
            (30 * 86_400, ["mo", "mos", "month", "months"]),
            (365 * 86_400, ["y", "yr", "yrs", "year", "years"]),
        ]
        return Dictionary(
            names.flatMap { unit in unit.names.map { ($0, unit.seconds) } },
            uniquingKeysWith: { first, _ in first })
    }()
}
