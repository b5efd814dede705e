/// What a namespace has set about what is kept: a row of `retention_policies`.
public struct RetentionSettings: Hashable, Sendable {
    /// A policy that came in the words of another system.
    public struct Translation: Hashable, Sendable {
        /// What was sent, as JSON that only the translator reads.
        public var source: String
        /// What it means.
        public var policy: RetentionPolicy

        public init(source: String, policy: RetentionPolicy) {
            self.source = source
            self.policy = policy
        }
    }

    /// Its own policy; `nil` for that of the namespace above.
    public var policy: RetentionPolicy?
    /// Of a project: a second policy, which is not inherited. What either keeps stays.
    public var translation: Translation?

    public init(policy: RetentionPolicy? = nil, translation: Translation? = nil) {
        self.policy = policy
        self.translation = translation
    }
}

/// What counts for a namespace: its own settings, completed by those above it.
public struct EffectiveRetention: Hashable, Sendable {
    /// The namespace whose policy counts; `nil` where there is none.
    public let sourceID: Int64?
    public let policy: RetentionPolicy?
    public let translation: RetentionSettings.Translation?

    public init(
        sourceID: Int64?, policy: RetentionPolicy?, translation: RetentionSettings.Translation?
    ) {
        self.sourceID = sourceID
        self.policy = policy
        self.translation = translation
    }

    private var enabled: [RetentionPolicy] {
        [policy, translation?.policy].compactMap(\.self).filter(\.isEnabled)
    }

    /// Whether anything is applied from time to time.
    public var isEnabled: Bool { !enabled.isEmpty }

    /// The rules that are applied, in the order in which they are asked.
    public var rules: [RetentionRule] { enabled.flatMap(\.rules) }

    /// The time between two runs, in seconds; `nil` where there are none.
    public var intervalSeconds: Int64? { enabled.map(\.cadence.seconds).min() }
}

/// A row of `retention_runs`, or several as one: when a project's policy runs, and what came of the
/// last time.
public struct RetentionRunRecord: Hashable, Sendable {
    /// The project, or the group whose projects these are.
    public let projectID: Int64
    /// `nil` where it does not run, or was not scheduled yet.
    public let nextRunAt: Timestamp?
    /// Until when a server is at it; `nil` when none is.
    public let leasedUntil: Timestamp?
    /// When the last run began; `nil` before the first.
    public let startedAt: Timestamp?
    /// When the last run ended.
    public let finishedAt: Timestamp?
    /// What the last run looked at and left.
    public let keptCount: Int64
    /// What the last run moved to the trash.
    public let removedCount: Int64
    /// Why the last run ended early; `nil` when it did not.
    public let failure: String?

    public init(
        projectID: Int64, nextRunAt: Timestamp?, leasedUntil: Timestamp?, startedAt: Timestamp?,
        finishedAt: Timestamp?, keptCount: Int64, removedCount: Int64, failure: String?
    ) {
        self.projectID = projectID
        self.nextRunAt = nextRunAt
        self.leasedUntil = leasedUntil
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.keptCount = keptCount
        self.removedCount = removedCount
        self.failure = failure
    }
}

/// A run that belongs to whoever claimed it, for as long as its lease goes.
public struct RetentionClaim: Hashable, Sendable {
    public let projectID: Int64
    /// When it was due; also what says whether somebody asked for another run meanwhile.
    public let dueAt: Timestamp
    /// How often it was begun since it last ended well, this time included.
    public let attemptCount: Int
    /// The end of the lease, which also says whose it is.
    public var leasedUntil: Timestamp

    public init(projectID: Int64, dueAt: Timestamp, attemptCount: Int, leasedUntil: Timestamp) {
        self.projectID = projectID
        self.dueAt = dueAt
        self.attemptCount = attemptCount
        self.leasedUntil = leasedUntil
    }
}

/// What a run did.
public struct RetentionOutcome: Hashable, Sendable {
    /// Versions and tags that were looked at and stay.
    public var keptCount: Int64 = 0
    /// Versions and tags that went to the trash.
    public var removedCount: Int64 = 0

    public init(keptCount: Int64 = 0, removedCount: Int64 = 0) {
        self.keptCount = keptCount
        self.removedCount = removedCount
    }

    public mutating func add(_ other: RetentionOutcome) {
        keptCount += other.keptCount
        removedCount += other.removedCount
    }
}

/// Queries on `retention_policies` and `retention_runs`, and on what policies decide about.
public protocol RetentionReading {
    /// What the namespace itself has set; `nil` where it never set anything.
    func findRetentionSettings(_ namespaceID: Int64) throws -> RetentionSettings?
    /// What these projects themselves have set in another system's words, as far as they have.
    func listRetentionTranslations(
        _ projectIDs: [Int64]
    ) throws -> [Int64: RetentionSettings.Translation]
    /// What counts for the namespace.
    func findEffectiveRetention(of namespace: NamespaceRecord) throws -> EffectiveRetention
    func listRetentionRuns(_ projectIDs: [Int64]) throws -> [Int64: RetentionRunRecord]
    /// The runs of the projects at or below a namespace that have no policy of their own or from in
    /// between, as one: the next, the last, and what all of them did; `nil` where there are none.
    func summarizeRetentionRuns(below namespaceID: Int64) throws -> RetentionRunRecord?
    /// Projects for which something is enabled and no run is scheduled, in order of their ids.
    func listUnscheduledProjects(limit: Int) throws -> [Int64]
    /// Whether a run is due that nobody is at.
    func hasDueRetentionRun(at now: Timestamp) throws -> Bool
    /// The projects at or below a namespace that have no policy of their own or from in between, in
    /// order of their ids, from the first behind `last`.
    func listRetentionProjects(
        below namespaceID: Int64, after last: Int64, limit: Int
    ) throws -> [Int64]
    /// The packages of a project that have something outside of the trash, in order of their ids,
    /// from the first behind `last`.
    func listRetentionPackages(
        projectID: Int64, after last: Int64, limit: Int
    ) throws -> [PackageRecord]
    /// What there is to decide about in a package, the newest first, from the first behind `last`.
    func listRetentionUnits(
        packageID: Int64, after last: RetentionPosition?, limit: Int
    ) throws -> [RetentionUnit]
}

/// Changes of `retention_policies` and `retention_runs`.
public protocol RetentionWriting: RetentionReading {
    /// Makes this what the namespace has set; nothing at all removes the row.
    func upsertRetentionSettings(
        _ settings: RetentionSettings, namespaceID: Int64, at now: Timestamp) throws
    /// Forgets when the projects at or below the namespace run next, so that they are scheduled anew.
    func unscheduleRetention(below namespaceID: Int64) throws
    /// Says when the project's policy runs next, and forgets failures.
    func scheduleRetention(projectID: Int64, at moment: Timestamp) throws
    /// Claims the run that is longest overdue, or that of one project, so that nobody else does it
    /// before `end`.
    func claimRetentionRun(
        projectID: Int64?, at now: Timestamp, until end: Timestamp
    ) throws -> RetentionClaim?
    /// Moves the end of a claim.
    ///
    /// - Returns: whether it is still the claimer's.
    func extendRetentionRun(_ claim: RetentionClaim, until end: Timestamp) throws -> Bool
    /// Ends a claimed run, and schedules the next unless somebody did so meanwhile.
    func finishRetentionRun(
        _ claim: RetentionClaim, _ outcome: RetentionOutcome, failure: String?,
        next: Timestamp?, at now: Timestamp
    ) throws
    /// Locks the package's row, as every publish does, and changes nothing.
    ///
    /// - Returns: the package as it is now; `nil` when it is gone.
    func lockPackage(_ id: Int64) throws -> PackageRecord?
}

extension RetentionWriting {
    /// Sets what is kept in a namespace, and schedules what follows from it.
    public func setRetention(
        _ settings: RetentionSettings, of namespace: NamespaceRecord, at now: Timestamp
    ) throws {
        try upsertRetentionSettings(settings, namespaceID: namespace.id, at: now)
        try unscheduleRetention(below: namespace.id)
        guard namespace.kind == .project else { return }
        try scheduleRetention(of: namespace, at: now)
    }

    /// Schedules the next run of a project, if anything is enabled for it.
    public func scheduleRetention(of project: NamespaceRecord, at now: Timestamp) throws {
        let effective = try findEffectiveRetention(of: project)
        guard let seconds = effective.intervalSeconds else { return }
        try scheduleRetention(projectID: project.id, at: now.advanced(bySeconds: seconds))
    }
}

extension EffectiveRetention {
    /// The rules that a dry run tries: those that are applied, or where nothing is enabled, those that
    /// would be.
    ///
    /// - Parameter trial: rules in place of those of the policy.
    public func rules(trying trial: [RetentionRule]?) -> [RetentionRule] {
        if let trial {
            let translated = translation?.policy
            return trial + (translated?.isEnabled == true ? translated?.rules ?? [] : [])
        }
        return isEnabled ? rules : (policy?.rules ?? []) + (translation?.policy.rules ?? [])
    }
}
