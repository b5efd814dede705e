import Testing

@testable import Registry

@Suite struct PullTrackerTests {
    @Test("Memory is bounded")
    func bounded() {
        let tracker = PullTracker(limitCount: 3)
        let now = Timestamp(seconds: 7)
        for id in [1, 2, 3, 4, 1, 5] as [Int64] { tracker.record(id, at: now) }
        tracker.restore([
            6: PullRecord(count: 1, lastAt: now), 2: PullRecord(count: 4, lastAt: now),
        ])
        #expect(
            tracker.drain() == [
                1: PullRecord(count: 2, lastAt: now), 2: PullRecord(count: 5, lastAt: now),
                3: PullRecord(count: 1, lastAt: now),
            ])
        #expect(tracker.pendingCount == 0)
    }
}
