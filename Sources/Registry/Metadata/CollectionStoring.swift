/// A row of `reviews`: a wish that the collector looks at something after a moment.
public struct Review: Hashable, Sendable {
    public let subject: ReviewSubject
    /// What asked for it last: `tag.removed`.
    public let event: String
    /// When it is due; also what says whether somebody asked again meanwhile.
    public let dueAt: Timestamp
    /// How often it was begun since somebody last asked for it, this time included.
    public let attemptCount: Int

    public init(subject: ReviewSubject, event: String, dueAt: Timestamp, attemptCount: Int) {
        self.subject = subject
        self.event = event
        self.dueAt = dueAt
        self.attemptCount = attemptCount
    }
}

/// What a review came to.
public enum ReviewOutcome: Hashable, Sendable {
    /// It is gone now, and bytes of the blob store with it.
    case collected(bytes: Int64)
    /// Something keeps it; whatever ends that asks for a new review.
    case kept
    /// Something keeps it until this moment.
    case postponed(until: Timestamp)
    /// It was gone already.
    case absent
}

/// How long things are kept that nothing refers to, in seconds.
public struct CollectionPeriods: Hashable, Sendable {
    /// A blob that no version names any more: a day.
    public var unreferencedBlob: Int64 = 86_400
    /// What people deleted: as long as it can be restored.
    public var trash: Int64 = Trash.retentionSeconds

    public init() {}
}

/// What waits to be collected.
public struct CollectionSummary: Hashable, Sendable {
    /// Reviews in all, and those that are due.
    public let reviewCount: Int
    public let dueCount: Int
    /// When the longest overdue review was due.
    public let oldestDueAt: Timestamp?
    /// Reviews that failed and are put off.
    public let blockedCount: Int
    /// Files that wait to be removed.
    public let unlinkCount: Int
    /// When somebody paused the collector; `nil` while it runs.
    public let pausedAt: Timestamp?

    public init(
        reviewCount: Int, dueCount: Int, oldestDueAt: Timestamp?, blockedCount: Int,
        unlinkCount: Int, pausedAt: Timestamp?
    ) {
        self.reviewCount = reviewCount
        self.dueCount = dueCount
        self.oldestDueAt = oldestDueAt
        self.blockedCount = blockedCount
        self.unlinkCount = unlinkCount
        self.pausedAt = pausedAt
    }
}

/// Queries about what waits to be collected.
public protocol CollectionReading {
    func summarizeCollection(at now: Timestamp) throws -> CollectionSummary
}

/// What the collector does in transactions. Nothing here knows a format.
///
/// *Source*: `docs/garbage-collection.md`.
public protocol CollectionWriting: CollectionReading {
    /// Claims due reviews, the longest overdue first, so that no other collector takes them before
    /// `end`.
    func claimReviews(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [Review]
    /// Forgets the review, unless somebody asked for it again since it was claimed.
    func finishReview(_ review: Review) throws
    /// Puts the review off, with the reason where something failed, unless somebody asked for it
    /// again since it was claimed.
    func postponeReview(_ review: Review, until moment: Timestamp, failure: String?) throws
    /// Deletes the rows of those blobs that nothing names, and remembers that their bytes must go.
    ///
    /// - Throws: `conflict` when one of them came to be named meanwhile: all stay.
    func collectBlobs(_ digests: [Digest], at now: Timestamp) throws -> [Digest: ReviewOutcome]
    /// Deletes the version if nothing keeps it, and what of its files has been in the trash long
    /// enough.
    func collectVersion(
        _ id: Int64, _ periods: CollectionPeriods, at now: Timestamp
    ) throws -> ReviewOutcome
    /// Deletes the row of an upload that has expired.
    ///
    /// - Returns: also the store's name for its bytes, which have to go after the commit.
    func collectUpload(
        _ id: String, at now: Timestamp
    ) throws -> (outcome: ReviewOutcome, storeID: String?)
    /// Claims storage keys whose bytes must go, so that no other collector takes them before `end`.
    func claimUnlinks(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [StorageKey]
    /// Forgets storage keys whose bytes are gone.
    func finishUnlinks(_ keys: [StorageKey]) throws
    /// Pauses the collector on every replica, or lets it go on.
    func setCollectionPaused(_ moment: Timestamp?) throws
    /// Whether the collector is paused.
    func isCollectionPaused() throws -> Bool
}
