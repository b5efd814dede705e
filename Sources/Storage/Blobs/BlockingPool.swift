import NIOPosix
import Registry
import Synchronization

/// The threads on which calls that block are made.
struct BlockingPool: Sendable {
    let threads: NIOThreadPool

    /// Runs `work` on a thread of the pool.
    ///
    /// - Throws: what `work` throws, and `unavailable` when the pool was shut down.
    func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        let outcome: Result<Value, RegistryError> = await withCheckedContinuation { continuation in
            threads.submit { state in
                continuation.resume(returning: Self.outcome(of: work, state))
            }
        }
        return try outcome.get()
    }

    /// Starts `work` and returns at once; somebody awaits the job later, or nobody does.
    func start(_ work: @escaping @Sendable () throws(RegistryError) -> Void) -> PoolJob {
        let job = PoolJob()
        threads.submit { state in
            job.finish(Self.outcome(of: work, state))
        }
        return job
    }

    /// Runs `work` some time, also when the pool was shut down.
    func runLater(_ work: @escaping @Sendable () -> Void) {
        threads.submit { _ in work() }
    }

    private static func outcome<Value>(
        of work: () throws(RegistryError) -> Value, _ state: NIOThreadPool.WorkItemState
    ) -> Result<Value, RegistryError> {
        guard state == .active else {
            return .failure(
                RegistryError(
                    .unavailable, "the server is stopping",
                    retryAfterSeconds: RegistryError.storeRetryAfterSeconds))
        }
        return Result(catching: work)
    }
}

/// Work that was started on a `BlockingPool`. One caller at most awaits it.
final class PoolJob: Sendable {
    typealias Outcome = Result<Void, RegistryError>

    private enum State {
        case running
        case awaited(CheckedContinuation<Outcome, Never>)
        case finished(Outcome)
    }

    private let state = Mutex(State.running)

    /// The failure of the work, if it has ended with one.
    var failure: RegistryError? {
        state.withLock { state in
            if case .finished(.failure(let failure)) = state { failure } else { nil }
        }
    }

    /// Returns when the work has ended.
    ///
    /// - Throws: what the work threw.
    func wait() async throws(RegistryError) {
        let outcome: Outcome = await withCheckedContinuation { continuation in
            let finished: Outcome? = state.withLock { state in
                if case .finished(let outcome) = state { return outcome }
                state = .awaited(continuation)
                return nil
            }
            if let finished {
                continuation.resume(returning: finished)
            }
        }
        try outcome.get()
    }

    fileprivate func finish(_ outcome: Outcome) {
        let awaited: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            defer { state = .finished(outcome) }
            if case .awaited(let continuation) = state { return continuation }
            return nil
        }
        awaited?.resume(returning: outcome)
    }
}
