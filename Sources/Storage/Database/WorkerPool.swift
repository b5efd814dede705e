import Foundation
import Synchronization

/// Threads that run blocking work, each with a context of its own, such as a connection.
///
/// A job goes to the thread that was idle last, so that under little load few contexts are in use;
/// a job that finds every thread busy waits in line, not longer than `waitLimit`.
final class WorkerPool<Context>: Sendable {
    typealias Body = @Sendable (Context) -> Void

    private struct Job: Sendable {
        let deadline: ContinuousClock.Instant
        let run: Body
        let fail: @Sendable (DatabaseError) -> Void
    }

    /// Where a thread that has nothing to do waits for its next job.
    private final class Desk: Sendable {
        let bell = DispatchSemaphore(value: 0)
        let job = Mutex<Job?>(nil)

        /// Gives the thread a job, or tells it to leave.
        func deliver(_ next: Job?) {
            job.withLock { $0 = next }
            bell.signal()
        }
    }

    private struct State {
        var line: [Job] = []
        var idle: [Desk] = []
        var threadCount = 0
        var isTimerSet = false
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    private let name: String
    private let threadLimitCount: Int
    private let lineLimitCount: Int
    private let waitLimit: Duration
    private let makeContext: @Sendable () -> Context
    private let endContext: Body
    private let state = Mutex(State())

    /// A pool of at most `threadLimitCount` threads, none of which is started yet.
    init(
        name: String, threadLimitCount: Int, lineLimitCount: Int, waitLimit: Duration,
        makeContext: @escaping @Sendable () -> Context, endContext: @escaping Body
    ) {
        self.name = name
        self.threadLimitCount = threadLimitCount
        self.lineLimitCount = lineLimitCount
        self.waitLimit = waitLimit
        self.makeContext = makeContext
        self.endContext = endContext
    }

    /// Runs `body` on one of the threads.
    ///
    /// - Throws: what `body` throws, or `unavailable` when its turn did not come in time.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (Context) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            submit(
                Job(
                    deadline: .now + waitLimit,
                    run: { context in continuation.resume(with: Result { try body(context) }) },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    /// Refuses further jobs and returns when the last thread has ended its context.
    func close() async {
        await withCheckedContinuation { continuation in
            let (idle, isDone) = state.withLock { state in
                state.isClosed = true
                defer { state.idle = [] }
                if state.threadCount == 0 { return ([Desk](), true) }
                state.closers.append(continuation)
                return (state.idle, false)
            }
            idle.forEach { $0.deliver(nil) }
            if isDone { continuation.resume() }
        }
    }

    private enum Placement {
        case handOver(Desk)
        case startThread
        case queued(setsTimer: Bool)
        case refused(String)
    }

    private func submit(_ job: Job) {
        let placement: Placement = state.withLock { state in
            if state.isClosed { return .refused("the database was closed") }
            if let desk = state.idle.popLast() { return .handOver(desk) }
            if state.threadCount < threadLimitCount {
                state.threadCount += 1
                return .startThread
            }
            guard state.line.count < lineLimitCount else {
                return .refused("\(lineLimitCount) transactions are waiting for a connection")
            }
            state.line.append(job)
            defer { state.isTimerSet = true }
            return .queued(setsTimer: !state.isTimerSet)
        }
        switch placement {
        case .handOver(let desk): desk.deliver(job)
        case .startThread: startThread(with: job)
        case .queued(let setsTimer): if setsTimer { setTimer(for: job.deadline) }
        case .refused(let reason): job.fail(DatabaseError(.unavailable, reason))
        }
    }

    private func startThread(with job: Job) {
        let thread = Thread { [self] in
            let context = makeContext()
            let desk = Desk()
            var next: Job? = job
            while let current = next {
                current.run(context)
                next = takeJob(at: desk)
            }
            endContext(context)
            let closers = state.withLock { state in
                state.threadCount -= 1
                guard state.threadCount == 0 else { return [CheckedContinuation<Void, Never>]() }
                defer { state.closers = [] }
                return state.closers
            }
            closers.forEach { $0.resume() }
        }
        thread.name = name
        thread.start()
    }

    /// The next job in line, or the next that is delivered; `nil` when the thread should end.
    private func takeJob(at desk: Desk) -> Job? {
        let (job, waits): (Job?, Bool) = state.withLock { state in
            if !state.line.isEmpty { return (state.line.removeFirst(), false) }
            if state.isClosed { return (nil, false) }
            state.idle.append(desk)
            return (nil, true)
        }
        guard waits else { return job }
        desk.bell.wait()
        return desk.job.withLock { job in
            defer { job = nil }
            return job
        }
    }

    /// Fails what waited too long, now and whenever the first in line is due: all wait equally long,
    /// so the first in line is always the first that is due.
    private func setTimer(for deadline: ContinuousClock.Instant) {
        let wait = max(.zero, deadline - .now)
        let (seconds, attoseconds) = wait.components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) {
            [self] in
            let (due, next) = state.withLock { state in
                let now = ContinuousClock.now
                let count = state.line.prefix { $0.deadline <= now }.count
                defer {
                    state.line.removeFirst(count)
                    state.isTimerSet = !state.line.isEmpty
                }
                return (Array(state.line.prefix(count)), state.line.dropFirst(count).first)
            }
            for job in due {
                job.fail(
                    DatabaseError(.unavailable, "no connection became free in \(waitLimit)"))
            }
            if let next { setTimer(for: next.deadline) }
        }
    }
}
