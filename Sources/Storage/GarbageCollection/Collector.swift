public import Registry

/// Deletes what nothing names any more, while clients push and pull.
///
/// *Source*: `docs/garbage-collection.md`.
public struct Collector: GarbageCollecting {
    /// How much is done at once, and how long things are kept.
    public struct Settings: Sendable {
        /// Reviews that one pass claims.
        public var reviewBatchCount = 200
        /// Blobs that one transaction deletes; small, so that publishers wait for it but shortly.
        public var blobBatchCount = 25
        /// Removals that one pass claims.
        public var unlinkBatchCount = 250
        /// Files that are removed at the same time.
        public var removalWidthCount = 4
        /// Files that are removed before the pace is asked again.
        public var removalStepCount = 8
        /// Seconds for which claimed work belongs to its collector.
        public var leaseSeconds: Int64 = 60
        /// Seconds that work is put off after its first failure; twice as long after each more.
        public var firstDelaySeconds: Int64 = 30
        /// The longest that failing work is put off, in seconds: a day.
        public var delayLimitSeconds: Int64 = 86_400
        public var periods = CollectionPeriods()

        public init() {}
    }

    let metadata: any MetadataStore
    let blobs: any BlobStore
    let clock: any RegistryClock
    let settings: Settings
    let onEvent: @Sendable (CollectionEvent) -> Void

    /// A collector of what `metadata` and `blobs` hold.
    ///
    /// `onEvent` hears what each review and removal came to, to log and count it.
    public init(
        metadata: any MetadataStore, blobs: any BlobStore,
        clock: any RegistryClock = SystemClock(), settings: Settings = Settings(),
        onEvent: @escaping @Sendable (CollectionEvent) -> Void = { _ in }
    ) {
        self.metadata = metadata
        self.blobs = blobs
        self.clock = clock
        self.settings = settings
        self.onEvent = onEvent
    }

    public func run(for limit: Duration) async throws(RegistryError) -> (
        outcome: CollectionOutcome, isFinished: Bool
    ) {
        let deadline = ContinuousClock.now + limit
        var whole = CollectionOutcome()
        while true {
            let pass = try await runPass()
            whole.add(pass)
            if pass.isPaused || pass.workedCount == 0 { return (whole, !pass.isPaused) }
            if ContinuousClock.now >= deadline { return (whole, false) }
        }
    }

    /// Runs passes until nothing is due any more, or somebody pauses the collector.
    ///
    /// - Parameter onPass: hears what has been done so far, after each pass.
    public func runUntilIdle(
        onPass: @Sendable (CollectionOutcome) async -> Void = { _ in }
    ) async throws(RegistryError) -> CollectionOutcome {
        var whole = CollectionOutcome()
        while true {
            let pass = try await runPass()
            whole.add(pass)
            await onPass(whole)
            if pass.workedCount == 0 || pass.isPaused { return whole }
        }
    }

    /// Works on what is due, at most a batch of it.
    ///
    /// Nobody waits for its transactions, so those of requests go first. Most of them are deferred:
    /// what is lost with the power is done again. Before a file is removed, one is not.
    ///
    /// - Parameter pace: spreads the work over time; `nil` to do it as fast as it goes.
    /// - Throws: what claiming throws, and what says that the database cannot be reached. Anything
    ///   else that fails is put off and does not stop the rest.
    public func runPass(
        pace: CollectionPace? = nil
    ) async throws(RegistryError) -> CollectionOutcome {
        var outcome = CollectionOutcome()
        let now = clock.now()
        let end = now.advanced(bySeconds: settings.leaseSeconds)
        let limit =
            pace?.beginPass(claiming: settings.reviewBatchCount) ?? settings.reviewBatchCount
        let reviews = try await metadata.write(.deferred) { tx in
            try tx.isCollectionPaused()
                ? nil : try tx.claimReviews(limit: limit, at: now, until: end)
        }
        guard let reviews else {
            outcome.isPaused = true
            return outcome
        }
        // Blobs first: what a version of the same batch gives up has its own time yet.
        let blobReviews = reviews.filter { if case .blob = $0.subject { true } else { false } }
        for start in stride(from: 0, to: blobReviews.count, by: settings.blobBatchCount) {
            let end = min(start + settings.blobBatchCount, blobReviews.count)
            try await collectBlobs(Array(blobReviews[start..<end]), at: now, &outcome)
            // Their files are the other half of the work.
            await pace?.spend(Double(end - start) / 2)
        }
        for review in reviews {
            switch review.subject {
            case .blob: break
            case .version, .upload, .periods:
                try await collect(review, at: now, &outcome)
                await pace?.spend(1)
            }
        }
        try await removeFiles(at: now, pace, &outcome)
        // A file is removed for something that was looked at, so the two are one work.
        await pace?.finishPass(
            workCount: max(
                outcome.reviewCount, outcome.removedFileCount + outcome.failedCount))
        return outcome
    }

    /// Twice as long after each failure, and up to a fifth more by chance, so that what failed
    /// together is not tried together.
    func nextTry(after attemptCount: Int, from now: Timestamp) -> Timestamp {
        let doublings = min(max(0, attemptCount - 1), 20)
        let delay = min(settings.firstDelaySeconds << Int64(doublings), settings.delayLimitSeconds)
        return now.advanced(bySeconds: delay + Int64.random(in: 0...max(1, delay / 5)))
    }
}
