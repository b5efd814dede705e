import Database
import Logging
import Registry
import TestSupport
import Testing

@testable import GarbageCollection

/// What people are told about the collector, and the hours in which it works.
@Suite struct CollectorStatusTests {
    private static let day: Int64 = 86_400

    @Test("what waits, and what was done", arguments: DatabaseKind.allCases)
    func summaries(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<10 { try await bench.upload("layer \(number)") }
            let due = bench.clock.now().advanced(bySeconds: Self.day)
            bench.clock.advance(bySeconds: Self.day - 1)
            var summary = try await bench.summary()
            #expect(summary.reviewCount == 10 && summary.dueCount == 0)
            #expect(summary.oldestDueAt == nil)
            bench.clock.advance(bySeconds: CollectionSummary.overdueSeconds)
            summary = try await bench.summary()
            #expect(summary.dueCount == 10 && summary.overdueCount == 0)
            #expect(summary.oldestDueAt == due)
            bench.clock.advance(bySeconds: 1)
            #expect(try await bench.summary().overdueCount == 10)

            _ = try await bench.collector(replica: 0) { $0.reviewBatchCount = 4 }.runPass()
            _ = try await bench.collector(replica: 1) { $0.reviewBatchCount = 4 }.runUntilIdle()
            summary = try await bench.summary()
            #expect(summary.total.reviewCount == 10 && summary.total.reclaimedBytes == 70)
            for activity in [summary.lastMinute, summary.lastHour, summary.lastDay] {
                #expect(activity.reviewCount == 10 && activity.reclaimedBytes == 70)
            }
            #expect((60...70).contains(summary.lastMinute.seconds))
            #expect(summary.lastMinute.reviewsPerSecond == 10 / summary.lastMinute.seconds)
            bench.clock.advance(bySeconds: 71)
            summary = try await bench.summary()
            #expect(summary.lastMinute.reviewCount == 0 && summary.lastHour.reviewCount == 10)
            bench.clock.advance(bySeconds: 3600)
            summary = try await bench.summary()
            #expect(summary.lastHour.reviewCount == 0 && summary.lastDay.reclaimedBytes == 70)
            bench.clock.advance(bySeconds: Self.day)
            summary = try await bench.summary()
            #expect(summary.lastDay.reclaimedBytes == 0 && summary.total.reclaimedBytes == 70)
        }
    }

    @Test("what is remembered of the last day is bounded", arguments: DatabaseKind.allCases)
    func bounded(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for _ in 0..<60 {
                bench.clock.advance(bySeconds: 3600)
                let now = bench.clock.now()
                try await bench.metadata.write { tx in
                    try tx.recordCollection(reviewCount: 1, reclaimedBytes: 10, at: now)
                    try tx.recordCollection(reviewCount: 2, reclaimedBytes: 1, at: now)
                }
            }
            let rowCount = try await bench.scopes.database.withEngine { engine in
                try await engine.read { session in
                    let row = try session.first("SELECT COUNT(*) FROM collector_activity")
                    var found = try #require(row)
                    return try found.integer()
                }
            }
            #expect(rowCount == 26)
            let summary = try await bench.summary()
            #expect(summary.lastDay.reviewCount == 25 * 3)
            #expect(summary.total.reviewCount == 180 && summary.total.reclaimedBytes == 660)
        }
    }

    @Test("the numbers for monitoring are those of the summary", arguments: DatabaseKind.allCases)
    func gauges(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<3 { try await bench.upload("layer \(number)") }
            bench.clock.advance(bySeconds: Self.day)
            _ = try await bench.package().beginUpload(hashes: [])
            let store = FlakyBlobStore(base: bench.scopes.blobs) { _ in true }
            _ = try await bench.collector(blobs: store) { $0.reviewBatchCount = 1 }.runPass()
            let now = bench.clock.now()
            let gauges = try await bench.metadata.read { try $0.gaugeCollection(at: now) }
            let summary = try await bench.summary()
            #expect(gauges.dueCount == 2 && summary.dueCount == 2)
            #expect(gauges.blockedCount == 1 && summary.blockedCount == 1)
            #expect(gauges.unlinkCount == 1 && summary.unlinkCount == 1)
            #expect(summary.unlinkBytes == 7)
            #expect(gauges.openUploadCount == 1 && summary.openUploadCount == 1)
            #expect(gauges.oldestDueAt == summary.oldestDueAt && !gauges.isPaused)
        }
    }

    // MARK: Hours

    @Test(arguments: [
        ("01:00-05:00", [(0, 59, false), (1, 0, true), (4, 59, true), (5, 0, false)]),
        (
            "22:30-04:00",
            [(22, 29, false), (22, 30, true), (0, 0, true), (3, 59, true), (4, 0, false)]
        ),
        ("00:00-24:00", [(0, 0, true), (23, 59, true)]),
    ])
    func hoursAreOfTheDay(text: String, cases: [(Int, Int, Bool)]) throws {
        let window = try #require(CollectionWindow(parsing: text))
        #expect(window.description == text)
        for (hour, minute, isIn) in cases {
            // The day on which the clock of tests begins.
            let midnight: Int64 = 1_800_000_000 / 86_400 * 86_400
            let moment = Timestamp(seconds: midnight + Int64(hour * 3600 + minute * 60))
            #expect(window.contains(moment) == isIn, "\(text) at \(hour):\(minute)")
        }
    }

    @Test(arguments: [
        "", "1-5", "01:00", "01:00-01:00", "01:00-05:60", "24:01-05:00", "01:00-05:00-06:00",
        "1:00-5:00", "01:00 - 05:00", "aa:00-05:00", "-01:00-05:00",
    ])
    func whatAreNoHours(text: String) {
        #expect(CollectionWindow(parsing: text) == nil)
    }

    @Test(
        "the service works in its hours only; a run does at any", arguments: DatabaseKind.allCases)
    func window(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            // 2027-01-15T08:00:00Z and a day.
            bench.clock.advance(bySeconds: Self.day)
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let service = CollectorService(
                collector: bench.collector(), worksPerSecond: 1000,
                window: CollectionWindow(parsing: "09:00-10:00"), logger: logger)
            _ = await service.work()
            #expect(try await bench.summary().dueCount == 1)
            bench.clock.advance(bySeconds: 3600)
            _ = await service.work()
            #expect(try await bench.summary().reviewCount == 0)
            try await bench.upload("layer")
            bench.clock.advance(bySeconds: Self.day + 3600)
            _ = await service.work()
            #expect(try await bench.summary().dueCount == 1)
            #expect(try await bench.collector().runUntilIdle().collectedBlobCount == 1)
        }
    }
}
