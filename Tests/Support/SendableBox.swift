import Synchronization

/// A value behind a lock, for fakes that tests share between tasks.
public final class SendableBox<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    public init(_ value: Value) {
        self.value = Mutex(value)
    }

    /// Reads or changes the value.
    public func withValue<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        self.value.withLock { value in
            var copy = value
            let result = body(&copy)
            value = copy
            return result
        }
    }
}
