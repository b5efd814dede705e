public import Registry
import Synchronization

/// What is found out about a request while it is answered; one log line is made of it at the end.
public final class RequestTrace: Sendable {
    /// The facts, each filled in by whoever learns it.
    public struct Facts: Sendable {
        /// `FormatOperation.label`, or `nil` where nothing was recognised.
        public var operation: String?
        public var project: String?
        public var package: String?
        /// `Principal.label`.
        public var principal: String?
        /// The client's address, taken from a trusted proxy's header where there is one.
        public var clientAddress: String?
        /// Whether the last segment of the path must not be shown.
        public var endsPathWithSecret = false
        /// Whether access was granted, whatever came of it.
        public var isGranted = false
        /// What went wrong underneath, for the log only.
        public var failure: RegistryError?
    }

    /// Names the request in logs and answers; sent as `X-Request-Id`.
    public let requestID: String
    private let state = Mutex(Facts())

    public init(requestID: String) {
        self.requestID = requestID
    }

    /// What is known so far.
    public var facts: Facts { state.withLock { $0 } }

    /// What the request was recognised as, or `nil`.
    var operation: String? { state.withLock { $0.operation } }

    /// Notes something.
    public func note(_ change: (inout Facts) -> Void) {
        state.withLock { change(&$0) }
    }
}
