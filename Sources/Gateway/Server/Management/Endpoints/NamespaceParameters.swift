import FormatKit
import Registry

/// The parameters that calls on groups and projects share.
enum NamespaceParameters {
    static func id(_ noun: String) -> Parameter {
        .required("id", .reference, "The number or path of the \(noun).")
    }

    static let search = Parameter.optional(
        "search", .text(limitCharacters: ManagementLimits.searchCharacters),
        "Part of the name or the path.")

    static let name = Parameter.optional(
        "name", .text(limitCharacters: ManagementLimits.nameCharacters), "What people call it.")

    static let path = Parameter.optional(
        "path", .text(limitCharacters: NamespacePath.segmentLimitCharacters),
        "The last segment of its path.")

    static let imageCleanup = Parameter.optional(
        "container_expiration_policy_attributes", .object(ImageCleanupPolicy.attributes),
        "Which tags of images go by themselves, and when; what is absent stays.")

    /// What can be set when it is created and changed later.
    static let settings: [Parameter] = [
        .optional(
            "description", .text(limitCharacters: ManagementLimits.descriptionCharacters),
            "What it is for."),
        .optional(
            "visibility", .choice(Visibility.allCases.map(\.rawValue)),
            "Who may see it: at most as visible as what it is in."),
        .optional(
            "package_settings", .object(NamespaceView.packageSettings),
            "By format: whether names that are taken may be given other bytes; null takes the "
                + "setting from above."),
        .optional(
            "deleted_names_reserved", .boolean,
            "Whether the name of a deleted version stays taken until it is collected."),
        .optional(
            "missing_children_allowed", .boolean,
            "Whether an image index may be pushed before the images that it names."),
        .optional(
            "trash_period", .period,
            "How long what was deleted can be restored: 7d, 12h, 0, never; empty takes the setting "
                + "from above."),
        .optional(
            "untagged_period", .period,
            "How long an image is kept that no tag names: 7d, 12h, 0, never; empty takes the "
                + "setting from above."),
        .optional(
            "write_once", .boolean,
            "Whether no published name is given other bytes, and only an owner deletes."),
    ]
}

extension ManagementCall {
    /// The last segment of a new namespace's path.
    ///
    /// - Throws: `malformed` for one that breaks a rule of paths.
    func path(
        _ segment: String, below parent: NamespacePath?, field: String = "path"
    ) throws(RegistryError) -> NamespacePath {
        do throws(RegistryError) {
            guard let parent else { return try NamespacePath(segments: [segment]) }
            return try parent.appending(segment)
        } catch {
            throw RegistryError.invalid(field, error.message)
        }
    }

    /// The visibility that the arguments ask for.
    ///
    /// - Throws: `malformed` when the namespace above is less visible.
    func visibility(below parent: NamespaceRecord?) throws(RegistryError) -> Visibility? {
        guard let visibility = arguments.findText("visibility").flatMap(Visibility.init) else {
            return nil
        }
        if let parent, visibility > parent.effectiveVisibility {
            throw RegistryError.invalid(
                "visibility_level",
                "\(visibility.rawValue) is not allowed in a "
                    + "\(parent.effectiveVisibility.rawValue) group.")
        }
        return visibility
    }

    /// `settings` with what the arguments change; `nil` where they change nothing.
    ///
    /// - Throws: `malformed` for a format that there is not, or a value that is no flag.
    func settings(
        changing settings: NamespaceSettings
    ) throws(RegistryError) -> NamespaceSettings? {
        let names = [
            "package_settings", "deleted_names_reserved", "missing_children_allowed",
            "trash_period", "untagged_period", "write_once",
        ]
        guard names.contains(where: arguments.has) else { return nil }
        var settings = settings
        if let allowed = arguments.findFlag("missing_children_allowed") {
            settings.allowsMissingChildren = allowed
        }
        if let reserved = arguments.findFlag("deleted_names_reserved") {
            settings.reservesDeletedNames = reserved
        }
        if let isWriteOnce = arguments.findFlag("write_once") { settings.isWriteOnce = isWriteOnce }
        if let text = arguments.findText("trash_period") {
            settings.trashPeriod = text.isEmpty ? nil : try KeepingPeriod(parsing: text)
        }
        if let text = arguments.findText("untagged_period") {
            settings.untaggedPeriod = text.isEmpty ? nil : try KeepingPeriod(parsing: text)
        }
        guard case .object(let members)? = arguments.findObject("package_settings") else {
            return settings
        }
        for member in members {
            guard api.formats.contains(member.name) else {
                throw RegistryError.invalid(
                    "package_settings", "has the unknown format '\(member.name)'")
            }
            switch member.value["duplicates_allowed"] {
            case .bool(let flag)?: settings.allowsReplacing[member.name] = flag
            case .string("true")?: settings.allowsReplacing[member.name] = true
            case .string("false")?: settings.allowsReplacing[member.name] = false
            case .null?: settings.allowsReplacing[member.name] = nil
            default:
                throw RegistryError.invalid(
                    "package_settings", "needs 'duplicates_allowed' for '\(member.name)'")
            }
        }
        return settings
    }

    /// Inserts the namespace.
    ///
    /// - Throws: `malformed`, as GitLab answers, when the path is taken.
    func insert(_ draft: NamespaceDraft, _ tx: any MetadataWriting) throws -> NamespaceRecord {
        do {
            return try tx.insertNamespace(draft, at: now)
        } catch let error as RegistryError where error.reason == "path_taken" {
            throw RegistryError.invalid("path", "has already been taken")
        }
    }

    /// Shows the namespace.
    func show(
        _ namespace: NamespaceRecord, as entity: Entity<NamespaceView>
    ) async throws(RegistryError) -> FormatResponse {
        answer(try await read { tx in entity.json(try view(of: namespace, in: tx)) })
    }

    /// Changes name, description, visibility and settings of the namespace as the arguments say.
    func update(
        _ namespace: NamespaceRecord, action: String, as entity: Entity<NamespaceView>
    ) async throws(RegistryError) -> FormatResponse {
        if let path = arguments.findText("path"), path != namespace.path.lastSegment {
            throw RegistryError.invalid("path", "cannot be changed")
        }
        if arguments.findText("name") == "" {
            throw RegistryError.invalid("name", "can't be blank")
        }
        let body = try await change(action) { tx in
            guard let current = try tx.findNamespace(.id(namespace.id, namespace.kind)) else {
                throw RegistryError.namespaceNotFound()
            }
            let parent = try current.parentID.flatMap { try tx.findNamespace(.id($0, nil)) }
            let updated = try tx.updateNamespace(
                current.id,
                NamespaceChange(
                    name: arguments.findText("name"),
                    summary: arguments.findText("description"),
                    visibility: try visibility(below: parent),
                    settings: try settings(changing: current.settings)))
            try changeImageCleanup(of: updated, tx)
            return Change(
                entity.json(try view(of: updated, in: tx)), subject: updated.path.description,
                in: updated.id)
        }
        return answer(body)
    }

    /// Removes the namespace with all that is in it.
    func remove(
        _ namespace: NamespaceRecord, action: String
    ) async throws(RegistryError) -> FormatResponse {
        let now = now
        try await change(action) { tx in
            guard try tx.removeNamespace(namespace.id, at: now) else {
                throw RegistryError.namespaceNotFound()
            }
            return Change((), subject: namespace.path.description, in: namespace.id)
        }
        return accepted
    }
}
