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

    /// The outcome as logs and metrics name it.
    public var word: String {
        switch self {
        case .collected: "collected"
        case .kept: "kept"
        case .postponed: "postponed"
        case .absent: "absent"
        }
    }
}

/// How long things are kept that nothing refers to.
public struct CollectionPeriods: Hashable, Sendable {
    /// The shortest time for a blob that no version names any more, in seconds: a minute.
    public static let unreferencedMinimumSeconds: Int64 = 60
    /// A blob that no version names any more, in seconds: a day.
    public var unreferencedBlob: Int64 = 86_400
    /// What people deleted: as long as it can be restored.
    public var trash = KeepingPeriod(days: 7)
    /// A version of lifetime `referenced`, from when it was last published, pulled by its name, or
    /// lost a tag.
    public var untagged = KeepingPeriod(days: 7)

    public init() {}

    /// These periods, but for those that `settings` set.
    public func completed(by settings: NamespaceSettings) -> CollectionPeriods {
        var periods = self
        if let trash = settings.trashPeriod { periods.trash = trash }
        if let untagged = settings.untaggedPeriod { periods.untagged = untagged }
        return periods
    }
}

/// Queries about what waits to be collected.
public protocol CollectionReading {
    func summarizeCollection(at now: Timestamp) throws -> CollectionSummary
    /// The numbers of the summary that monitoring asks for all the time.
    func gaugeCollection(at now: Timestamp) throws -> CollectionGauges
    /// Reviews and removals that failed, those that are tried next first.
    func listBlockedWork(limit: Int) throws -> [BlockedWork]
    /// The blobs, uploads and files that collecting everything that is due at `now` would remove,
    /// and their bytes.
    func estimateRemovals(at now: Timestamp) throws -> CollectionEstimate
    /// Due reviews of versions that no collector is at work on, of one package or of all, with the
    /// package of each.
    func listDueVersions(
        packageID: Int64?, limit: Int, at now: Timestamp
    ) throws -> [(review: Review, packageID: Int64)]
    /// Versions that due reviews of changed periods ask to be looked at, with the package of each.
    func listVersionsOfDuePeriods(
        limit: Int, at now: Timestamp
    ) throws -> [(versionID: Int64, packageID: Int64)]
    /// The periods of the instance, which count where no project or group has its own.
    var defaultPeriods: CollectionPeriods { get }
    /// The periods that an instance on this database was started with last; `nil` when none was.
    func findAdoptedPeriods() throws -> CollectionPeriods?
    /// The periods that count in a project or group now, removed or not.
    func findPeriods(ofNamespace id: Int64) throws -> CollectionPeriods
}

/// What the collector does in transactions. Nothing here knows a format.
///
/// *Source*: `docs/garbage-collection.md`.
public protocol CollectionWriting: CollectionReading {
    /// Claims due reviews, the longest overdue first, so that no other collector takes them before
    /// `end`.
    func claimReviews(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [Review]
    /// Those of the reviews, all of one kind of subject, for which somebody asked again since they were
    /// claimed, and when they are due now. Of versions nobody can ask until the transaction ends:
    /// the packages are locked.
    func listLaterReviews(
        _ reviews: [Review], at now: Timestamp
    ) throws -> [ReviewSubject: Timestamp]
    /// Forgets the reviews, all of one kind of subject, unless somebody asked for them again since
    /// they were claimed.
    func finishReviews(_ reviews: [Review]) throws
    /// Puts the review off, with the reason where something failed, unless somebody asked for it
    /// again since it was claimed.
    func postponeReview(_ review: Review, until moment: Timestamp, failure: String?) throws
    /// Deletes the rows of those blobs that nothing names, and remembers that their bytes must go.
    ///
    /// - Throws: `conflict` when one of them came to be named meanwhile: all stay.
    func collectBlobs(_ digests: [Digest], at now: Timestamp) throws -> [Digest: ReviewOutcome]
    /// Deletes the version if nothing keeps it, and what of its files and removed tags has been in
    /// the trash long enough, by the settings of its project as they are now.
    ///
    /// - Parameter periods: those of the instance.
    func collectVersion(
        _ id: Int64, _ periods: CollectionPeriods, at now: Timestamp
    ) throws -> ReviewOutcome
    /// Does the same as if the trash period had ended for everything of the version that went to the
    /// trash at `moment` or before: nothing of that can be restored afterwards.
    func emptyTrash(
        ofVersion id: Int64, deletedBefore moment: Timestamp, _ periods: CollectionPeriods,
        at now: Timestamp
    ) throws -> ReviewOutcome
    /// Asks for a look, now, at some of the versions at and behind `position` that a changed period
    /// may concern.
    ///
    /// - Returns: where to go on; `nil` when that were all.
    func reviewPeriods(
        from position: PeriodReview, at now: Timestamp
    ) throws -> PeriodReview?
    /// Asks for looks at versions now, whenever they were to be looked at.
    func bringForward(_ versionIDs: [Int64], to now: Timestamp) throws
    /// Remembers the periods that this instance was started with, and asks for a look at everything
    /// they concern if they are others than before.
    func adoptPeriods(_ periods: CollectionPeriods, at now: Timestamp) throws
    /// Deletes the row of an upload that has expired, and remembers that its bytes must go.
    func collectUpload(_ id: String, at now: Timestamp) throws -> ReviewOutcome
    /// Claims bytes that must go, so that no other collector takes them before `end`.
    func claimUnlinks(limit: Int, at now: Timestamp, until end: Timestamp) throws -> [Unlink]
    /// Forgets bytes that are gone.
    ///
    /// - Returns: how many there were of those that nobody else had forgotten meanwhile.
    func finishUnlinks(_ unlinks: [Unlink]) throws -> Int64
    /// Puts a removal that failed off, with the reason.
    func postponeUnlink(_ unlink: Unlink, until moment: Timestamp, failure: String) throws
    /// Adds to what the collectors of all replicas did.
    func recordCollection(reviewCount: Int, reclaimedBytes: Int64, at now: Timestamp) throws
    /// Pauses the collector on every replica, or lets it go on.
    func setCollectionPaused(_ moment: Timestamp?) throws
    /// Whether the collector is paused.
    func isCollectionPaused() throws -> Bool
    /// Remembers in which hours servers collect by themselves, for people to see.
    func setCollectionWindow(_ window: String?) throws
}
