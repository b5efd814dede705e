/// A day of the proleptic Gregorian calendar, in UTC.
public struct CalendarDay: Hashable, Sendable {
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int

    /// The day with these numbers, or `nil` when the calendar has no such day.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), (1...9999).contains(year), day >= 1,
            day <= CalendarDay.days(inMonth: month, year: year)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day `daysSinceEpoch` days after 1970-01-01.
    ///
    /// *Source*: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    init(daysSinceEpoch: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
        month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01.
    ///
    /// *Source*: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    var daysSinceEpoch: Int64 {
        let shiftedYear = Int64(month <= 2 ? year - 1 : year)
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let monthFromMarch = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func days(inMonth month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        default: 31
        }
    }
}

extension Timestamp {
    /// The start, in UTC, of `day`.
    public init(startOf day: CalendarDay) {
        self.init(seconds: day.daysSinceEpoch * 86_400)
    }

    /// The day, in UTC, that this moment falls on.
    public var day: CalendarDay {
        CalendarDay(daysSinceEpoch: daysAndSeconds.days)
    }

    /// RFC 3339 with milliseconds, in UTC: `2026-11-21T08:05:09.123Z`.
    public var iso8601: String {
        let time = daysAndSeconds.seconds
        let milliseconds = (microseconds - seconds * 1_000_000) / 1000
        return "\(dateText)T\(Self.pad(time / 3600, 2)):\(Self.pad(time / 60 % 60, 2)):"
            + "\(Self.pad(time % 60, 2)).\(Self.pad(milliseconds, 3))Z"
    }

    /// `2026-11-21`, in UTC.
    public var dateText: String {
        let day = day
        return "\(Self.pad(Int64(day.year), 4))-\(Self.pad(Int64(day.month), 2))"
            + "-\(Self.pad(Int64(day.day), 2))"
    }

    /// An HTTP date: `Sat, 21 Nov 2026 08:05:09 GMT`.
    ///
    /// *Source*: RFC 9110, section 5.6.7 (IMF-fixdate).
    public var httpDate: String {
        let (days, time) = daysAndSeconds
        let day = CalendarDay(daysSinceEpoch: days)
        let weekday = Self.weekdays[Int(((days % 7) + 11) % 7)]
        return "\(weekday), \(Self.pad(Int64(day.day), 2)) \(Self.months[day.month - 1]) "
            + "\(Self.pad(Int64(day.year), 4)) \(Self.pad(time / 3600, 2)):"
            + "\(Self.pad(time / 60 % 60, 2)):\(Self.pad(time % 60, 2)) GMT"
    }

    /// Reads an HTTP date in its preferred form (IMF-fixdate), or answers `nil`.
    ///
    /// *Source*: RFC 9110, section 5.6.7. The two obsolete forms are not read: no client that we
    /// know of sends them, and a condition that cannot be read is ignored (section 13.1.3).
    public init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let dayOfMonth = Int(parts[1]),
            let month = Self.months.firstIndex(of: String(parts[2])), let year = Int(parts[3]),
            let day = CalendarDay(year: year, month: month + 1, day: dayOfMonth)
        else { return nil }
        let clock = parts[4].split(separator: ":").map { Int64($0) }
        guard clock.count == 3, let hours = clock[0], let minutes = clock[1],
            let seconds = clock[2], (0..<24).contains(hours), (0..<60).contains(minutes),
            (0...60).contains(seconds)
        else { return nil }
        self.init(seconds: day.daysSinceEpoch * 86_400 + hours * 3600 + minutes * 60 + seconds)
    }

    /// Reads a date (`2026-11-21`) or an RFC 3339 time in UTC (`2026-11-21T08:05:09[.123]Z`).
    public init?(iso8601 text: String) {
        let halves = text.split(separator: "T", omittingEmptySubsequences: false)
        let date = halves[0].split(separator: "-").map { Int($0) }
        guard date.count == 3, let year = date[0], let month = date[1], let dayOfMonth = date[2],
            let day = CalendarDay(year: year, month: month, day: dayOfMonth)
        else { return nil }
        guard halves.count == 2 else {
            guard halves.count == 1 else { return nil }
            self.init(startOf: day)
            return
        }
        guard halves[1].hasSuffix("Z") else { return nil }
        let time = halves[1].dropLast().split(separator: ".")
        let clock = time.first?.split(separator: ":").map { Int64($0) } ?? []
        guard clock.count == 3, time.count <= 2, let hours = clock[0], let minutes = clock[1],
            let seconds = clock[2], (0..<24).contains(hours), (0..<60).contains(minutes),
            (0...60).contains(seconds)
        else { return nil }
        var fraction: Int64 = 0
        if time.count == 2 {
            guard time[1].count <= 9, let digits = Int64(time[1]), digits >= 0 else { return nil }
            fraction = digits
            for _ in time[1].count..<9 { fraction *= 10 }
        }
        let whole = day.daysSinceEpoch * 86_400 + hours * 3600 + minutes * 60 + seconds
        self.init(microseconds: whole * 1_000_000 + fraction / 1000)
    }

    private var daysAndSeconds: (days: Int64, seconds: Int64) {
        let seconds = seconds
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        return (days, seconds - days * 86_400)
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func pad(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        if digits.utf8.count == width { return digits }
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
