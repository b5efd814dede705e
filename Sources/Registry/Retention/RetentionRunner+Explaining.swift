/// What a policy says of one package.
public struct RetentionExplanation: Sendable {
    /// One unit, and what becomes of it.
    public struct Line: Hashable, Sendable {
        public let unit: RetentionUnit
        public let verdict: RetentionVerdict
    }

    public let package: PackageRecord
    public internal(set) var keptCount: Int64 = 0
    public internal(set) var removedCount: Int64 = 0
    /// The newest first, up to the limit.
    public internal(set) var lines: [Line] = []
}

extension RetentionRunner {
    /// Says what the rules would do to a package as it is now, and why.
    ///
    /// - Parameter lineLimitCount: the most units that are named; all are counted.
    /// - Returns: `nil` when no rule speaks of the package.
    public func explain(
        _ package: PackageRecord, _ rules: [RetentionRule], lineLimitCount: Int
    ) async throws(RegistryError) -> RetentionExplanation? {
        let (formatRules, rowCount, now) = (formatRules, limits.rowCount, clock.now())
        return try await metadata.read { tx in
            var progress = try tx.beginRetention(of: package, rules, formatRules, at: now)
            guard progress.judge.hasRules else { return nil }
            var explanation = RetentionExplanation(package: package)
            _ = try tx.judgeUnits(of: package.id, from: &progress, rowCount: rowCount) {
                unit, verdict in
                if verdict.isRemoval { explanation.removedCount += 1 }
                if explanation.lines.count < lineLimitCount {
                    explanation.lines.append(.init(unit: unit, verdict: verdict))
                }
                return true
            }
            explanation.keptCount = progress.keptCount
            return explanation
        }
    }
}
