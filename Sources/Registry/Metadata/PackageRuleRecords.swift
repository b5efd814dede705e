/// Who may do something: everybody with a role, and whoever presents one of the tokens.
public struct RuleRequirement: Hashable, Sendable {
    /// The most tokens that a rule may name for one thing.
    public static let tokenLimitCount = 50
    /// The longest name of a token, in bytes.
    public static let tokenLimitBytes = 255

    /// The least role; `nil` where no role is enough.
    public var role: Role?
    /// Tokens by number, or deploy tokens by username.
    public var tokens: [String]

    public init(role: Role? = nil, tokens: [String] = []) {
        self.role = role
        self.tokens = tokens
    }

    /// Whether nothing is asked for, so that everybody may who may at all.
    public var isEmpty: Bool { role == nil && tokens.isEmpty }

    /// Whether `authority` has the role, or one of the tokens.
    public func isMet(by authority: Authority) -> Bool {
        if isEmpty || authority.isConsole { return true }
        if let role, authority.role >= role { return true }
        return tokens.contains { token in
            // Digits are always a number: nobody becomes another token by a username of digits.
            Self.isNumber(token)
                ? authority.tokenID.map(String.init) == token : authority.tokenUsername == token
        }
    }

    /// Whether `token` names a token: its number or its username.
    public static func isToken(_ token: String) -> Bool {
        (1...tokenLimitBytes).contains(token.utf8.count)
            && token.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
    }

    private static func isNumber(_ token: String) -> Bool {
        token.utf8.allSatisfy { (48...57).contains($0) }
    }
}

/// What a rule about packages says.
public struct PackageRuleTerms: Hashable, Sendable {
    /// What a pattern is compared with.
    public enum Subject: String, Sendable, CaseIterable {
        /// The package's name.
        case name
        /// The project's path and the package's name: `acme/web/api`.
        case address
    }

    public var pattern: WildcardPattern
    public var subject: Subject
    /// `nil` for every format.
    public var format: FormatID?
    public var publish: RuleRequirement
    public var delete: RuleRequirement

    public init(
        pattern: WildcardPattern, subject: Subject = .name, format: FormatID? = nil,
        publish: RuleRequirement = RuleRequirement(), delete: RuleRequirement = RuleRequirement()
    ) {
        self.pattern = pattern
        self.subject = subject
        self.format = format
        self.publish = publish
        self.delete = delete
    }

    /// Whether the rule is about this package of a project with this path.
    public func covers(_ format: FormatID, _ name: String, in path: NamespacePath) -> Bool {
        guard self.format == nil || self.format == format else { return false }
        switch subject {
        case .name: return pattern.matches(name)
        case .address: return pattern.matches(name.isEmpty ? path.description : "\(path)/\(name)")
        }
    }
}

/// A row of `package_rules`: who may publish and delete which packages of a project.
///
/// *Source*: GitLab, "Package protection rules API" and "Container repository protection rules API".
public struct PackageRule: Hashable, Sendable {
    /// The most rules that a project may have.
    public static let limitCount = 100

    public let id: Int64
    public let projectID: Int64
    public let terms: PackageRuleTerms
    public let createdAt: Timestamp

    public init(id: Int64, projectID: Int64, terms: PackageRuleTerms, createdAt: Timestamp) {
        self.id = id
        self.projectID = projectID
        self.terms = terms
        self.createdAt = createdAt
    }
}

/// Queries on `package_rules`.
public protocol PackageRuleReading {
    /// In order of their ids.
    func listPackageRules(projectID: Int64) throws -> [PackageRule]
}

/// Changes of `package_rules`; each makes every replica forget what it knew about access.
public protocol PackageRuleWriting: PackageRuleReading {
    /// - Throws: `conflict` when the project has a rule for this format with this pattern, or
    ///   `limitCount` rules.
    func insertPackageRule(
        _ terms: PackageRuleTerms, projectID: Int64, at now: Timestamp
    ) throws -> PackageRule
    /// `nil` when the project has no such rule.
    func updatePackageRule(
        _ id: Int64, projectID: Int64, _ terms: PackageRuleTerms
    ) throws -> PackageRule?
    /// Whether the project had such a rule.
    func removePackageRule(_ id: Int64, projectID: Int64) throws -> Bool
}
