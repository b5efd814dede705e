public import Database
import Synchronization

/// An engine in front of another that makes one call fail: the n-th statement or commit, counted
/// from 1 over all transactions.
public struct FaultyEngine: SQLEngine {
    /// Whether the call has taken effect when it fails.
    public enum Moment: Sendable, CaseIterable {
        case before
        case after
    }

    public var dialect: SQLDialect { base.dialect }
    /// Calls so far.
    public var callCount: Int { fault.count.load(ordering: .relaxed) }
    /// Whether a call was made to fail.
    public var hasFailed: Bool { callCount >= fault.failingCall }

    private let base: any SQLEngine
    private let fault: Fault

    /// An engine whose call number `failingCall` fails as `error` says.
    public init(
        _ base: any SQLEngine, failingCall: Int, _ moment: Moment = .before,
        error: DatabaseError = DatabaseError(.unavailable, "a fault of the test")
    ) {
        self.base = base
        fault = Fault(failingCall: failingCall, moment: moment, error: error)
    }

    public func read<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await base.read(observer: fault, body)
    }

    @discardableResult
    public func write<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await base.write(observer: fault, body)
    }

    public func close() async {
        await base.close()
    }
}

/// Counts calls and throws at one of them.
private final class Fault: SQLObserver {
    let count = Atomic<Int>(0)
    let failingCall: Int
    private let moment: FaultyEngine.Moment
    private let error: DatabaseError

    init(failingCall: Int, moment: FaultyEngine.Moment, error: DatabaseError) {
        self.failingCall = failingCall
        self.moment = moment
        self.error = error
    }

    func willRun(_ step: SQLStep) throws {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        if number == failingCall, moment == .before { throw error }
    }

    func didRun(_ step: SQLStep) throws {
        // Calls do not overlap in a fault test, so the number is still that of `willRun`.
        if count.load(ordering: .relaxed) == failingCall, moment == .after { throw error }
    }
}
