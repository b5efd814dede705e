import FormatKit
import HTTPTypes
import Registry

/// Calls on what projects and groups keep.
///
/// *Source*: `docs/retention.md`; GitLab has nothing of the kind beside the clean-up of images.
enum RetentionEndpoints {
    static let all: [ManagementEndpoint] =
        endpoints(of: .project, "projects") + endpoints(of: .group, "groups")

    private static func endpoints(
        of kind: NamespaceKind, _ folder: String
    ) -> [ManagementEndpoint] {
        let noun = kind.rawValue
        let (base, label) = ("\(folder)/:id/retention_policy", "\(noun)_retention")
        let namespace = NamespaceParameters.id(noun)
        let access = asking(.changeSettings, in: kind)
        return [
            ManagementEndpoint(
                .get, base, "\(label).show", "Show what is kept in a \(noun), and by whose rules.",
                parameters: [namespace], success: .one(RetentionView.entity.one), access: access,
                handler: { call async throws(RegistryError) in try await show(call, kind) }),
            ManagementEndpoint(
                .put, base, "\(label).set", "Set what is kept in a \(noun).",
                parameters: [namespace] + document, success: .one(RetentionView.entity.one),
                access: access,
                handler: { call async throws(RegistryError) in try await set(call, kind) }),
            ManagementEndpoint(
                .delete, base, "\(label).delete",
                "Go back to what the namespace above the \(noun) keeps.",
                parameters: [namespace], success: .noContent, access: access,
                handler: { call async throws(RegistryError) in try await remove(call, kind) }),
            ManagementEndpoint(
                .post, "\(base)/dry_run", "\(label).dry_run",
                "Say of every version of a \(noun) whether it would go, and why.",
                parameters: [namespace, trialRules, after],
                success: .one(RetentionPreview.entity.one), failures: [.unprocessable],
                access: access,
                handler: { call async throws(RegistryError) in try await preview(call, kind) }),
            ManagementEndpoint(
                .post, "\(base)/run", "\(label).run",
                "Let the policy of a \(noun) run as soon as a server can.",
                parameters: [namespace], success: .accepted, failures: [.conflict], access: access,
                handler: { call async throws(RegistryError) in try await run(call, kind) }),
        ]
    }

    // MARK: Parameters

    private static let document: [Parameter] = [
        .optional("enabled", .boolean, "Whether it is applied from time to time; false if absent."),
        .optional(
            "cadence", .text(limitCharacters: ManagementLimits.ageCharacters),
            "How often: \(RetentionCadence.names.joined(separator: ", ")), or hours such as 6h."),
        .optional("rules", .list(RetentionView.rules), "What is kept. Required without inherit."),
        .optional("inherit", .boolean, "True for no policy of its own, as DELETE does."),
    ]
    private static let trialRules = Parameter.optional(
        "rules", .list(RetentionView.rules), "Rules to try, in place of those that are set.")
    private static let after = Parameter.optional(
        "after", .text(limitCharacters: ManagementLimits.ageCharacters),
        "The 'next' of the answer before this one.")

    // MARK: Policies

    private static func show(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        return call.answer(
            try await call.read { tx in
                try RetentionView.entity.json(RetentionView(of: namespace, tx))
            })
    }

    private static func set(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let policy = try Self.policy(of: call)
        let body = try await call.change("retention.set") { tx in
            var settings = try tx.findRetentionSettings(namespace.id) ?? RetentionSettings()
            settings.policy = policy
            try tx.setRetention(settings, of: namespace, at: call.now)
            return Change(
                try RetentionView.entity.json(RetentionView(of: namespace, tx)),
                subject: namespace.path.description, in: namespace.id)
        }
        return call.answer(body)
    }

    /// The policy that the arguments describe; `nil` for none of its own.
    private static func policy(
        of call: ManagementCall
    ) throws(RegistryError) -> RetentionPolicy? {
        if call.arguments.findFlag("inherit") == true { return nil }
        guard let rules = call.arguments.findObject("rules") else {
            throw RegistryError.parameters("rules is missing")
        }
        let policy = try read(
            rules, enabled: call.arguments.findFlag("enabled") ?? false,
            cadence: call.arguments.findText("cadence"))
        try call.checkFormats(of: policy.rules)
        return policy
    }

    private static func remove(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        try await call.change("retention.remove") { tx in
            guard var settings = try tx.findRetentionSettings(namespace.id),
                settings.policy != nil
            else { throw RegistryError.missing("Retention Policy") }
            settings.policy = nil
            try tx.setRetention(settings, of: namespace, at: call.now)
            return Change((), subject: namespace.path.description, in: namespace.id)
        }
        return call.noContent
    }

    private static func read(
        _ rules: JSONValue, enabled: Bool, cadence: String?
    ) throws(RegistryError) -> RetentionPolicy {
        let text: JSONValue = [
            "enabled": .bool(enabled), "cadence": .optional(cadence), "rules": rules,
        ]
        do throws(RegistryError) {
            return try RetentionPolicy(parsing: text.text)
        } catch {
            throw RegistryError.parameters(error.message)
        }
    }

    // MARK: Running

    private static func preview(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        var trial: [RetentionRule]?
        if let rules = call.arguments.findObject("rules") {
            let parsed = try read(rules, enabled: true, cadence: nil).rules
            try call.checkFormats(of: parsed)
            trial = parsed
        }
        var start = RetentionPreview.Place()
        if let text = call.arguments.findText("after"), !text.isEmpty {
            guard let place = RetentionPreview.Place(parsing: text) else {
                throw RegistryError.parameters("after is invalid")
            }
            start = place
        }
        let runner = RetentionRunner(
            metadata: call.services.metadata, clock: call.services.clock,
            formatRules: call.api.formatRules)
        let preview = try await RetentionPreview.make(
            of: namespace, trying: trial, from: start, runner, call.services.metadata)
        return call.answer(RetentionPreview.entity.json(preview))
    }

    private static func run(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        var last: Int64 = 0
        var isFirst = true
        while true {
            let after = last
            let limit = ManagementLimits.retentionBatchCount
            let action = isFirst ? "retention.run" : nil
            let ids = try await call.services.metadata.write { tx in
                guard try tx.findEffectiveRetention(of: namespace).isEnabled else {
                    throw RegistryError(
                        .conflict, "no policy is enabled here; enable one first",
                        reason: "retention_disabled")
                }
                let ids = try tx.listRetentionProjects(
                    below: namespace.id, after: after, limit: limit)
                for id in ids { try tx.scheduleRetention(projectID: id, at: call.now) }
                if let action {
                    try tx.append(
                        AuditEvent(
                            action: action, actor: call.context.actor, namespaceID: namespace.id,
                            subject: namespace.path.description), at: call.now)
                }
                return ids
            }
            isFirst = false
            guard ids.count == limit, let next = ids.last else { return call.accepted }
            last = next
        }
    }
}

extension ManagementCall {
    /// - Throws: `malformed` when a rule names a format that there is not.
    func checkFormats(of rules: [RetentionRule]) throws(RegistryError) {
        for (index, rule) in rules.enumerated() {
            guard let format = rule.scope.format, !api.formats.contains(format.name) else {
                continue
            }
            throw RegistryError.parameters(
                "rules[\(index)].format is none of \(api.formats.joined(separator: ", "))")
        }
    }
}
