import Synchronization

/// Which versions were pulled lately, so that pulling writes once in a while and not each time.
final class PullMemory: Sendable {
    /// How long a pull stands for those after it, in seconds: half a day.
    static let stepSeconds: Int64 = 43_200
    /// The most versions that are remembered; a full memory is emptied.
    static let entryLimitCount = 100_000

    private let pulls = Mutex<[Int64: Timestamp]>([:])

    /// Whether a pull at `now` has to be written down, and remembers that it is.
    func begin(_ versionID: Int64, at now: Timestamp) -> Bool {
        pulls.withLock { pulls in
            if let last = pulls[versionID], now < last.advanced(bySeconds: Self.stepSeconds) {
                return false
            }
            if pulls.count >= Self.entryLimitCount { pulls.removeAll(keepingCapacity: true) }
            pulls[versionID] = now
            return true
        }
    }

    /// Lets the next pull be written down, since this one could not.
    func forget(_ versionID: Int64) {
        pulls.withLock { $0[versionID] = nil }
    }
}
