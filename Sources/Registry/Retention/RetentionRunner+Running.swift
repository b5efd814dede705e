/// What came of the run of a project's policy.
public struct RetentionReport: Sendable {
    public let projectID: Int64
    public internal(set) var outcome = RetentionOutcome()
    /// Why it ended before it was through; `nil` when it did not, or failed.
    public internal(set) var interruption: RetentionRunner.Interruption?
    public internal(set) var failure: RegistryError?
}

extension RetentionRunner {
    /// Seconds that a run is put off after its first failure; twice as long after each more.
    static let firstDelaySeconds: Int64 = 60
    /// The longest that a failing run is put off, in seconds: a day.
    static let delayLimitSeconds: Int64 = 86_400
    /// The part of an interval by which runs differ by chance, so that they do not come together.
    static let jitterShare: Int64 = 20
    /// The longest such difference, in seconds.
    static let jitterLimitSeconds: Int64 = 600

    /// Schedules projects for which something was enabled, by themselves or by a group above them.
    public func schedule() async throws(RegistryError) {
        let limit = limits.packageCount
        let ids = try await metadata.read { tx in try tx.listUnscheduledProjects(limit: limit) }
        guard !ids.isEmpty else { return }
        let now = clock.now()
        try await metadata.write { tx in
            for id in ids {
                guard let project = try tx.findNamespace(.id(id, .project)),
                    let seconds = try tx.findEffectiveRetention(of: project).intervalSeconds
                else { continue }
                try tx.scheduleRetention(
                    projectID: id, at: now.advanced(bySeconds: seconds + Self.jitter(of: seconds)))
            }
        }
    }

    /// Does the run that is longest overdue, or that of one project at once.
    ///
    /// - Returns: `nil` when there is none to do: none is due, somebody else is at it, or the
    ///   collection of garbage is paused.
    /// - Throws: what claiming throws. A run that fails is put off and says so in the report.
    public func runNext(projectID: Int64? = nil) async throws(RegistryError) -> RetentionReport? {
        guard var claim = try await self.claim(projectID) else { return nil }
        var report = RetentionReport(projectID: claim.projectID)
        do throws(RegistryError) {
            report.interruption = try await run(&claim, &report.outcome)
        } catch {
            report.failure = error
        }
        guard report.interruption != .lost else { return report }
        try await finish(claim, report)
        return report
    }

    private func claim(_ projectID: Int64?) async throws(RegistryError) -> RetentionClaim? {
        let now = clock.now()
        let end = now.advanced(bySeconds: limits.leaseSeconds)
        let isDue = try await metadata.read { tx in
            try projectID != nil || tx.hasDueRetentionRun(at: now)
        }
        guard isDue else { return nil }
        return try await metadata.write { tx in
            guard try !tx.isCollectionPaused() else { return nil }
            if let projectID { try tx.scheduleRetention(projectID: projectID, at: now) }
            return try tx.claimRetentionRun(projectID: projectID, at: now, until: end)
        }
    }

    private func finish(
        _ claim: RetentionClaim, _ report: RetentionReport
    ) async throws(RegistryError) {
        let now = clock.now()
        try await metadata.write { tx in
            let project = try tx.findNamespace(.id(claim.projectID, .project))
            let seconds = try project.flatMap {
                try tx.findEffectiveRetention(of: $0).intervalSeconds
            }
            var next = seconds.map { now.advanced(bySeconds: $0 + Self.jitter(of: $0)) }
            if report.failure != nil {
                let delay = Self.delay(after: claim.attemptCount)
                next = seconds.map { now.advanced(bySeconds: min($0, delay)) }
            } else if report.interruption != nil, seconds != nil {
                // What is left goes on with whoever is there.
                next = now
            }
            try tx.finishRetentionRun(
                claim, report.outcome,
                failure: report.failure?.message ?? report.interruption?.words, next: next, at: now)
        }
    }

    private static func jitter(of seconds: Int64) -> Int64 {
        Int64.random(in: 0...min(seconds / jitterShare, jitterLimitSeconds))
    }

    private static func delay(after attemptCount: Int) -> Int64 {
        let doublings = min(max(0, attemptCount - 1), 20)
        let delay = min(firstDelaySeconds << Int64(doublings), delayLimitSeconds)
        return delay + jitter(of: delay)
    }
}

// MARK: - One project

extension RetentionRunner {
    private func run(
        _ claim: inout RetentionClaim, _ outcome: inout RetentionOutcome
    ) async throws(RegistryError) -> Interruption? {
        let (projectID, limit) = (claim.projectID, limits.packageCount)
        let project = try await metadata.read { tx in
            try tx.findNamespace(.id(projectID, .project))
        }
        guard let project else { return .disabled }
        var last: Int64 = 0
        while true {
            let after = last
            let packages = try await metadata.read { tx in
                try tx.listRetentionPackages(projectID: projectID, after: after, limit: limit)
            }
            for package in packages {
                guard !Task.isCancelled else { return .stopped }
                let interruption = try await run(package, of: project, &claim, &outcome)
                if let interruption { return interruption }
            }
            guard packages.count == limit, let id = packages.last?.id else { return nil }
            last = id
        }
    }

    private func run(
        _ package: PackageRecord, of project: NamespaceRecord, _ claim: inout RetentionClaim,
        _ outcome: inout RetentionOutcome
    ) async throws(RegistryError) -> Interruption? {
        // Of most packages nothing goes; that is found out without their locks.
        let kept = try await countKept(package, of: project)
        if let kept {
            outcome.keptCount += kept
            return try await extend(&claim)
        }
        var progress: RetentionProgress?
        var restartCount = 0
        while true {
            guard !Task.isCancelled else { return .stopped }
            let stretch = try await removeStretch(
                package.id, of: project, claim, from: progress,
                inOneGo: restartCount >= limits.restartCount)
            if let interruption = stretch.interruption { return interruption }
            claim.leasedUntil = stretch.leasedUntil
            outcome.removedCount += stretch.removedCount
            if stretch.isRestart { restartCount += 1 }
            guard !stretch.isDone else {
                outcome.keptCount += stretch.progress?.keptCount ?? 0
                return nil
            }
            progress = stretch.progress
        }
    }

    /// - Returns: how many units stay, if all do.
    private func countKept(
        _ package: PackageRecord, of project: NamespaceRecord
    ) async throws(RegistryError) -> Int64? {
        let (formatRules, rowCount, now) = (formatRules, limits.rowCount, clock.now())
        return try await metadata.read { tx in
            let rules = try tx.findEffectiveRetention(of: project).rules
            var progress = try tx.beginRetention(of: package, rules, formatRules, at: now)
            guard progress.judge.hasRules else { return 0 }
            let isAllKept = try tx.judgeUnits(
                of: package.id, from: &progress, rowCount: rowCount
            ) { _, verdict in !verdict.isRemoval }
            return isAllKept ? progress.keptCount : nil
        }
    }

    /// Renews the lease when a good part of it is over.
    private func extend(
        _ claim: inout RetentionClaim
    ) async throws(RegistryError) -> Interruption? {
        let (current, now) = (claim, clock.now())
        let end = now.advanced(bySeconds: limits.leaseSeconds)
        guard current.leasedUntil < now.advanced(bySeconds: limits.leaseSeconds * 2 / 3) else {
            return nil
        }
        let isOurs = try await metadata.write { tx in
            try tx.extendRetentionRun(current, until: end)
        }
        guard isOurs else { return .lost }
        claim.leasedUntil = end
        return nil
    }
}

// MARK: - One transaction

extension RetentionRunner {
    /// What one transaction did.
    private struct Stretch: Sendable {
        var interruption: Interruption?
        var progress: RetentionProgress?
        var leasedUntil: Timestamp
        var removedCount: Int64 = 0
        /// Whether the package had changed, so that it was judged from its beginning.
        var isRestart = false
        var isDone = false
    }

    /// Goes on with a package under its lock. What was counted before holds only as long as nothing in
    /// the package, and no rule, has changed since.
    private func removeStretch(
        _ packageID: Int64, of project: NamespaceRecord, _ claim: RetentionClaim,
        from progress: RetentionProgress?, inOneGo: Bool
    ) async throws(RegistryError) -> Stretch {
        let (formatRules, limits, now) = (formatRules, limits, clock.now())
        let end = now.advanced(bySeconds: limits.leaseSeconds)
        return try await metadata.write { tx in
            var stretch = Stretch(leasedUntil: end)
            guard try !tx.isCollectionPaused() else {
                stretch.interruption = .paused
                return stretch
            }
            guard try tx.extendRetentionRun(claim, until: end) else {
                stretch.interruption = .lost
                return stretch
            }
            let effective = try tx.findEffectiveRetention(of: project)
            guard effective.isEnabled else {
                stretch.interruption = .disabled
                return stretch
            }
            guard let package = try tx.lockPackage(packageID) else {
                stretch.isDone = true
                return stretch
            }
            var place: RetentionProgress
            if let progress, progress.revision == package.revision,
                progress.rules == effective.rules
            {
                place = progress
            } else {
                place = try tx.beginRetention(of: package, effective.rules, formatRules, at: now)
                stretch.isRestart = progress != nil
            }
            let done = try tx.removeUnits(of: package, from: &place, limits, inOneGo, at: now)
            (stretch.removedCount, stretch.isDone) = done
            if done.count > 0 {
                try tx.touchPackage(packageID, at: now)
                place.revision = package.revision + 1
            }
            stretch.progress = place
            return stretch
        }
    }
}

extension MetadataWriting {
    /// Judges and removes units, as many as one transaction may.
    ///
    /// - Returns: how many were removed, and whether there are no more to judge.
    fileprivate func removeUnits(
        of package: PackageRecord, from place: inout RetentionProgress,
        _ limits: RetentionRunner.Limits, _ inOneGo: Bool, at now: Timestamp
    ) throws -> (count: Int64, isEnd: Bool) {
        let protection = try tagProtection(of: package, for: Authority(.guest))
        var (examinedCount, removedCount, refusedCount) = (0, 0, 0)
        let isEnd = try judgeUnits(
            of: package.id, from: &place, rowCount: min(limits.rowCount, limits.examinedCount)
        ) { unit, verdict in
            examinedCount += 1
            if verdict.isRemoval {
                if try removeUnit(unit, of: package, protection, at: now) {
                    removedCount += 1
                } else {
                    refusedCount += 1
                }
            }
            return inOneGo
                || (examinedCount < limits.examinedCount && removedCount < limits.removedCount)
        }
        place.keptCount += Int64(refusedCount)
        return (Int64(removedCount), isEnd)
    }
}

extension RetentionRunner.Interruption {
    /// What to tell people about a run that ended early.
    var words: String {
        switch self {
        case .paused: "the collection of garbage was paused"
        case .lost: "another server went on with it"
        case .disabled: "the policy was switched off"
        case .stopped: "the server ended; another goes on"
        }
    }
}
