import FormatKit
import HTTPTypes
import Registry

/// Calls on the rules of a project about its packages and about its repositories of images.
///
/// *Source*: GitLab, "Protected packages API" and "Container repository protection rules API".
enum PackageRuleEndpoints {
    static let all = endpoints(of: .packages) + endpoints(of: .repositories)

    /// The two lists that GitLab has. Both are of the same rules, which are kept in one table.
    enum Family: Sendable {
        case packages
        case repositories

        var base: String {
            switch self {
            case .packages: "projects/:id/packages/protection/rules"
            case .repositories: "projects/:id/registry/protection/repository/rules"
            }
        }

        var label: String {
            switch self {
            case .packages: "package_rule"
            case .repositories: "repository_rule"
            }
        }

        var noun: String {
            switch self {
            case .packages: "packages"
            case .repositories: "repositories of images"
            }
        }

        var patternName: String {
            switch self {
            case .packages: "package_name_pattern"
            case .repositories: "repository_path_pattern"
            }
        }

        var patternSummary: String {
            switch self {
            case .packages: "The name of packages; '*' stands for any text: '@acme/*'."
            case .repositories:
                "The whole path of repositories, beginning with the project's; '*' stands for any "
                    + "text: 'acme/web/api*'."
            }
        }

        var subject: PackageRuleTerms.Subject {
            switch self {
            case .packages: .name
            case .repositories: .address
            }
        }

        var entity: Entity<PackageRule> {
            switch self {
            case .packages: packageEntity
            case .repositories: repositoryEntity
            }
        }
    }

    private static func endpoints(of family: Family) -> [ManagementEndpoint] {
        let parameters = (family == .packages ? [type] : []) + levels
        return [
            ManagementEndpoint(
                .get, family.base, "\(family.label).list", "List the rules about \(family.noun).",
                parameters: [project], success: .one(family.entity.many), access: access,
                handler: { call throws(RegistryError) in try await list(family, call) }),
            ManagementEndpoint(
                .post, family.base, "\(family.label).create", "Add a rule about \(family.noun).",
                parameters: [
                    project, .required(family.patternName, patternKind, family.patternSummary),
                ] + parameters,
                success: .one(family.entity.one, status: .created), failures: [.unprocessable],
                access: access,
                handler: { call throws(RegistryError) in try await create(family, call) }),
            ManagementEndpoint(
                .patch, "\(family.base)/:protection_rule_id", "\(family.label).update",
                "Change a rule about \(family.noun).",
                parameters: [
                    project, rule,
                    .optional(family.patternName, patternKind, family.patternSummary),
                ] + parameters,
                success: .one(family.entity.one), failures: [.unprocessable], access: access,
                handler: { call throws(RegistryError) in try await update(family, call) }),
            ManagementEndpoint(
                .delete, "\(family.base)/:protection_rule_id", "\(family.label).delete",
                "Remove a rule about \(family.noun).", parameters: [project, rule],
                success: .noContent, access: access,
                handler: { call throws(RegistryError) in try await remove(family, call) }),
        ]
    }

    // MARK: Entities

    private static let packageEntity = Entity<PackageRule>(
        "PackageRule", "A rule about the packages of a project.",
        [
            EntityField("id", .integer()) { .integer($0.id) },
            EntityField("project_id", .integer()) { .integer($0.projectID) },
            EntityField(
                Family.packages.patternName, .string(), Family.packages.patternSummary
            ) { .string($0.terms.pattern.description) },
            EntityField("package_type", JSONSchema.string().nullable, "Null for every format.") {
                .optional($0.terms.format.map(PackageType.name))
            },
        ] + requirementFields)

    private static let repositoryEntity = Entity<PackageRule>(
        "RepositoryRule", "A rule about the repositories of images of a project.",
        [
            EntityField("id", .integer()) { .integer($0.id) },
            EntityField("project_id", .integer()) { .integer($0.projectID) },
            EntityField(
                Family.repositories.patternName, .string(), Family.repositories.patternSummary
            ) { .string($0.terms.pattern.description) },
        ] + requirementFields)

    private static let requirementFields: [EntityField<PackageRule>] = [
        EntityField(
            "minimum_access_level_for_push", JSONSchema.string(choices: roles).nullable
        ) { .optional($0.terms.publish.role?.name) },
        EntityField(
            "minimum_access_level_for_delete", JSONSchema.string(choices: roles).nullable
        ) { .optional($0.terms.delete.role?.name) },
        EntityField("push_tokens", .array(of: .string()), pushTokensSummary) {
            .array($0.terms.publish.tokens.map { .string($0) })
        },
        EntityField("delete_tokens", .array(of: .string()), deleteTokensSummary) {
            .array($0.terms.delete.tokens.map { .string($0) })
        },
    ]

    // MARK: Parameters

    private static let project = NamespaceParameters.id("project")
    private static let rule = Parameter.id("protection_rule_id", "The number of the rule.")
    private static let patternKind = Parameter.Kind.text(
        limitCharacters: WildcardPattern.limitBytes)
    /// Whoever has less may not publish anyway.
    private static let roles = [Role.developer, .maintainer, .owner].map(\.name)
    private static let type = Parameter.optional(
        "package_type", .clearableChoice(PackageType.names),
        "Only packages of this format; empty for every format.")
    private static let pushTokensSummary =
        "Tokens that may push as well, by number, or deploy tokens by username."
    private static let deleteTokensSummary =
        "Tokens that may delete as well, by number."
    private static let tokensKind = Parameter.Kind.texts(
        limitCharacters: RuleRequirement.tokenLimitBytes)

    private static let levels: [Parameter] = [
        .optional(
            "minimum_access_level_for_push", .clearableChoice(roles),
            "The least role that may push such a package; empty for all who may push, or for the "
                + "tokens alone."),
        .optional(
            "minimum_access_level_for_delete", .clearableChoice(roles),
            "The least role that may delete such a package; empty for all who may delete, or for "
                + "the tokens alone."),
        .optional("push_tokens", tokensKind, pushTokensSummary),
        .optional("delete_tokens", tokensKind, deleteTokensSummary),
    ]

    private static let access = asking(.changeSettings, in: .project)

    // MARK: Calls

    private static func list(
        _ family: Family, _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let rules = try await call.read { tx in
            try tx.listPackageRules(projectID: project.id)
        }
        return call.answer(
            .array(
                rules.filter { $0.terms.subject == family.subject }.map(family.entity.json)))
    }

    private static func create(
        _ family: Family, _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let terms = try terms(
            family, of: call, in: project,
            changing: PackageRuleTerms(
                pattern: try requirePattern(family, of: call, in: project),
                subject: family.subject,
                format: family == .repositories ? .containerImages : nil))
        let rule = try await call.change("\(family.label).create") { tx in
            let rule = try refusing {
                try tx.insertPackageRule(terms, projectID: project.id, at: call.now)
            }
            return Change(rule, subject: rule.subject, in: project.id)
        }
        return call.answer(family.entity.json(rule), status: .created)
    }

    private static func update(
        _ family: Family, _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("protection_rule_id")
        let rule = try await call.change("\(family.label).update") { tx in
            let current = try tx.requireRule(id, family, of: project)
            let terms = try terms(family, of: call, in: project, changing: current.terms)
            let updated = try refusing {
                try tx.updatePackageRule(id, projectID: project.id, terms)
            }
            guard let updated else { throw RegistryError.missing("Rule") }
            return Change(updated, subject: updated.subject, in: project.id)
        }
        return call.answer(family.entity.json(rule))
    }

    private static func remove(
        _ family: Family, _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("protection_rule_id")
        try await call.change("\(family.label).delete") { tx in
            let rule = try tx.requireRule(id, family, of: project)
            guard try tx.removePackageRule(id, projectID: project.id) else {
                throw RegistryError.missing("Rule")
            }
            return Change((), subject: rule.subject, in: project.id)
        }
        return call.noContent
    }

    // MARK: Terms

    private static func requirePattern(
        _ family: Family, of call: ManagementCall, in project: NamespaceRecord
    ) throws(RegistryError) -> WildcardPattern {
        let text = try call.arguments.requireText(family.patternName)
        let pattern: WildcardPattern
        do throws(RegistryError) {
            pattern = try WildcardPattern(text)
        } catch {
            throw RegistryError.invalid(family.patternName, "is invalid: \(error.message)")
        }
        let path = project.path.description.lowercased()
        guard family == .packages || text.lowercased().hasPrefix(path) else {
            throw RegistryError.invalid(
                family.patternName, "should start with the project's full path")
        }
        return pattern
    }

    /// `terms` with what the arguments change.
    private static func terms(
        _ family: Family, of call: ManagementCall, in project: NamespaceRecord,
        changing terms: PackageRuleTerms
    ) throws(RegistryError) -> PackageRuleTerms {
        var terms = terms
        if call.arguments.has(family.patternName) {
            terms.pattern = try requirePattern(family, of: call, in: project)
        }
        if let name = call.arguments.findText("package_type") {
            terms.format = name.isEmpty ? nil : PackageType.format(named: name)
        }
        if let text = call.arguments.findText("minimum_access_level_for_push") {
            terms.publish.role = Role(name: text)
        }
        if let text = call.arguments.findText("minimum_access_level_for_delete") {
            terms.delete.role = Role(name: text)
        }
        terms.publish.tokens = try tokens("push_tokens", of: call) ?? terms.publish.tokens
        terms.delete.tokens = try tokens("delete_tokens", of: call) ?? terms.delete.tokens
        guard !terms.publish.isEmpty || !terms.delete.isEmpty else {
            throw RegistryError.invalid(
                "minimum_access_level_for_push",
                "can only be empty where another level or a token is set")
        }
        return terms
    }

    private static func tokens(
        _ name: String, of call: ManagementCall
    ) throws(RegistryError) -> [String]? {
        guard let tokens = call.arguments.findTexts(name) else { return nil }
        guard tokens.count <= RuleRequirement.tokenLimitCount,
            tokens.allSatisfy(RuleRequirement.isToken)
        else {
            throw RegistryError.invalid(
                name,
                "has at most \(RuleRequirement.tokenLimitCount) numbers or usernames of tokens")
        }
        return tokens
    }

    /// Runs `body`, whose conflicts are what GitLab calls unprocessable.
    private static func refusing<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as RegistryError where error.code == .conflict {
            throw RegistryError(.unprocessable, error.message, reason: error.reason, cause: error)
        }
    }
}

extension PackageRuleReading {
    /// The rule, if it is one of the family in the project.
    ///
    /// - Throws: `notFound` otherwise.
    fileprivate func requireRule(
        _ id: Int64, _ family: PackageRuleEndpoints.Family, of project: NamespaceRecord
    ) throws -> PackageRule {
        let rule = try listPackageRules(projectID: project.id).first {
            $0.id == id && $0.terms.subject == family.subject
        }
        guard let rule else { throw RegistryError.missing("Rule") }
        return rule
    }
}

extension PackageRule {
    /// `package_rule:7`, for the audit.
    fileprivate var subject: String { "package_rule:\(id)" }
}
