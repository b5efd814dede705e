/// Applies the policies of projects, or says what that would do. Whatever it decides to remove it
/// decides under the lock of the package's row, on what is there then.
///
/// *Source*: `docs/retention.md`.
public struct RetentionRunner: Sendable {
    /// How much is done at once.
    public struct Limits: Sendable {
        /// What one transaction looks at while it holds the package's lock.
        public var examinedCount = 2000
        /// What one transaction removes.
        public var removedCount = 200
        /// Rows that one statement reads.
        public var rowCount = 500
        /// Packages that one statement lists.
        public var packageCount = 100
        /// How often a package may change while it is worked on until it is done in one go.
        public var restartCount = 5
        /// Seconds for which a run belongs to its server.
        public var leaseSeconds: Int64 = 60

        public init() {}
    }

    /// Who removes, in the audit.
    public static let actor = Actor(
        principal: .server, requestID: "retention", remoteAddress: "")

    let metadata: any MetadataStore
    let clock: any RegistryClock
    let formatRules: FormatRules
    let limits: Limits

    public init(
        metadata: any MetadataStore, clock: any RegistryClock, formatRules: FormatRules,
        limits: Limits = Limits()
    ) {
        self.metadata = metadata
        self.clock = clock
        self.formatRules = formatRules
        self.limits = limits
    }

    /// Why a run ended before it was through.
    public enum Interruption: Error, Hashable, Sendable {
        /// Somebody paused the collection of garbage, which holds for this as well.
        case paused
        /// The lease ran out, and another server may have begun.
        case lost
        /// The process is about to end.
        case stopped
        /// Nothing is enabled for the project any more, or it is gone.
        case disabled
    }
}
