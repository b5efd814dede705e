/// Something that a policy decides about: a version that somebody named, or a tag of versions that
/// live by their tags. The latter's versions follow as they always do.
public struct RetentionUnit: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        case version
        case tag
    }

    public let kind: Kind
    /// The version, or the one that the tag names.
    public let versionID: Int64
    /// The name of the version, or the tag.
    public let name: String
    /// The name of the version.
    public let version: String
    /// The tags of a version; none of a tag.
    public var tags: [String]
    /// When it was published or got its last file; of a tag, when it was set.
    public let pushedAt: Timestamp
    /// When the version was last downloaded.
    public let pulledAt: Timestamp?

    public init(
        kind: Kind, versionID: Int64, name: String, version: String, tags: [String] = [],
        pushedAt: Timestamp, pulledAt: Timestamp?
    ) {
        self.kind = kind
        self.versionID = versionID
        self.name = name
        self.version = version
        self.tags = tags
        self.pushedAt = pushedAt
        self.pulledAt = pulledAt
    }

    /// The tags whose loss its removal is.
    var affectedTags: [String] { kind == .tag ? [name] : tags }

    /// Its place in the order in which it is judged.
    var position: RetentionPosition { RetentionPosition(pushedAt: pushedAt, name: name) }
}

/// A place in a package's units, the newest of which comes first.
public struct RetentionPosition: Hashable, Sendable {
    public let pushedAt: Timestamp
    public let name: String

    public init(pushedAt: Timestamp, name: String) {
        self.pushedAt = pushedAt
        self.name = name
    }
}

/// What becomes of a unit, and why.
public struct RetentionVerdict: Hashable, Sendable {
    /// What decided.
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        /// A rule of the policy keeps it.
        case rule
        /// No rule speaks of it.
        case notCovered = "not_covered"
        /// Rules speak of it, and none keeps it: it goes.
        case notKept = "not_kept"
        /// A rule about tags, or about packages, keeps it from everybody.
        case protected
        /// Another version has it as a part.
        case referenced
        /// A pattern took too long to match, so nobody knows.
        case undecided
    }

    public let reason: Reason
    /// The number of the rule that keeps it, from 1.
    public let rule: Int?
    /// The reason in words.
    public let message: String

    public init(_ reason: Reason, rule: Int? = nil, _ message: String) {
        self.reason = reason
        self.rule = rule
        self.message = message
    }

    public var isRemoval: Bool { reason == .notKept }
}

/// Decides about the units of one package. It is told one after another, the newest first, and is
/// pure: the same rules, units and moment give the same verdicts.
///
/// Rules are asked in their order, and the first that keeps a unit decides. A unit that no rule
/// speaks of stays. What is left is protected by rules about tags, or goes.
public struct RetentionJudge: Sendable {
    private let rules: [(number: Int, rule: RetentionRule)]
    private let protection: TagProtection
    private let isPrerelease: @Sendable (String) -> Bool
    private let now: Timestamp
    /// How many units each rule has counted, by its number.
    private var counts: [Int: Int] = [:]

    /// A judge over the units of `package`.
    ///
    /// - Parameters:
    ///   - isPrerelease: what the package's format says of names of versions and tags.
    ///   - protection: the project's rules about tags and packages, for somebody with no rights at all.
    /// - Throws: `unprocessable` when a pattern takes too long on the package's name.
    public init(
        _ rules: [RetentionRule], of package: PackageRecord,
        isPrerelease: @escaping @Sendable (String) -> Bool, protection: TagProtection,
        at now: Timestamp
    ) throws(RegistryError) {
        var applicable: [(number: Int, rule: RetentionRule)] = []
        for (index, rule) in rules.enumerated() where try rule.scope.covers(package) {
            applicable.append((index + 1, rule))
        }
        self.rules = applicable
        self.protection = protection
        self.isPrerelease = isPrerelease
        self.now = now
    }

    /// Whether some rule speaks of the package, so that there is something to decide.
    public var hasRules: Bool { !rules.isEmpty }

    /// Decides about the next unit.
    public mutating func judge(_ unit: RetentionUnit) -> RetentionVerdict {
        do throws(RegistryError) {
            return try decide(unit)
        } catch {
            return RetentionVerdict(.undecided, error.message)
        }
    }

    private mutating func decide(_ unit: RetentionUnit) throws(RegistryError) -> RetentionVerdict {
        var isCovered = false
        for (number, rule) in rules where try covers(rule.scope, unit) {
            isCovered = true
            if try keeps(rule.condition, number, unit) {
                return RetentionVerdict(.rule, rule: number, "rule \(number) keeps \(rule)")
            }
        }
        guard isCovered else {
            return RetentionVerdict(.notCovered, "no rule speaks of it")
        }
        do throws(RegistryError) {
            try protection.checkRemoving(unit)
        } catch {
            guard error.reason != "pattern_too_costly" else { throw error }
            return RetentionVerdict(.protected, error.message)
        }
        return RetentionVerdict(.notKept, "no rule keeps it")
    }

    private func covers(
        _ scope: RetentionRule.Scope, _ unit: RetentionUnit
    ) throws(RegistryError) -> Bool {
        if let stage = scope.stage,
            isPrerelease(unit.name) != (stage == .prerelease)
        {
            return false
        }
        return try scope.names?.matches(unit.name) ?? true
    }

    private mutating func keeps(
        _ condition: RetentionRule.Condition, _ number: Int, _ unit: RetentionUnit
    ) throws(RegistryError) -> Bool {
        switch condition {
        case .newest(let limit):
            counts[number, default: 0] += 1
            return counts[number, default: 0] <= limit
        case .pushedWithin(let period):
            return unit.pushedAt > now.advanced(bySeconds: -period.seconds)
        case .pulledWithin(let period):
            return unit.pulledAt.map { $0 > now.advanced(bySeconds: -period.seconds) } ?? false
        case .matching(let pattern):
            for name in [unit.name] + unit.tags where try pattern.matches(name) { return true }
            return false
        case .protected:
            do throws(RegistryError) {
                try protection.checkRemoving(unit)
                return false
            } catch {
                guard error.reason != "pattern_too_costly" else { throw error }
                return true
            }
        }
    }
}

extension TagProtection {
    /// Decides whether what a unit stands for may be removed.
    ///
    /// - Throws: `forbidden` or `conflict`, with the rule that refuses.
    func checkRemoving(_ unit: RetentionUnit) throws(RegistryError) {
        if unit.kind == .version { try checkRemovingVersions() }
        for tag in unit.affectedTags { try checkRemoving(tag) }
    }
}

extension RetentionRule.Scope {
    /// Whether it speaks of something in the package.
    func covers(_ package: PackageRecord) throws(RegistryError) -> Bool {
        if let format, format != package.format { return false }
        return try packages?.matches(package.name) ?? true
    }
}
