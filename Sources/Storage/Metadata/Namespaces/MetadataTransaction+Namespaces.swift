import Database
import Foundation
import Registry

/// Queries on `namespaces` and `namespace_ancestors`, which has every namespace below every one
/// above it, and below itself.
extension MetadataTransaction {
    func findNamespace(_ reference: NamespaceReference) throws -> NamespaceRecord? {
        switch reference {
        case .id(let id, let kind):
            return try findNamespace(where: "id = \(id)", kind)
        case .path(let path, let kind):
            return try findNamespace(where: "path_key = \(path.lowercased())", kind)
        case .longestProject(let segments):
            let keys = Self.prefixKeys(segments)
            guard !keys.isEmpty else { return nil }
            return try findNamespace(where: "path_key IN \(SQL.list(keys))", .project)
        }
    }

    func listNamespaces(
        _ filter: NamespaceFilter, page request: PageRequest
    ) throws -> Page<NamespaceRecord> {
        guard !filter.kinds.isEmpty else { return Page(rows: [], totalCount: 0, request: request) }
        let ids = try page(
            "n.id", from: "namespaces n WHERE \(Self.all(of: conditions(filter)))",
            order: "n.path_key", request
        ) { try $0.integer() }
        let records = try loadNamespaces("IN \(SQL.list(ids.rows.isEmpty ? [0] : ids.rows))")
        return Page(
            rows: ids.rows.compactMap { records[$0] }, totalCount: ids.totalCount,
            request: request)
    }

    func insertNamespace(
        _ draft: NamespaceDraft, at now: Timestamp
    ) throws -> NamespaceRecord {
        try raiseAdministrationEpoch()
        return try insertNamespaceRow(draft, at: now)
    }

    func updateNamespace(_ id: Int64, _ change: NamespaceChange) throws -> NamespaceRecord {
        try raiseAdministrationEpoch()
        if let settings = change.settings {
            let known = try first("SELECT settings FROM namespaces WHERE id = \(id)") {
                try Self.decodeSettings($0.text())
            }
            if known?.trashPeriod != settings.trashPeriod
                || known?.untaggedPeriod != settings.untaggedPeriod
            {
                try upsertReview(
                    .periods(PeriodReview(namespaceID: id)), event: "periods.changed", after: now)
            }
        }
        let count = try session.execute(
            """
            UPDATE namespaces SET
                name = COALESCE(\(change.name), name),
                name_key = COALESCE(\(change.name?.lowercased()), name_key),
                summary = COALESCE(\(change.summary), summary),
                visibility = COALESCE(\(change.visibility), visibility),
                settings = COALESCE(\(change.settings.map(Self.encode)), settings)
            WHERE id = \(id) AND deleted_at IS NULL
            """)
        guard count == 1 else { throw RegistryError(.notFound, "there is no such namespace") }
        if change.visibility != nil {
            try session.execute(
                """
                UPDATE namespaces SET effective_visibility = (
                    SELECT MIN(above.visibility) FROM namespace_ancestors a
                    JOIN namespaces above ON above.id = a.ancestor_id
                    WHERE a.namespace_id = namespaces.id)
                WHERE id IN (
                    SELECT namespace_id FROM namespace_ancestors WHERE ancestor_id = \(id))
                """)
        }
        return try requireNamespace(id)
    }

    func removeNamespace(_ id: Int64, at now: Timestamp) throws -> Bool {
        try raiseAdministrationEpoch()
        let count = try session.execute(
            """
            UPDATE namespaces SET deleted_at = \(now)
            WHERE id = \(id) AND deleted_at IS NULL
            """)
        guard count == 1 else { return false }
        try session.execute(
            """
            UPDATE namespaces SET deleted_at = \(now)
            WHERE deleted_at IS NULL AND id IN (
                SELECT namespace_id FROM namespace_ancestors WHERE ancestor_id = \(id))
            """)
        return true
    }

    /// Inserts the namespace and its place below others; the epoch is raised already.
    func insertNamespaceRow(
        _ draft: NamespaceDraft, at now: Timestamp
    ) throws -> NamespaceRecord {
        let visibility = min(draft.visibility, try requireVisibility(ofParent: draft.parentID))
        let id = try orConflict(
            "the path '\(draft.path)' is taken", reason: "path_taken"
        ) {
            try one(
                """
                INSERT INTO namespaces (
                    kind, path, path_key, parent_id, name, name_key, summary, visibility,
                    effective_visibility, settings, creator_id, created_at)
                VALUES (
                    \(draft.kind.rawValue), \(draft.path.description), \(draft.path.key),
                    \(draft.parentID), \(draft.name), \(draft.name.lowercased()),
                    \(draft.summary), \(draft.visibility), \(visibility),
                    \(Self.encode(draft.settings)), \(draft.creatorID), \(now))
                RETURNING id
                """
            ) { try $0.integer() }
        }
        try session.execute(
            """
            INSERT INTO namespace_ancestors (namespace_id, ancestor_id, depth)
            VALUES (\(id), \(id), 0)
            """)
        if let parentID = draft.parentID {
            try session.execute(
                """
                INSERT INTO namespace_ancestors (namespace_id, ancestor_id, depth)
                SELECT \(id), ancestor_id, depth + 1 FROM namespace_ancestors
                WHERE namespace_id = \(parentID)
                """)
        }
        return try requireNamespace(id)
    }

    private func requireNamespace(_ id: Int64) throws -> NamespaceRecord {
        guard let record = try loadNamespaces("= \(id)")[id] else {
            throw RegistryError(.notFound, "there is no such namespace")
        }
        return record
    }

    private func requireVisibility(ofParent parentID: Int64?) throws -> Visibility {
        guard let parentID else { return .public }
        let visibility = try first(
            """
            SELECT effective_visibility FROM namespaces
            WHERE id = \(parentID) AND deleted_at IS NULL
            """
        ) { try $0.visibility() }
        guard let visibility else {
            throw RegistryError(.notFound, "the namespace above it does not exist")
        }
        return visibility
    }

    /// The longest path that fits; there is only one where the condition names one.
    private func findNamespace(
        where condition: SQL, _ kind: NamespaceKind?
    ) throws -> NamespaceRecord? {
        let ofKind: SQL = kind.map { "AND kind = \($0.rawValue)" } ?? ""
        return try loadNamespaces(
            """
            = (SELECT id FROM namespaces
               WHERE \(condition) \(ofKind) AND deleted_at IS NULL
               ORDER BY length(path_key) DESC LIMIT 1)
            """
        ).values.first
    }

    /// `a`, `a/b`, `a/b/c`, in lower case, as far as a path can be long.
    private static func prefixKeys(_ segments: [String]) -> [String] {
        var keys: [String] = []
        for segment in segments.prefix(NamespacePath.segmentLimitCount) {
            keys.append((keys.last.map { $0 + "/" } ?? "") + segment.lowercased())
        }
        return keys
    }
}

// MARK: - Lists

extension MetadataTransaction {
    private func conditions(_ filter: NamespaceFilter) -> [SQL] {
        var conditions: [SQL] = [
            "n.deleted_at IS NULL",
            "n.kind IN \(SQL.list(filter.kinds.map(\.rawValue).sorted()))",
        ]
        if let below = filter.below {
            conditions.append(
                filter.isDirectChild
                    ? "n.parent_id = \(below)"
                    : """
                    n.id <> \(below) AND n.id IN (
                        SELECT namespace_id FROM namespace_ancestors WHERE ancestor_id = \(below))
                    """)
        } else if filter.isDirectChild {
            conditions.append("n.parent_id IS NULL")
        }
        if let search = filter.search?.lowercased(), !search.isEmpty {
            conditions.append(
                """
                ({position}(n.name_key, \(search)) > 0 OR {position}(n.path_key, \(search)) > 0)
                """)
        }
        if let memberID = filter.memberID {
            conditions.append(isMember(memberID, atLeast: .guest))
        }
        if let visible = isReadable(by: filter.visibleTo, atLeast: .guest) {
            conditions.append(visible)
        }
        return conditions
    }

    /// Whether `reader` may see `n`, with this role where its visibility is not enough; `nil` when
    /// the reader may see all.
    func isReadable(by reader: PackageReader, atLeast role: Role) -> SQL? {
        switch reader {
        case .everything:
            return nil
        case .anonymous:
            return "n.effective_visibility >= \(Visibility.public)"
        case .user(let id):
            return """
                (n.effective_visibility >= \(Visibility.internal)
                 OR \(isMember(id, atLeast: role)))
                """
        case .namespace(let id):
            return """
                (n.effective_visibility >= \(Visibility.public) OR EXISTS (
                    SELECT 1 FROM namespace_ancestors a
                    WHERE a.namespace_id = n.id AND a.ancestor_id = \(id)))
                """
        }
    }

    /// Whether the user has this role in `n` or in a namespace above it.
    private func isMember(_ userID: Int64, atLeast role: Role) -> SQL {
        """
        EXISTS (
            SELECT 1 FROM namespace_ancestors a
            JOIN memberships m ON m.namespace_id = a.ancestor_id
            WHERE a.namespace_id = n.id AND m.user_id = \(userID) AND m.role >= \(role.rawValue)
                AND (m.expires_at IS NULL OR m.expires_at > \(now)))
        """
    }
}

// MARK: - Records

extension MetadataTransaction {
    private struct Row {
        let id: Int64
        let kind: NamespaceKind
        let path: NamespacePath
        let parentID: Int64?
        let name: String
        let summary: String
        let visibility: Visibility
        let effectiveVisibility: Visibility
        let settings: NamespaceSettings
        let creatorID: Int64?
        let createdAt: Timestamp
        let hasPackageRules: Bool

        init(_ row: inout SQLRow) throws {
            id = try row.integer()
            kind = try row.choice()
            path = try NamespacePath(parsing: row.text())
            parentID = try row.optionalInteger()
            name = try row.text()
            summary = try row.text()
            visibility = try row.visibility()
            effectiveVisibility = try row.visibility()
            settings = try MetadataTransaction.decodeSettings(row.text())
            creatorID = try row.optionalInteger()
            createdAt = try row.timestamp()
            hasPackageRules = try row.integer() == 1
        }
    }

    /// The namespaces that the condition on their ids selects, by id, each with what it has from
    /// those above it: one statement for all.
    private func loadNamespaces(_ condition: SQL) throws -> [Int64: NamespaceRecord] {
        let rows = try all(
            """
            SELECT a.namespace_id, x.id, x.kind, x.path, x.parent_id, x.name, x.summary,
                x.visibility, x.effective_visibility, x.settings, x.creator_id, x.created_at,
                CASE WHEN EXISTS (SELECT 1 FROM package_rules r WHERE r.project_id = x.id)
                    THEN 1 ELSE 0 END
            FROM namespace_ancestors a JOIN namespaces x ON x.id = a.ancestor_id
            WHERE a.namespace_id \(condition)
            ORDER BY a.namespace_id, a.depth
            """
        ) { (id: try $0.integer(), row: try Row(&$0)) }
        return Dictionary(grouping: rows, by: \.id).compactMapValues { chain in
            Self.record(chain.map(\.row))
        }
    }

    /// The record of the first of `chain`, which goes on with those above it, the nearest first.
    private static func record(_ chain: [Row]) -> NamespaceRecord? {
        guard let own = chain.first else { return nil }
        return NamespaceRecord(
            id: own.id, kind: own.kind, path: own.path, parentID: own.parentID,
            lineage: chain.dropFirst().map(\.id).reversed(), name: own.name,
            summary: own.summary, visibility: own.visibility,
            effectiveVisibility: own.effectiveVisibility, settings: own.settings,
            effectiveSettings: chain.dropFirst().reduce(own.settings) {
                $0.completed(by: $1.settings)
            }, creatorID: own.creatorID, createdAt: own.createdAt,
            hasPackageRules: own.hasPackageRules)
    }

    /// The settings of a namespace, removed or not, completed by those above it.
    func findSettings(ofNamespace id: Int64) throws -> NamespaceSettings {
        try all(
            """
            SELECT x.settings FROM namespace_ancestors a JOIN namespaces x ON x.id = a.ancestor_id
            WHERE a.namespace_id = \(id) ORDER BY a.depth
            """
        ) { try Self.decodeSettings($0.text()) }
        .reduce(NamespaceSettings()) { $0.completed(by: $1) }
    }

    private static let emptySettings = "{}"

    private static func encode(_ settings: NamespaceSettings) throws -> String {
        guard settings != NamespaceSettings() else { return emptySettings }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(settings), as: UTF8.self)
    }

    private static func decodeSettings(_ text: String) throws -> NamespaceSettings {
        guard text != emptySettings else { return NamespaceSettings() }
        return try JSONDecoder().decode(NamespaceSettings.self, from: Data(text.utf8))
    }
}
