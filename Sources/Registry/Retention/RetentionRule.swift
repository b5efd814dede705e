/// What a policy keeps. A rule speaks of some versions and keeps those of them that fulfil its
/// condition; it never removes anything by itself.
public struct RetentionRule: Hashable, Sendable {
    /// What keeps a version that the rule speaks of.
    public enum Condition: Hashable, Sendable {
        /// It is one of so many newest of its package, among those that the rule speaks of and that
        /// no rule before it keeps.
        case newest(Int)
        /// It was published, or got a file, no longer ago than this; a tag: it was set.
        case pushedWithin(NamedPeriod)
        /// It was downloaded no longer ago than this.
        case pulledWithin(NamedPeriod)
        /// Its name, or a tag of it, matches as a whole.
        case matching(NamePattern)
        /// A rule of the project about tags keeps it from being removed by everybody.
        case protected
    }

    /// Which half of the versions.
    public enum Stage: String, Hashable, Sendable, CaseIterable {
        case release
        /// What comes before a release, snapshots included; the format decides.
        case prerelease
    }

    /// Which versions the rule speaks of: all, unless something limits them.
    public struct Scope: Hashable, Sendable {
        public var format: FormatID?
        /// Matches names of packages; of images, names of repositories below the project.
        public var packages: NamePattern?
        /// Matches names of versions, or of tags where versions live by their tags.
        public var names: NamePattern?
        public var stage: Stage?

        public init(
            format: FormatID? = nil, packages: NamePattern? = nil, names: NamePattern? = nil,
            stage: Stage? = nil
        ) {
            self.format = format
            self.packages = packages
            self.names = names
            self.stage = stage
        }
    }

    /// The largest number of newest that can be kept.
    public static let countLimit = 1_000_000

    public var condition: Condition
    public var scope: Scope

    public init(_ condition: Condition, of scope: Scope = Scope()) {
        self.condition = condition
        self.scope = scope
    }
}

extension RetentionRule: CustomStringConvertible {
    /// What it keeps, in words: `the 5 newest prereleases of oci`.
    public var description: String {
        var things = "versions"
        if let stage = scope.stage { things = "\(stage.rawValue)s" }
        if let format = scope.format { things += " of \(format)" }
        if let packages = scope.packages { things += " in packages like '\(packages)'" }
        if let names = scope.names { things += " named like '\(names)'" }
        return switch condition {
        case .newest(let count): "the \(count) newest \(things)"
        case .pushedWithin(let period): "\(things) pushed within \(period)"
        case .pulledWithin(let period): "\(things) downloaded within \(period)"
        case .matching(let pattern): "\(things) that match '\(pattern)'"
        case .protected: "\(things) that a rule about tags protects"
        }
    }
}

/// The rules of a project or group, whether they count, and how often they are applied.
public struct RetentionPolicy: Hashable, Sendable {
    /// The most rules of a policy.
    public static let ruleLimitCount = 50

    /// A policy does nothing until somebody says so.
    public var isEnabled: Bool
    public var cadence: RetentionCadence
    /// In the order in which they are asked.
    public var rules: [RetentionRule]

    public init(
        isEnabled: Bool = false, cadence: RetentionCadence = .daily, rules: [RetentionRule] = []
    ) {
        self.isEnabled = isEnabled
        self.cadence = cadence
        self.rules = rules
    }
}
