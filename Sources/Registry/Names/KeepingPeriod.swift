/// How long something is kept that nobody needs any more: a while, or for ever.
///
/// Written as a number with a unit, `7d`, `12h`, `30m`, `90s`, `2w`; as `0` for at once; or as
/// `never`, because what is kept so never goes.
public struct KeepingPeriod: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The longest period that ends, in seconds: a hundred years of 365 days.
    public static let limitSeconds: Int64 = 36_500 * 86_400

    /// A period that does not end.
    public static let never = KeepingPeriod(endingAfter: nil)
    /// No time at all.
    public static let none = KeepingPeriod(seconds: 0)

    /// Seconds, 0 to `limitSeconds`; `nil` for a period that does not end.
    public let seconds: Int64?

    private init(endingAfter seconds: Int64?) {
        self.seconds = seconds
    }

    /// A period of so many seconds; out-of-range values are taken to the nearest that is allowed.
    public init(seconds: Int64) {
        self.seconds = min(max(0, seconds), Self.limitSeconds)
    }

    /// A period of so many days of 24 hours.
    public init(days: Int64) {
        self.init(seconds: min(days, Self.limitSeconds / 86_400) * 86_400)
    }

    /// Units and their seconds, the longest first.
    private static let units: [(name: Character, seconds: Int64)] = [
        ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1),
    ]

    /// Reads a period as people write it.
    ///
    /// - Throws: `malformed` with what a period looks like.
    public init(parsing text: String) throws(RegistryError) {
        if text == "never" {
            self = .never
            return
        }
        if text == "0" {
            self = .none
            return
        }
        guard let unit = Self.units.first(where: { $0.name == text.last }),
            text.dropLast().utf8.allSatisfy({ (48...57).contains($0) }),
            let number = Int64(text.dropLast()), number <= Self.limitSeconds / unit.seconds
        else {
            throw RegistryError(
                .malformed,
                "'\(text)' is no period such as 7d, 12h, 30m or 90s, at most "
                    + "\(Self.limitSeconds / 86_400)d, nor 0 or never",
                reason: "period_invalid")
        }
        self.init(seconds: number * unit.seconds)
    }

    /// In the longest unit that it is a whole number of, up to days.
    public var description: String {
        guard let seconds else { return "never" }
        guard seconds > 0,
            let unit = Self.units.dropFirst().first(where: { seconds % $0.seconds == 0 })
        else { return "0" }
        return "\(seconds / unit.seconds)\(unit.name)"
    }

    /// When the period ends that began at `moment`; `nil` for never.
    public func end(from moment: Timestamp) -> Timestamp? {
        seconds.map { moment.advanced(bySeconds: $0) }
    }

    /// What began at this moment or before has been kept long enough at `now`.
    public func latestStart(endedAt now: Timestamp) -> Timestamp {
        seconds.map { now.advanced(bySeconds: -$0) } ?? Timestamp(microseconds: .min)
    }

    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
