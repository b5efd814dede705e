import Database
import Dispatch
import TestSupport

/// An engine in front of another at which a test can stand before a statement, in the middle of a
/// transaction.
struct SteppedEngine: SQLEngine {
    let base: any SQLEngine
    let gate: StatementGate

    var dialect: SQLDialect { base.dialect }

    func read<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await base.read(observer: gate, body)
    }

    @discardableResult
    func write<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await base.write(observer: gate, body)
    }

    func close() async {
        await base.close()
    }
}

/// Holds a transaction up before the first statement that begins with certain words.
struct StatementGate: SQLObserver {
    /// Longer than anything that a test does meanwhile.
    private static let patience = DispatchTimeInterval.seconds(20)

    let words: String
    private let isReached = SendableBox(false)
    private let hasCome = DispatchSemaphore(value: 0)
    private let mayGo = DispatchSemaphore(value: 0)

    init(before words: String) { self.words = words }

    func willRun(_ step: SQLStep) {
        guard case .statement(let text) = step, text.hasPrefix(words) else { return }
        let isFirst = isReached.withValue { isReached in
            defer { isReached = true }
            return !isReached
        }
        guard isFirst else { return }
        hasCome.signal()
        _ = mayGo.wait(timeout: .now() + Self.patience)
    }

    func didRun(_ step: SQLStep) {}

    /// Returns when the transaction stands at the gate: whether it does within the time.
    func waitUntilReached() async -> Bool {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let result = hasCome.wait(timeout: .now() + Self.patience)
                continuation.resume(returning: result == .success)
            }
        }
    }

    func open() { mayGo.signal() }
}
