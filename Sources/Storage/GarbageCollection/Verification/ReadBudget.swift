import Synchronization

/// How many bytes a second may be read; shared by all who read at the same time.
public final class ReadBudget: Sendable {
    /// What one blob costs beside its bytes, in bytes: finding and opening it is work, too.
    public static let blobCostBytes: Int64 = 64 << 10
    /// The longest that unused time counts for later.
    private static let burst = Duration.milliseconds(100)

    private let bytesPerSecond: Double?
    /// When all that was granted so far is used up.
    private let end: Mutex<ContinuousClock.Instant>

    /// A budget of this rate; `nil` for none.
    public init(bytesPerSecond: Int64?) {
        self.bytesPerSecond = bytesPerSecond.map(Double.init)
        end = Mutex(.now)
    }

    /// Takes `bytes`, and returns when the next may be read.
    ///
    /// - Throws: `CancellationError`.
    public func spend(_ bytes: Int64) async throws {
        guard let bytesPerSecond else { return try Task.checkCancellation() }
        let moment = end.withLock { end in
            end =
                max(end, ContinuousClock.now - Self.burst)
                + .seconds(Double(bytes) / bytesPerSecond)
            return end
        }
        try await Task.sleep(until: moment, clock: .continuous)
    }
}
