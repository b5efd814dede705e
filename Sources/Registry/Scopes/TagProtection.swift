/// What the rules of a project say about its tags, for somebody with a certain role. Pure, and the
/// only place that reads the rules.
public struct TagProtection: Sendable {
    private let rules: [TagRule]
    private let role: Role
    private let refusal: RegistryError?
    private let versionRefusal: RegistryError?

    /// - Parameters:
    ///   - role: what the caller counts as in the project.
    ///   - refusal: what keeps every tag of the package from being removed by the caller.
    ///   - versionRefusal: what keeps every version of it.
    public init(
        _ rules: [TagRule], role: Role, refusal: RegistryError? = nil,
        versionRefusal: RegistryError? = nil
    ) {
        self.rules = rules
        self.role = role
        self.refusal = refusal
        self.versionRefusal = versionRefusal
    }

    /// Decides whether versions of the package may be removed, whatever tags they have.
    ///
    /// - Throws: `forbidden`, with what refuses.
    public func checkRemovingVersions() throws(RegistryError) {
        if let versionRefusal { throw versionRefusal }
    }

    /// Whether some rule could refuse a removal.
    public var restrictsRemoving: Bool {
        refusal != nil
            || rules.contains { rule in
                rule.isImmutable || rule.deleteRole.map { role < $0 } ?? false
            }
    }

    /// The reason of a refusal because of a role that is missing.
    public static let protectedReason = "tag_protected"
    /// The reason of a refusal because the tag never changes.
    public static let immutableReason = "tag_immutable"
    /// The detail of a refusal that is the pattern of the rule.
    public static let ruleDetail = "rule"

    /// Decides whether the tag may be set; `isMoving` when it names another version now.
    ///
    /// - Throws: `forbidden` or `conflict`, with the rule that refuses.
    public func checkSetting(_ tag: String, isMoving: Bool) throws(RegistryError) {
        for rule in rules where try rule.pattern.matches(tag) {
            if let needed = rule.pushRole, role < needed {
                throw Self.refusal("set", tag, rule, needed)
            }
            if rule.isImmutable, isMoving {
                throw RegistryError(
                    .conflict,
                    "the tag '\(tag)' is immutable by the rule '\(rule.pattern)': it cannot name "
                        + "another version",
                    reason: Self.immutableReason,
                    detail: [Self.ruleDetail: rule.pattern.description])
            }
        }
    }

    /// Decides whether the tag may be removed, or lose its version.
    ///
    /// - Throws: `forbidden` or `conflict`, with the rule that refuses.
    public func checkRemoving(_ tag: String) throws(RegistryError) {
        if let refusal { throw refusal }
        for rule in rules where try rule.pattern.matches(tag) {
            if rule.isImmutable {
                throw RegistryError(
                    .conflict,
                    "the tag '\(tag)' is immutable by the rule '\(rule.pattern)': it cannot be "
                        + "deleted",
                    reason: Self.immutableReason,
                    detail: [Self.ruleDetail: rule.pattern.description])
            }
            if let needed = rule.deleteRole, role < needed {
                throw Self.refusal("delete", tag, rule, needed)
            }
        }
    }

    private static func refusal(
        _ verb: String, _ tag: String, _ rule: TagRule, _ needed: Role
    ) -> RegistryError {
        RegistryError(
            .forbidden,
            "the tag '\(tag)' is protected by the rule '\(rule.pattern)': you need at least the "
                + "role '\(needed.name)' to \(verb) it",
            reason: protectedReason, detail: [ruleDetail: rule.pattern.description])
    }
}

extension Principal {
    /// What the principal counts as where a rule asks for a role: `role` is that of its user.
    /// Administrators count as owners, and deploy tokens as developers.
    public func authority(_ role: Role?) -> Role {
        switch self {
        case .console: .owner
        case .user(let user) where user.isAdmin: .owner
        case .deployToken: .developer
        case .user, .job, .anonymous, .server: role ?? .guest
        }
    }
}

extension MetadataWriting {
    /// Decides whether somebody with this role, and without a token that a rule names, may move the
    /// version to the trash.
    ///
    /// - Throws: `forbidden` or `conflict`, with what refuses.
    public func checkRemoving(_ version: VersionRecord, role: Role) throws {
        try checkRemoving(version, by: Authority(role))
    }

    /// Decides whether a version may go to the trash: by the rules about its package and about each
    /// tag that names it, and not while a version that has it as a part lives.
    ///
    /// - Throws: `forbidden` or `conflict`, with what refuses.
    public func checkRemoving(_ version: VersionRecord, by authority: Authority) throws {
        let package = version.package
        try packageProtection(of: package.projectID, for: authority)
            .checkRemoving(package.format, package.name)
        let tags = try listTags(versionIDs: [version.id])[version.id] ?? []
        if !tags.isEmpty {
            let protection = TagProtection(
                try listTagRules(projectID: package.projectID, format: package.format),
                role: authority.role)
            for tag in tags { try protection.checkRemoving(tag) }
        }
        let parents = try listLinkingVersions(
            packageID: package.id, kind: .child, target: version.name, limit: 1)
        if let parent = parents.first {
            throw RegistryError(
                .conflict,
                "'\(version.name)' is part of '\(parent)'; delete that first",
                reason: "version_referenced", detail: ["parent": parent])
        }
    }
}
