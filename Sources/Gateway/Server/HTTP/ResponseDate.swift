import Registry
import Synchronization

/// The text of the `Date` header, made once a second.
enum ResponseDate {
    private static let cached = Mutex<(second: Int64, text: String)>((.min, ""))

    /// The present moment as an HTTP date.
    static func current() -> String {
        let now = SystemClock().now()
        return cached.withLock { cached in
            if cached.second != now.seconds {
                cached = (now.seconds, now.httpDate)
            }
            return cached.text
        }
    }
}
