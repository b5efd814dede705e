import FormatKit
import HTTPTypes
import Registry

/// Calls on the rules of a project about its image tags.
///
/// *Source*: GitLab, "Container registry protection tag rules API".
enum TagRuleEndpoints {
    private static let base = "projects/:id/registry/protection/tag/rules"

    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, base, "tag_rule.list", "List the rules about image tags.",
            parameters: [project], success: .one(entity.many), access: access, handler: list),
        ManagementEndpoint(
            .post, base, "tag_rule.create", "Add a rule about image tags.",
            parameters: [project, .required("tag_name_pattern", patternKind, patternSummary)]
                + levels,
            success: .one(entity.one, status: .created), failures: [.unprocessable],
            access: access, handler: create),
        ManagementEndpoint(
            .patch, "\(base)/:protection_rule_id", "tag_rule.update",
            "Change a rule about image tags.",
            parameters: [
                project, rule, .optional("tag_name_pattern", patternKind, patternSummary),
            ] + levels,
            success: .one(entity.one), failures: [.unprocessable], access: access,
            handler: update),
        ManagementEndpoint(
            .delete, "\(base)/:protection_rule_id", "tag_rule.delete",
            "Remove a rule about image tags.", parameters: [project, rule], success: .noContent,
            access: access, handler: remove),
    ]

    private static let entity = Entity<TagRule>(
        "TagRule", "A rule about the image tags of a project.",
        [
            EntityField("id", .integer()) { .integer($0.id) },
            EntityField("project_id", .integer()) { .integer($0.projectID) },
            EntityField("tag_name_pattern", .string(), patternSummary) {
                .string($0.pattern.description)
            },
            EntityField(
                "minimum_access_level_for_push", JSONSchema.string(choices: roles).nullable
            ) { .optional($0.pushRole?.name) },
            EntityField(
                "minimum_access_level_for_delete", JSONSchema.string(choices: roles).nullable
            ) { .optional($0.deleteRole?.name) },
            EntityField("immutable", .boolean, immutableSummary) { .bool($0.isImmutable) },
        ])

    // MARK: Parameters

    private static let project = NamespaceParameters.id("project")
    private static let rule = Parameter.id("protection_rule_id", "The number of the rule.")
    private static let patternKind = Parameter.Kind.text(limitCharacters: NamePattern.limitBytes)
    private static let patternSummary = "A regular expression for whole tags: 'v[0-9.]+'."
    private static let immutableSummary =
        "Whether such a tag names one image for ever: it is pushed once and never deleted. True "
        + "where neither role is set."
    /// Whoever has less may not publish anyway.
    private static let roles = [Role.developer, .maintainer, .owner].map(\.name)

    private static let levels: [Parameter] = [
        .optional(
            "minimum_access_level_for_push", .clearableChoice(roles),
            "The least role that may push such a tag; empty for all who may push."),
        .optional(
            "minimum_access_level_for_delete", .clearableChoice(roles),
            "The least role that may delete such a tag; empty for all who may delete."),
        .optional("immutable", .boolean, immutableSummary),
    ]

    private static let access = asking(.changeSettings, in: .project)

    // MARK: Calls

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let rules = try await call.read { tx in
            try tx.listTagRules(projectID: project.id, format: .containerImages)
        }
        return call.answer(.array(rules.map(entity.json)))
    }

    @Sendable
    private static func create(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let draft = try draft(
            of: call, changing: TagRuleDraft(pattern: try requirePattern(of: call)))
        let rule = try await call.change("tag_rule.create") { tx in
            let rule = try refusing {
                try tx.insertTagRule(
                    draft, projectID: project.id, format: .containerImages, at: call.now)
            }
            return Change(rule, subject: rule.subject, in: project.id)
        }
        return call.answer(entity.json(rule), status: .created)
    }

    @Sendable
    private static func update(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("protection_rule_id")
        let rule = try await call.change("tag_rule.update") { tx in
            let current = try tx.listTagRules(projectID: project.id, format: .containerImages)
                .first { $0.id == id }
            guard let current else { throw RegistryError.missing("Rule") }
            let draft = try draft(
                of: call,
                changing: TagRuleDraft(
                    pattern: current.pattern, pushRole: current.pushRole,
                    deleteRole: current.deleteRole, isImmutable: current.isImmutable))
            let updated = try refusing {
                try tx.updateTagRule(id, projectID: project.id, draft)
            }
            guard let updated else { throw RegistryError.missing("Rule") }
            return Change(updated, subject: updated.subject, in: project.id)
        }
        return call.answer(entity.json(rule))
    }

    @Sendable
    private static func remove(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let project = try call.namespace(.project)
        let id = try call.arguments.requireInteger("protection_rule_id")
        try await call.change("tag_rule.delete") { tx in
            let rule = try tx.listTagRules(projectID: project.id, format: .containerImages)
                .first { $0.id == id }
            guard let rule, try tx.removeTagRule(id, projectID: project.id) else {
                throw RegistryError.missing("Rule")
            }
            return Change((), subject: rule.subject, in: project.id)
        }
        return call.noContent
    }

    // MARK: Drafts

    private static func requirePattern(
        of call: ManagementCall
    ) throws(RegistryError) -> NamePattern {
        let text = try call.arguments.requireText("tag_name_pattern")
        do throws(RegistryError) {
            return try NamePattern(text)
        } catch {
            throw RegistryError.invalid("tag_name_pattern", "is invalid: \(error.message)")
        }
    }

    /// `draft` with what the arguments change. A rule that asks for no role makes tags immutable, as
    /// GitLab's do.
    private static func draft(
        of call: ManagementCall, changing draft: TagRuleDraft
    ) throws(RegistryError) -> TagRuleDraft {
        var draft = draft
        if call.arguments.has("tag_name_pattern") {
            draft.pattern = try requirePattern(of: call)
        }
        if let text = call.arguments.findText("minimum_access_level_for_push") {
            draft.pushRole = Role(name: text)
        }
        if let text = call.arguments.findText("minimum_access_level_for_delete") {
            draft.deleteRole = Role(name: text)
        }
        let isEmpty = draft.pushRole == nil && draft.deleteRole == nil
        draft.isImmutable = call.arguments.findFlag("immutable") ?? (draft.isImmutable || isEmpty)
        guard draft.isImmutable || !isEmpty else {
            throw RegistryError.invalid(
                "immutable", "can only be false where one of the access levels is set")
        }
        return draft
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

extension TagRule {
    /// `tag_rule:7`, for the audit.
    fileprivate var subject: String { "tag_rule:\(id)" }
}
