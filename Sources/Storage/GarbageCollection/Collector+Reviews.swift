import Registry

extension Collector {
    /// Reviews blobs in one transaction; where one of them comes to be named meanwhile, each in its
    /// own.
    func collectBlobs(
        _ reviews: [Review], at now: Timestamp, _ outcome: inout CollectionOutcome
    ) async throws(RegistryError) {
        let results: [(Review, ReviewOutcome)]?
        do throws(RegistryError) {
            results = try await metadata.write(.deferred) { tx in
                try tx.isCollectionPaused() ? nil : try tx.reviewBlobs(reviews, at: now)
            }
        } catch {
            // Nothing can be said of any of them; when their lease ends, they are looked at again.
            if error.code == .unavailable { throw error }
            if reviews.count == 1, let review = reviews.first {
                return try await putOff(review, error, at: now, &outcome)
            }
            for review in reviews { try await collectBlobs([review], at: now, &outcome) }
            return
        }
        guard let results else {
            outcome.isPaused = true
            return
        }
        for (review, result) in results { note(review, result, &outcome) }
    }

    /// Reviews a version or an upload.
    func collect(
        _ review: Review, at now: Timestamp, _ outcome: inout CollectionOutcome
    ) async throws(RegistryError) {
        let periods = settings.periods
        do throws(RegistryError) {
            let result = try await metadata.write(.deferred) { tx in
                try tx.isCollectionPaused() ? nil : try tx.review(review, periods, at: now)
            }
            guard let result else {
                outcome.isPaused = true
                return
            }
            note(review, result, &outcome)
        } catch {
            if error.code == .unavailable { throw error }
            try await putOff(review, error, at: now, &outcome)
        }
    }

    private func note(
        _ review: Review, _ result: ReviewOutcome, _ outcome: inout CollectionOutcome
    ) {
        outcome.reviewCount += 1
        switch (result, review.subject) {
        case (.collected, .blob): outcome.collectedBlobCount += 1
        case (.collected, .version): outcome.collectedVersionCount += 1
        case (.collected, .upload): outcome.collectedUploadCount += 1
        case (.kept, _), (.postponed, _): outcome.keptCount += 1
        case (.absent, _), (.collected, .periods): break
        }
        onEvent(.reviewed(review, result))
    }

    private func putOff(
        _ review: Review, _ failure: RegistryError, at now: Timestamp,
        _ outcome: inout CollectionOutcome
    ) async throws(RegistryError) {
        let moment = nextTry(after: review.attemptCount, from: now)
        // A conflict says that somebody names it now, or is about to: that is no failure.
        let isNamed = failure.code == .conflict
        try await metadata.write(.deferred) { tx in
            try tx.postponeReview(
                review, until: moment, failure: isNamed ? nil : failure.message)
        }
        if isNamed {
            note(review, .postponed(until: moment), &outcome)
        } else {
            outcome.failedCount += 1
            onEvent(.reviewFailed(review, failure, nextTryAt: moment))
        }
    }
}

extension MetadataWriting {
    /// Looks at blobs, and does with their reviews what comes of it.
    fileprivate func reviewBlobs(
        _ reviews: [Review], at now: Timestamp
    ) throws -> [(Review, ReviewOutcome)] {
        let later = try listLaterReviews(reviews, at: now)
        let digests = reviews.compactMap { review -> Digest? in
            guard case .blob(let digest) = review.subject, later[review.subject] == nil else {
                return nil
            }
            return digest
        }
        let outcomes = try collectBlobs(digests, at: now)
        var results: [(Review, ReviewOutcome)] = []
        for review in reviews {
            if let moment = later[review.subject] {
                results.append((review, .postponed(until: moment)))
            } else if case .blob(let digest) = review.subject, let outcome = outcomes[digest] {
                results.append((review, outcome))
            }
        }
        try finishReviews(results.filter { !$0.1.isPostponed }.map(\.0))
        for (review, outcome) in results {
            if case .postponed(let moment) = outcome {
                try postponeReview(review, until: moment, failure: nil)
            }
        }
        return results
    }

    /// Looks at a version or an upload, and does with the review what comes of it.
    func review(
        _ review: Review, _ periods: CollectionPeriods, at now: Timestamp
    ) throws -> ReviewOutcome {
        // Whoever moved a tag since the review was claimed has his time from then on.
        if let moment = try listLaterReviews([review], at: now)[review.subject] {
            try postponeReview(review, until: moment, failure: nil)
            return .postponed(until: moment)
        }
        let outcome =
            switch review.subject {
            case .blob(let digest): try collectBlobs([digest], at: now)[digest] ?? .absent
            case .version(let id): try collectVersion(id, periods, at: now)
            case .upload(let id): try collectUpload(id, at: now)
            case .periods(let position): try reviewPeriods(review, from: position, at: now)
            }
        switch outcome {
        case .collected, .kept, .absent: try finishReviews([review])
        case .postponed(let moment): try postponeReview(review, until: moment, failure: nil)
        }
        return outcome
    }

    /// Asks for looks at what a changed period concerns, and goes on with the rest in a review of its
    /// own.
    private func reviewPeriods(
        _ review: Review, from position: PeriodReview, at now: Timestamp
    ) throws -> ReviewOutcome {
        if let next = try reviewPeriods(from: position, at: now) {
            try upsertReview(.periods(next), event: review.event, after: now)
        }
        return .kept
    }
}

extension ReviewOutcome {
    fileprivate var isPostponed: Bool { if case .postponed = self { true } else { false } }
}
