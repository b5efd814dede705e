import Foundation
import TestSupport
import Testing

@testable import Database

@Suite("The line of transactions")
struct WorkerPoolTests {
    /// One thread, which is busy until the test lets it go on.
    private struct Line {
        let pool: WorkerPool<Void>
        let order = SendableBox<[String]>([])
        private let mayGoOn = DispatchSemaphore(value: 0)

        init(yieldLimit: Duration) {
            pool = WorkerPool(
                name: "test", threadLimitCount: 1, lineLimitCount: 100, waitLimit: .seconds(600),
                yieldLimit: yieldLimit, makeContext: {}, endContext: { _ in })
        }

        /// The order in which jobs were done that came in this order.
        func run(_ jobs: [(name: String, isUrgent: Bool)]) async throws -> [String] {
            try await withThrowingTaskGroup { group in
                group.addTask {
                    try await pool.run { mayGoOn.wait() }
                }
                while pool.threadCount == 0 { await Task.yield() }
                for (number, job) in jobs.enumerated() {
                    group.addTask {
                        try await pool.run(isUrgent: job.isUrgent) {
                            order.withValue { $0.append(job.name) }
                        }
                    }
                    while pool.waitingCount <= number { await Task.yield() }
                }
                mayGoOn.signal()
                try await group.waitForAll()
            }
            await pool.close()
            return order.withValue { $0 }
        }
    }

    private static let jobs = [
        ("background 1", false), ("request 1", true), ("background 2", false),
        ("request 2", true), ("request 3", true),
    ]

    @Test("what nobody waits for lets everything else go first")
    func yielding() async throws {
        let order = try await Line(yieldLimit: .seconds(3600)).run(Self.jobs)
        #expect(
            order == ["request 1", "request 2", "request 3", "background 1", "background 2"])
    }

    @Test("but not for ever")
    func floor() async throws {
        // The time for which it lets others go first is over when the thread becomes free.
        let order = try await Line(yieldLimit: .zero).run(Self.jobs)
        #expect(
            order == ["background 1", "background 2", "request 1", "request 2", "request 3"])
    }

    @Test("what waits for too long fails in both lines", arguments: [true, false])
    func tooLong(isUrgent: Bool) async throws {
        let pool = WorkerPool<Void>(
            name: "test", threadLimitCount: 1, lineLimitCount: 100,
            waitLimit: .milliseconds(1), makeContext: {}, endContext: { _ in })
        let hasFailed = DispatchSemaphore(value: 0)
        async let first: Void = pool.run { hasFailed.wait() }
        while pool.threadCount == 0 { await Task.yield() }
        let error = await #expect(throws: DatabaseError.self) {
            try await pool.run(isUrgent: isUrgent) {}
        }
        #expect(error?.kind == .unavailable)
        hasFailed.signal()
        try await first
        await pool.close()
    }
}
