public import Registry

/// Deletes what nothing names any more, while clients push and pull.
///
/// *Source*: `docs/garbage-collection.md`.
public struct Collector: Sendable {
    /// How much is done at once, and how long things are kept.
    public struct Settings: Sendable {
        /// Reviews that one pass claims.
        public var reviewBatchCount = 200
        /// Blobs that one transaction deletes; small, so that publishers wait for it but shortly.
        public var blobBatchCount = 50
        /// Storage keys that one pass claims.
        public var unlinkBatchCount = 500
        /// Seconds for which claimed work belongs to its collector.
        public var leaseSeconds: Int64 = 60
        /// Seconds that a review is put off after its first failure; twice as long after each more.
        public var firstDelaySeconds: Int64 = 30
        /// The longest that a failing review is put off, in seconds: a day.
        public var delayLimitSeconds: Int64 = 86_400
        public var periods = CollectionPeriods()

        public init() {}
    }

    /// What one pass did.
    public struct Outcome: Hashable, Sendable {
        /// Reviews and storage keys that were worked on.
        public internal(set) var workedCount = 0
        public internal(set) var collectedBlobCount = 0
        public internal(set) var collectedVersionCount = 0
        public internal(set) var collectedUploadCount = 0
        /// Things that something keeps, for now or for good.
        public internal(set) var keptCount = 0
        /// Bytes of the blobs whose rows were deleted.
        public internal(set) var collectedBytes: Int64 = 0
        /// Files that were removed.
        public internal(set) var removedFileCount = 0
        public internal(set) var failedCount = 0
        /// Whether somebody paused the collector.
        public internal(set) var isPaused = false

        /// Adds what another pass did.
        public mutating func add(_ other: Outcome) {
            workedCount += other.workedCount
            collectedBlobCount += other.collectedBlobCount
            collectedVersionCount += other.collectedVersionCount
            collectedUploadCount += other.collectedUploadCount
            keptCount += other.keptCount
            collectedBytes += other.collectedBytes
            removedFileCount += other.removedFileCount
            failedCount += other.failedCount
            isPaused = other.isPaused
        }
    }

    let metadata: any MetadataStore
    let blobs: any BlobStore
    let clock: any RegistryClock
    let settings: Settings
    let onReview: @Sendable (Review, Result<ReviewOutcome, RegistryError>) -> Void

    /// A collector of what `metadata` and `blobs` hold.
    ///
    /// `onReview` hears what each review came to, to log and count it.
    public init(
        metadata: any MetadataStore, blobs: any BlobStore,
        clock: any RegistryClock = SystemClock(), settings: Settings = Settings(),
        onReview:
            @escaping @Sendable (Review, Result<ReviewOutcome, RegistryError>) -> Void = { _, _ in }
    ) {
        self.metadata = metadata
        self.blobs = blobs
        self.clock = clock
        self.settings = settings
        self.onReview = onReview
    }

    /// Works on what is due, at most a batch of it.
    ///
    /// - Throws: what claiming throws. A review that fails is put off and does not stop the others.
    public func runPass() async throws(RegistryError) -> Outcome {
        var outcome = Outcome()
        let now = clock.now()
        let end = now.advanced(bySeconds: settings.leaseSeconds)
        let limit = settings.reviewBatchCount
        let reviews = try await metadata.write { tx in
            try tx.isCollectionPaused()
                ? nil : try tx.claimReviews(limit: limit, at: now, until: end)
        }
        guard let reviews else {
            outcome.isPaused = true
            return outcome
        }
        var blobReviews: [Digest: Review] = [:]
        for review in reviews {
            if case .blob(let digest) = review.subject { blobReviews[digest] = review }
        }
        try await collect(blobReviews, at: now, &outcome)
        for review in reviews {
            switch review.subject {
            case .blob: break
            case .version(let id): try await collectVersion(id, review, at: now, &outcome)
            case .upload(let id): try await collectUpload(id, review, at: now, &outcome)
            }
        }
        try await unlink(at: now, &outcome)
        return outcome
    }

    /// Runs passes until nothing is due any more, or somebody pauses the collector.
    ///
    /// - Parameter onPass: hears what has been done so far, after each pass.
    public func runUntilIdle(
        onPass: @Sendable (Outcome) async -> Void = { _ in }
    ) async throws(RegistryError) -> Outcome {
        var whole = Outcome()
        while true {
            let pass = try await runPass()
            whole.add(pass)
            await onPass(whole)
            if pass.workedCount == 0 || pass.isPaused { return whole }
        }
    }

    // MARK: Blobs

    private func collect(
        _ reviews: [Digest: Review], at now: Timestamp, _ outcome: inout Outcome
    ) async throws(RegistryError) {
        let digests = reviews.keys.sorted { $0.hex < $1.hex }
        for start in stride(from: 0, to: digests.count, by: settings.blobBatchCount) {
            let part = Array(digests[start..<min(start + settings.blobBatchCount, digests.count)])
            do throws(RegistryError) {
                try await collect(part, reviews, at: now, &outcome)
            } catch {
                // One that came to be named keeps the whole batch; the others go one by one.
                for digest in part {
                    guard let review = reviews[digest] else { continue }
                    do throws(RegistryError) {
                        try await collect([digest], reviews, at: now, &outcome)
                    } catch {
                        try await postpone(review, error, at: now, &outcome)
                    }
                }
            }
        }
    }

    private func collect(
        _ digests: [Digest], _ reviews: [Digest: Review], at now: Timestamp,
        _ outcome: inout Outcome
    ) async throws(RegistryError) {
        let found = try await metadata.write { tx -> [Digest: ReviewOutcome]? in
            if try tx.isCollectionPaused() { return nil }
            let found = try tx.collectBlobs(digests, at: now)
            for digest in digests {
                guard let review = reviews[digest], let outcome = found[digest] else { continue }
                try tx.settle(review, outcome)
            }
            return found
        }
        guard let found else {
            outcome.isPaused = true
            return
        }
        for digest in digests {
            guard let review = reviews[digest], let result = found[digest] else { continue }
            outcome.workedCount += 1
            switch result {
            case .collected(let bytes):
                outcome.collectedBlobCount += 1
                outcome.collectedBytes += bytes
            case .kept, .postponed: outcome.keptCount += 1
            case .absent: break
            }
            onReview(review, .success(result))
        }
    }

    // MARK: Versions and uploads

    private func collectVersion(
        _ id: Int64, _ review: Review, at now: Timestamp, _ outcome: inout Outcome
    ) async throws(RegistryError) {
        let periods = settings.periods
        do throws(RegistryError) {
            let result = try await metadata.write { tx -> ReviewOutcome? in
                if try tx.isCollectionPaused() { return nil }
                let result = try tx.collectVersion(id, periods, at: now)
                try tx.settle(review, result)
                return result
            }
            guard let result else {
                outcome.isPaused = true
                return
            }
            outcome.count(result, \.collectedVersionCount)
            onReview(review, .success(result))
        } catch {
            try await postpone(review, error, at: now, &outcome)
        }
    }

    private func collectUpload(
        _ id: String, _ review: Review, at now: Timestamp, _ outcome: inout Outcome
    ) async throws(RegistryError) {
        do throws(RegistryError) {
            let result = try await metadata.write {
                tx -> (outcome: ReviewOutcome, storeID: String?)? in
                if try tx.isCollectionPaused() { return nil }
                let result = try tx.collectUpload(id, at: now)
                try tx.settle(review, result.outcome)
                return result
            }
            guard let result else {
                outcome.isPaused = true
                return
            }
            // After a crash in between, the sweep of orphans finds the bytes.
            if let storeID = result.storeID { try await blobs.discardUpload(storeID) }
            outcome.count(result.outcome, \.collectedUploadCount)
            onReview(review, .success(result.outcome))
        } catch {
            try await postpone(review, error, at: now, &outcome)
        }
    }

    // MARK: Files

    /// Removes the files of rows that are gone. Only what was committed is removed, and whatever
    /// breaks off in between is done again.
    private func unlink(
        at now: Timestamp, _ outcome: inout Outcome
    ) async throws(RegistryError) {
        let limit = settings.unlinkBatchCount
        let end = now.advanced(bySeconds: settings.leaseSeconds)
        let keys = try await metadata.write { tx -> [StorageKey] in
            guard try !tx.isCollectionPaused() else { return [] }
            return try tx.claimUnlinks(limit: limit, at: now, until: end)
        }
        var removed: [StorageKey] = []
        for key in keys {
            do throws(RegistryError) {
                try await blobs.remove(key)
                removed.append(key)
            } catch {
                // It stays claimed until its lease ends, and is tried again then.
                outcome.failedCount += 1
            }
        }
        guard !keys.isEmpty else { return }
        let gone = removed
        try await metadata.write { tx in try tx.finishUnlinks(gone) }
        outcome.workedCount += keys.count
        outcome.removedFileCount += removed.count
    }

    // MARK: Failures

    private func postpone(
        _ review: Review, _ failure: RegistryError, at now: Timestamp, _ outcome: inout Outcome
    ) async throws(RegistryError) {
        outcome.workedCount += 1
        outcome.failedCount += 1
        onReview(review, .failure(failure))
        let moment = now.advanced(bySeconds: delaySeconds(after: review.attemptCount))
        try await metadata.write { tx in
            try tx.postponeReview(review, until: moment, failure: failure.message)
        }
    }

    /// Twice as long after each failure, and up to a fifth more by chance, so that what failed
    /// together is not tried together.
    private func delaySeconds(after attemptCount: Int) -> Int64 {
        let doublings = min(max(0, attemptCount - 1), 20)
        let delay = min(settings.firstDelaySeconds << Int64(doublings), settings.delayLimitSeconds)
        return delay + Int64.random(in: 0...max(1, delay / 5))
    }
}

extension Collector.Outcome {
    fileprivate mutating func count(
        _ result: ReviewOutcome, _ collected: WritableKeyPath<Collector.Outcome, Int>
    ) {
        workedCount += 1
        switch result {
        case .collected: self[keyPath: collected] += 1
        case .kept, .postponed: keptCount += 1
        case .absent: break
        }
    }
}

extension CollectionWriting {
    /// Does with the review what its outcome asks for.
    fileprivate func settle(_ review: Review, _ outcome: ReviewOutcome) throws {
        switch outcome {
        case .collected, .kept, .absent: try finishReview(review)
        case .postponed(let moment): try postponeReview(review, until: moment, failure: nil)
        }
    }
}
