import Synchronization

/// Spreads work evenly over time, so that nobody meets a burst of it.
public final class CollectionPace: Sendable {
    /// The longest time, in seconds, for which work is claimed in advance.
    static let claimSeconds = 5.0
    /// How much of the time that it lost it makes up for by working faster.
    static let catchUpLimit = Duration.milliseconds(50)

    private struct Progress {
        /// When the work that was done is paid for.
        var end: ContinuousClock.Instant
        /// What was paid for in this pass.
        var spentCount = 0.0
    }

    private let worksPerSecond: Double
    private let now: @Sendable () -> ContinuousClock.Instant
    private let sleep: @Sendable (Duration) async -> Void
    private let progress: Mutex<Progress>

    /// - Parameters:
    ///   - worksPerSecond: the most things that are looked at in a second.
    ///   - now: the time.
    ///   - sleep: waits; shorter when its task is cancelled.
    public init(
        worksPerSecond: Int, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        sleep: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) {
        self.worksPerSecond = Double(max(1, worksPerSecond))
        self.now = now
        self.sleep = sleep
        progress = Mutex(Progress(end: now()))
    }

    /// Begins a pass.
    ///
    /// - Returns: how much it may claim: at most `limit`, and not more than is done while a claim lasts.
    func beginPass(claiming limit: Int) -> Int {
        progress.withLock { $0.spentCount = 0 }
        return max(1, Int(min(Double(limit), worksPerSecond * Self.claimSeconds)))
    }

    /// Returns when so much work may have been done.
    func spend(_ workCount: Double) async {
        guard workCount > 0 else { return }
        let now = now()
        let wait = progress.withLock { progress in
            progress.end =
                max(progress.end, now - Self.catchUpLimit) + .seconds(workCount / worksPerSecond)
            progress.spentCount += workCount
            return progress.end - now
        }
        if wait > .zero { await sleep(wait) }
    }

    /// Returns when a pass may have ended that did so much work in all.
    func finishPass(workCount: Int) async {
        await spend(Double(workCount) - progress.withLock { $0.spentCount })
    }
}
