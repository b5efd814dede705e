/// What the rules of a project say about its packages, for somebody. Pure, and the only place that
/// reads the rules.
public struct PackageProtection: Sendable {
    /// The reason of a refusal because of a rule.
    public static let protectedReason = "package_protected"
    /// The reason of a refusal because the project is written once.
    public static let writeOnceReason = "write_once"

    private let rules: [PackageRule]
    private let project: NamespaceRecord
    private let authority: Authority

    public init(_ rules: [PackageRule], project: NamespaceRecord, authority: Authority) {
        self.rules = rules
        self.project = project
        self.authority = authority
    }

    /// Decides whether anything may be published to the package.
    ///
    /// - Throws: `forbidden` with the rule that refuses.
    public func checkPublishing(_ format: FormatID, _ package: String) throws(RegistryError) {
        for rule in rules where rule.terms.covers(format, package, in: project.path) {
            guard !rule.terms.publish.isMet(by: authority) else { continue }
            throw refusal("publish", format, package, rule, rule.terms.publish)
        }
    }

    /// Decides whether tags of the package may be removed, or blobs that nothing names.
    ///
    /// - Throws: `forbidden` with the rule that refuses.
    public func checkUntagging(_ format: FormatID, _ package: String) throws(RegistryError) {
        for rule in rules where rule.terms.covers(format, package, in: project.path) {
            guard !rule.terms.delete.isMet(by: authority) else { continue }
            throw refusal("delete", format, package, rule, rule.terms.delete)
        }
    }

    /// Decides whether versions and files of the package may be deleted.
    ///
    /// - Throws: `forbidden` with the rule that refuses, or because the project is written once.
    public func checkRemoving(_ format: FormatID, _ package: String) throws(RegistryError) {
        try checkUntagging(format, package)
        guard project.effectiveSettings.isWriteOnce ?? false, authority.role < .owner else {
            return
        }
        throw RegistryError(
            .forbidden,
            "the project '\(project.path)' is written once: what was published there can only be "
                + "deleted by an owner",
            reason: Self.writeOnceReason)
    }

    private func refusal(
        _ verb: String, _ format: FormatID, _ package: String, _ rule: PackageRule,
        _ requirement: RuleRequirement
    ) -> RegistryError {
        let name = package.isEmpty ? project.path.lastSegment : package
        let token = requirement.tokens.isEmpty ? nil : "one of the tokens that the rule names"
        let role = requirement.role.map { "at least the role '\($0.name)'" }
        return RegistryError(
            .forbidden,
            "the \(format) package '\(name)' is protected by the rule '\(rule.terms.pattern)': you "
                + "need " + [role, token].compactMap(\.self).joined(separator: " or ")
                + " to \(verb) it",
            reason: Self.protectedReason,
            detail: [TagProtection.ruleDetail: rule.terms.pattern.description])
    }
}

extension MetadataReading {
    /// What the rules of the package's project say about its packages, for somebody.
    ///
    /// - Throws: `notFound` when the project was removed.
    public func packageProtection(
        of projectID: Int64, for authority: Authority
    ) throws -> PackageProtection {
        guard let project = try findNamespace(.id(projectID, .project)) else {
            throw RegistryError(.notFound, "there is no such project any more")
        }
        return PackageProtection(
            try listPackageRules(projectID: projectID), project: project, authority: authority)
    }

    /// What the rules say about removing tags and versions of a package, for somebody: those about
    /// tags, and those about the package as a whole.
    public func tagProtection(
        of package: PackageRecord, for authority: Authority
    ) throws -> TagProtection {
        let protection = try packageProtection(of: package.projectID, for: authority)
        func refusal(_ check: (FormatID, String) throws(RegistryError) -> Void) -> RegistryError? {
            do throws(RegistryError) {
                try check(package.format, package.name)
                return nil
            } catch {
                return error
            }
        }
        return TagProtection(
            try listTagRules(projectID: package.projectID, format: package.format),
            role: authority.role, refusal: refusal(protection.checkUntagging),
            versionRefusal: refusal(protection.checkRemoving))
    }

    /// Decides, from what a request's address says, whether anything may be published under this
    /// name: what is refused here is refused before the body is read.
    ///
    /// - Parameter version: the name of a version, where the address has one that is reserved after
    ///   it was deleted.
    /// - Throws: `forbidden` with the rule that refuses, `conflict` when the name is reserved.
    public func checkPublishing(
        _ format: FormatID, package: String, version: String?, in project: NamespaceRecord,
        by authority: Authority, at now: Timestamp
    ) throws {
        try PackageProtection(
            try listPackageRules(projectID: project.id), project: project, authority: authority
        ).checkPublishing(format, package)
        guard let version,
            let record = try findPackage(projectID: project.id, format: format, name: package),
            try filterKnownVersions([version], packageID: record.id).isEmpty
        else { return }
        try checkName(version, of: record, in: project, at: now)
    }

    /// Decides whether a new version may have this name: not while a deleted one of the same name
    /// can be restored, unless the project says otherwise.
    ///
    /// - Throws: `conflict` when it may not.
    func checkName(
        _ version: String, of package: PackageRecord, in project: NamespaceRecord,
        at now: Timestamp
    ) throws {
        let settings = project.effectiveSettings
        guard settings.reservesDeletedNames ?? true,
            let deletedAt = try findDeletedVersion(packageID: package.id, name: version)?.deletedAt
        else { return }
        let end = defaultPeriods.completed(by: settings).trash.end(from: deletedAt)
        if let end, end <= now { return }
        throw RegistryError(
            .conflict,
            "the version '\(version)' of '\(package.name)' was deleted and its name stays reserved "
                + "while it can be restored; restore it, or publish under another version",
            reason: "name_reserved")
    }
}
