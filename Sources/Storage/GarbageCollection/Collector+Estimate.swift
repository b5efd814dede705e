public import Registry
import Synchronization

extension Collector {
    /// Versions that an estimate looks at in one transaction, which is undone, and for which
    /// whoever publishes to the package waits.
    static let estimatedPackageLimitCount = 1000
    /// Versions that an estimate looks at altogether.
    public static let estimatedVersionLimitCount = 20_000

    public func estimate() async throws(RegistryError) -> CollectionEstimate {
        let now = clock.now()
        let limit = Self.estimatedVersionLimitCount
        let (removals, due, released) = try await metadata.read { tx in
            (
                try tx.estimateRemovals(at: now),
                try tx.listDueVersions(packageID: nil, limit: limit + 1, at: now),
                try tx.listVersionsOfDuePeriods(limit: limit + 1, at: now)
            )
        }
        var estimate = removals
        estimate.hasMoreVersions = due.count > limit || released.count > limit
        // What a changed period releases, the run asks for itself, and looks at then.
        let releasedIDs = Dictionary(grouping: released.prefix(limit), by: \.packageID)
        let packageIDs = Set(due.prefix(limit).map(\.packageID)).union(releasedIDs.keys)
        for id in packageIDs.sorted() {
            let versions = try await countVersions(
                ofPackage: id, releasing: releasedIDs[id, default: []].map(\.versionID), at: now)
            estimate.versionCount += versions.count
            estimate.hasMoreVersions = estimate.hasMoreVersions || versions.hasMore
        }
        return estimate
    }

    private struct VersionCount: Sendable {
        var count = 0
        var hasMore = false
    }

    /// The versions of a package that would go, found out by the very statements that delete them:
    /// what keeps a version is too much to be written down twice. Nothing of it reaches beyond the
    /// package.
    private func countVersions(
        ofPackage id: Int64, releasing released: [Int64], at now: Timestamp
    ) async throws(RegistryError) -> VersionCount {
        let periods = settings.periods
        let counted = Mutex(VersionCount())
        let undone = RegistryError(.internalError, "an estimate is undone", reason: "estimate")
        do throws(RegistryError) {
            try await metadata.write { tx in
                try tx.bringForward(released, to: now)
                var found = VersionCount()
                var reviewCount = 0
                while reviewCount < Self.estimatedPackageLimitCount {
                    let due = try tx.listDueVersions(
                        packageID: id, limit: Self.estimatedPackageLimitCount, at: now)
                    if due.isEmpty { break }
                    for version in due {
                        let outcome = try tx.review(version.review, periods, at: now)
                        if case .collected = outcome { found.count += 1 }
                    }
                    reviewCount += due.count
                    found.hasMore = reviewCount >= Self.estimatedPackageLimitCount
                }
                counted.withLock { $0 = found }
                throw undone
            }
        } catch {
            guard error.reason == undone.reason else { throw error }
        }
        return counted.withLock { $0 }
    }
}
