import Registry
import Synchronization

/// The time on log lines; its text is made once a second but for the milliseconds.
enum LogTime {
    private static let cached = Mutex<(second: Int64, prefix: String)>((.min, ""))

    /// The present moment: `2026-11-21T08:05:09.123Z`.
    static func current() -> String {
        let now = SystemClock().now()
        let second = now.seconds
        let prefix = cached.withLock { cached in
            if cached.second != second {
                cached = (second, String(now.iso8601.dropLast(4)))
            }
            return cached.prefix
        }
        let milliseconds = (now.microseconds - second * 1_000_000) / 1000
        let zeros = milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : ""
        return "\(prefix)\(zeros)\(milliseconds)Z"
    }
}
