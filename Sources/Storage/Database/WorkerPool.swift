import Foundation
import Synchronization

/// Threads that run blocking work, each with a context of its own, such as a connection.
///
/// A job goes to the thread that was idle last, so that under little load few contexts are in use;
/// a job that finds every thread busy waits in line, not longer than `waitLimit`. Jobs that nobody waits
/// for have a line of their own, which comes second until its first has waited for `yieldLimit`.
final class WorkerPool<Context>: Sendable {
    typealias Body = @Sendable (Context) -> Void

    private struct Job: Sendable {
        let isUrgent: Bool
        let deadline: ContinuousClock.Instant
        /// Until when it lets urgent jobs go first.
        let yieldsUntil: ContinuousClock.Instant
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
        /// Jobs that are not urgent.
        var secondLine: [Job] = []
        var idle: [Desk] = []
        var threadCount = 0
        var isTimerSet = false
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []

        mutating func enqueue(_ job: Job) {
            if job.isUrgent { line.append(job) } else { secondLine.append(job) }
        }

        /// The job whose turn it is.
        mutating func dequeue() -> Job? {
            if let second = secondLine.first, line.isEmpty || second.yieldsUntil <= .now {
                return secondLine.removeFirst()
            }
            return line.isEmpty ? nil : line.removeFirst()
        }

        /// Takes those that waited too long, and says when the next has. All wait equally long, so
        /// the first of a line is always the first that is due.
        mutating func takeOverdue() -> (due: [Job], next: ContinuousClock.Instant?) {
            let now = ContinuousClock.now
            var due: [Job] = []
            for path in [\State.line, \State.secondLine] {
                let count = self[keyPath: path].prefix { $0.deadline <= now }.count
                due += self[keyPath: path].prefix(count)
                self[keyPath: path].removeFirst(count)
            }
            return (due, [line.first, secondLine.first].compactMap { $0?.deadline }.min())
        }
    }

    private let name: String
    private let threadLimitCount: Int
    private let lineLimitCount: Int
    private let waitLimit: Duration
    private let yieldLimit: Duration
    private let makeContext: @Sendable () -> Context
    private let endContext: Body
    private let state = Mutex(State())

    /// Jobs in line.
    var waitingCount: Int { state.withLock { $0.line.count + $0.secondLine.count } }
    /// Threads that were started.
    var threadCount: Int { state.withLock { $0.threadCount } }

    /// A pool of at most `threadLimitCount` threads, none of which is started yet.
    init(
        name: String, threadLimitCount: Int, lineLimitCount: Int, waitLimit: Duration,
        yieldLimit: Duration = .zero, makeContext: @escaping @Sendable () -> Context,
        endContext: @escaping Body
    ) {
        self.name = name
        self.threadLimitCount = threadLimitCount
        self.lineLimitCount = lineLimitCount
        self.waitLimit = waitLimit
        self.yieldLimit = yieldLimit
        self.makeContext = makeContext
        self.endContext = endContext
    }

    /// Runs `body` on one of the threads.
    ///
    /// - Parameter isUrgent: whether it does not let others go first.
    /// - Throws: what `body` throws, or `unavailable` when its turn did not come in time.
    func run<Value: Sendable>(
        isUrgent: Bool = true, _ body: @escaping @Sendable (Context) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            submit(
                makeJob(
                    isUrgent: isUrgent,
                    run: { context in continuation.resume(with: Result { try body(context) }) },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    /// Runs `body` on one of the threads some time, or `otherwise` when its turn does not come.
    func runLater(
        isUrgent: Bool, _ body: @escaping Body, orElse otherwise: @escaping @Sendable () -> Void
    ) {
        submit(makeJob(isUrgent: isUrgent, run: body, fail: { _ in otherwise() }))
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

    private func makeJob(
        isUrgent: Bool, run: @escaping Body, fail: @escaping @Sendable (DatabaseError) -> Void
    ) -> Job {
        let now = ContinuousClock.now
        return Job(
            isUrgent: isUrgent, deadline: now + waitLimit, yieldsUntil: now + yieldLimit, run: run,
            fail: fail)
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
            guard state.line.count + state.secondLine.count < lineLimitCount else {
                return .refused("\(lineLimitCount) transactions are waiting for a connection")
            }
            state.enqueue(job)
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
            if let job = state.dequeue() { return (job, false) }
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

    /// Fails what waited too long, now and whenever the next is due.
    private func setTimer(for deadline: ContinuousClock.Instant) {
        let wait = max(.zero, deadline - .now)
        let (seconds, attoseconds) = wait.components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) {
            [self] in
            let (due, next) = state.withLock { state in
                let overdue = state.takeOverdue()
                state.isTimerSet = overdue.next != nil
                return overdue
            }
            for job in due {
                job.fail(
                    DatabaseError(.unavailable, "no connection became free in \(waitLimit)"))
            }
            if let next { setTimer(for: next) }
        }
    }
}
