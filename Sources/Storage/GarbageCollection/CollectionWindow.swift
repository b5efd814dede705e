public import Registry

/// The hours of the day, in UTC, in which servers collect by themselves: `01:00-05:00`, or
/// `22:00-04:00` across midnight. Its end is no part of it.
public struct CollectionWindow: Hashable, Sendable, CustomStringConvertible {
    private static let dayMinutes = 24 * 60

    /// Minutes since midnight.
    let startMinute: Int
    let endMinute: Int

    /// Reads `01:00-05:00`; `nil` for anything else, and where the two are the same.
    public init?(parsing text: String) {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(Self.minute)
        guard ends.count == 2, let start = ends[0], let end = ends[1], start != end else {
            return nil
        }
        startMinute = start
        endMinute = end
    }

    /// Whether the moment lies in these hours.
    public func contains(_ moment: Timestamp) -> Bool {
        let minutes = moment.seconds / 60
        let minute = Int(minutes - minutes / Int64(Self.dayMinutes) * Int64(Self.dayMinutes))
        return startMinute < endMinute
            ? (startMinute..<endMinute).contains(minute)
            : minute >= startMinute || minute < endMinute
    }

    public var description: String { "\(Self.text(startMinute))-\(Self.text(endMinute))" }

    /// `24:00` is the end of the day.
    private static func minute(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }),
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60,
            hour * 60 + minute <= dayMinutes
        else { return nil }
        return hour * 60 + minute
    }

    private static func text(_ minute: Int) -> String {
        let (hour, rest) = minute.quotientAndRemainder(dividingBy: 60)
        return "\(hour < 10 ? "0" : "")\(hour):\(rest < 10 ? "0" : "")\(rest)"
    }
}
