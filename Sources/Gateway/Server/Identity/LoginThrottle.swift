import Registry
import Synchronization

/// Slows failed logins, per account and per address, so that passwords cannot be tried in bulk.
///
/// The first few failures cost nothing. Each one after them doubles the time in which further
/// attempts are refused unread, up to a limit. A success forgets the account's failures.
final class LoginThrottle: Sendable {
    /// Failures in a row that cost nothing.
    static let freeFailureCount = 5
    /// The longest refusal, in seconds.
    static let delayLimitSeconds: Int64 = 60
    /// Failures are forgotten after this long without another.
    static let memorySeconds: Int64 = 900
    /// Accounts and addresses that are remembered; the oldest are forgotten first.
    static let memoryLimitCount = 20_000

    private struct Failures {
        var count: Int
        var last: Timestamp
    }

    private enum Subject: Hashable {
        case account(String)
        case address(String)
    }

    private let state = Mutex([Subject: Failures]())
    private let clock: any RegistryClock
    private let limitCount: Int

    /// A throttle that remembers `limitCount` accounts and addresses.
    init(clock: any RegistryClock, limitCount: Int = memoryLimitCount) {
        self.clock = clock
        self.limitCount = limitCount
    }

    /// Refuses an attempt that comes too soon after others failed.
    ///
    /// - Throws: `tooManyRequests` with the seconds to wait.
    func check(account: String, address: String) throws(RegistryError) {
        let now = clock.now()
        let wait = state.withLock { state in
            max(
                Self.secondsToWait(state[.account(account.lowercased())], now: now),
                Self.secondsToWait(state[.address(address)], now: now))
        }
        guard wait == 0 else {
            throw RegistryError(
                .tooManyRequests, "too many failed logins; try again in \(wait) seconds",
                retryAfterSeconds: Int(wait))
        }
    }

    /// Notes a failed attempt.
    func recordFailure(account: String, address: String) {
        let now = clock.now()
        state.withLock { state in
            for subject in [Subject.account(account.lowercased()), .address(address)] {
                var failures = state[subject] ?? Failures(count: 0, last: now)
                if now.seconds - failures.last.seconds > Self.memorySeconds { failures.count = 0 }
                failures.count += 1
                failures.last = now
                state[subject] = failures
            }
            if state.count > limitCount { forgetOldest(&state) }
        }
    }

    /// Notes a login that succeeded.
    func recordSuccess(account: String) {
        state.withLock { $0[.account(account.lowercased())] = nil }
    }

    private static func secondsToWait(_ failures: Failures?, now: Timestamp) -> Int64 {
        guard let failures, failures.count >= freeFailureCount else { return 0 }
        let exponent = min(failures.count - freeFailureCount, 10)
        let delay = min(Int64(1) << exponent, delayLimitSeconds)
        return max(0, failures.last.seconds + delay - now.seconds)
    }

    private func forgetOldest(_ state: inout [Subject: Failures]) {
        let oldest = state.sorted { $0.value.last < $1.value.last }.prefix(limitCount / 10)
        for entry in oldest { state[entry.key] = nil }
    }
}
