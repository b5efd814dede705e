/// A row of `unlinks`: bytes of the blob store that must go.
public struct Unlink: Hashable, Sendable {
    /// Whose bytes they are.
    public enum Target: Hashable, Sendable {
        case blob(StorageKey)
        /// An upload that nobody went on with, by the store's name for it.
        case upload(String)
    }

    public let target: Target
    /// Bytes; 0 where nobody knows.
    public let size: Int64
    /// How often it was begun, this time included.
    public let attemptCount: Int

    public init(target: Target, size: Int64, attemptCount: Int) {
        self.target = target
        self.size = size
        self.attemptCount = attemptCount
    }
}

/// Something that happened to one thing that the collector worked on.
public enum CollectionEvent: Sendable {
    case reviewed(Review, ReviewOutcome)
    case reviewFailed(Review, RegistryError, nextTryAt: Timestamp)
    case removed(Unlink)
    case removalFailed(Unlink, RegistryError, nextTryAt: Timestamp)
}

/// What a run of the collector did.
public struct CollectionOutcome: Hashable, Sendable {
    /// Reviews that were worked on.
    public var reviewCount = 0
    public var collectedBlobCount = 0
    public var collectedVersionCount = 0
    public var collectedUploadCount = 0
    /// Things that something keeps, for now or for good.
    public var keptCount = 0
    /// Files of the blob store that were removed.
    public var removedFileCount = 0
    /// Bytes of these files.
    public var reclaimedBytes: Int64 = 0
    /// Reviews and removals that failed, and are tried again later.
    public var failedCount = 0
    /// Whether somebody paused the collector.
    public var isPaused = false

    public init() {}

    /// Reviews and removals that were worked on.
    public var workedCount: Int { reviewCount + removedFileCount + failedCount }

    /// Adds what another run did.
    public mutating func add(_ other: CollectionOutcome) {
        reviewCount += other.reviewCount
        collectedBlobCount += other.collectedBlobCount
        collectedVersionCount += other.collectedVersionCount
        collectedUploadCount += other.collectedUploadCount
        keptCount += other.keptCount
        removedFileCount += other.removedFileCount
        reclaimedBytes += other.reclaimedBytes
        failedCount += other.failedCount
        isPaused = other.isPaused
    }
}

/// What a run of the collector would do if it began now and nothing failed.
///
/// It is about the same things as the run: what is due, what becomes due at once because of that,
/// and the bytes that this frees. The blobs of a version that goes are no part of either: they wait
/// for a period of their own.
public struct CollectionEstimate: Hashable, Sendable {
    public var blobCount = 0
    public var versionCount = 0
    /// Whether more versions would go than were counted.
    public var hasMoreVersions = false
    public var uploadCount = 0
    /// Files of the blob store that would be removed.
    public var fileCount = 0
    /// Bytes of these files.
    public var bytes: Int64 = 0

    public init() {}

    /// What an estimate would have had to say for the run to do this.
    public init(_ outcome: CollectionOutcome) {
        blobCount = outcome.collectedBlobCount
        versionCount = outcome.collectedVersionCount
        uploadCount = outcome.collectedUploadCount
        fileCount = outcome.removedFileCount
        bytes = outcome.reclaimedBytes
    }
}

/// How much the collectors of all replicas did in a time.
public struct CollectionActivity: Hashable, Sendable {
    /// Reviews that were worked on.
    public let reviewCount: Int64
    /// Bytes of the files that were removed.
    public let reclaimedBytes: Int64
    /// How long the time is; 0 for all of it.
    public let seconds: Double

    public init(reviewCount: Int64, reclaimedBytes: Int64, seconds: Double) {
        self.reviewCount = reviewCount
        self.reclaimedBytes = reclaimedBytes
        self.seconds = seconds
    }

    /// Reviews in a second.
    public var reviewsPerSecond: Double { seconds > 0 ? Double(reviewCount) / seconds : 0 }

    /// Bytes in a second.
    public var bytesPerSecond: Double { seconds > 0 ? Double(reclaimedBytes) / seconds : 0 }
}

/// What waits to be collected, and what was.
public struct CollectionSummary: Hashable, Sendable {
    /// How long something may be due before the collectors count as behind: ten minutes.
    public static let overdueSeconds: Int64 = 600

    /// Reviews in all, and those that are due.
    public var reviewCount = 0
    public var dueCount = 0
    /// Reviews that have been due for longer than `overdueSeconds`.
    public var overdueCount = 0
    /// When the longest overdue review was due.
    public var oldestDueAt: Timestamp?
    /// Files that wait to be removed, and their bytes.
    public var unlinkCount = 0
    public var unlinkBytes: Int64 = 0
    /// Reviews and removals that failed and are put off.
    public var blockedCount = 0
    /// Uploads that somebody may still go on with.
    public var openUploadCount = 0
    /// When somebody paused the collector; `nil` while it runs.
    public var pausedAt: Timestamp?
    /// The hours, in UTC, in which servers collect by themselves: `01:00-05:00`; `nil` for all.
    public var window: String?
    public var lastMinute = CollectionActivity(reviewCount: 0, reclaimedBytes: 0, seconds: 60)
    public var lastHour = CollectionActivity(reviewCount: 0, reclaimedBytes: 0, seconds: 3600)
    public var lastDay = CollectionActivity(reviewCount: 0, reclaimedBytes: 0, seconds: 86_400)
    /// Since the database was made.
    public var total = CollectionActivity(reviewCount: 0, reclaimedBytes: 0, seconds: 0)
    /// How far the scrub is.
    public var scrub = ScrubState()

    public init() {}
}

/// The few numbers about waiting work that are looked at often; cheap however much there is.
public struct CollectionGauges: Hashable, Sendable {
    /// Counting stops here.
    public static let countLimit = 1_000_000

    public let dueCount: Int
    public let blockedCount: Int
    public let unlinkCount: Int
    public let openUploadCount: Int
    public let isPaused: Bool
    /// When the longest overdue review was due.
    public let oldestDueAt: Timestamp?
    /// How far the scrub is.
    public let scrub: ScrubState

    public init(
        dueCount: Int, blockedCount: Int, unlinkCount: Int, openUploadCount: Int, isPaused: Bool,
        oldestDueAt: Timestamp?, scrub: ScrubState
    ) {
        self.dueCount = dueCount
        self.blockedCount = blockedCount
        self.unlinkCount = unlinkCount
        self.openUploadCount = openUploadCount
        self.isPaused = isPaused
        self.oldestDueAt = oldestDueAt
        self.scrub = scrub
    }
}

/// A review or a removal that failed.
public struct BlockedWork: Hashable, Sendable {
    /// What it is about: `blob`, `version`, `upload`, or `file` for a removal.
    public let kind: String
    /// Which one: a digest, a number, a storage key.
    public let name: String
    /// What asked for it; `nil` for a removal.
    public let event: String?
    public let attemptCount: Int
    public let nextTryAt: Timestamp
    /// Why it failed last, in words.
    public let failure: String

    public init(
        kind: String, name: String, event: String?, attemptCount: Int, nextTryAt: Timestamp,
        failure: String
    ) {
        self.kind = kind
        self.name = name
        self.event = event
        self.attemptCount = attemptCount
        self.nextTryAt = nextTryAt
        self.failure = failure
    }
}

/// Whoever collects garbage, for those who ask it to.
public protocol GarbageCollecting: Sendable {
    /// Says what `run` would do now, and changes nothing.
    func estimate() async throws(RegistryError) -> CollectionEstimate

    /// Collects what is due, whatever the hour, until nothing is left, somebody pauses the
    /// collector, or `limit` is over; a pass that has begun is ended.
    ///
    /// - Returns: what was done, and whether nothing was left.
    func run(for limit: Duration) async throws(RegistryError) -> (
        outcome: CollectionOutcome, isFinished: Bool
    )
}
