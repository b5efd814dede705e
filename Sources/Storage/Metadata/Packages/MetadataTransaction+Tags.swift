import Database
import Registry

/// Statements on `tags`. A tag of a version in the trash keeps its row, so that it comes back with
/// the version, and is found by nobody.
extension MetadataTransaction {
    private static let tagColumns: SQL =
        "t.name, t.updated_at, \(packageColumns), \(versionColumns)"

    private static func tagSource(_ packageID: Int64) -> SQL {
        """
        tags t JOIN versions v ON v.id = t.version_id JOIN packages p ON p.id = t.package_id
        WHERE t.package_id = \(packageID) AND v.deleted_at IS NULL AND p.deleted_at IS NULL
        """
    }

    func setTag(_ name: String, version: VersionRecord, at now: Timestamp) throws {
        try session.execute(
            """
            INSERT INTO tags (package_id, name, version_id, updated_at)
            VALUES (\(version.package.id), \(name), \(version.id), \(now))
            ON CONFLICT (package_id, name) DO UPDATE SET
                version_id = excluded.version_id, updated_at = excluded.updated_at
            """)
    }

    func removeTag(_ name: String, packageID: Int64) throws -> Bool {
        try session.execute(
            "DELETE FROM tags WHERE package_id = \(packageID) AND name = \(name)") == 1
    }

    func findTag(_ name: String, packageID: Int64) throws -> TagRecord? {
        try first(
            """
            SELECT \(Self.tagColumns) FROM \(Self.tagSource(packageID)) AND t.name = \(name)
            """
        ) { try TagRecord(&$0) }
    }

    func listTagNames(packageID: Int64, after last: String?, limit: Int) throws -> [String] {
        try all(
            """
            SELECT t.name FROM tags t JOIN versions v ON v.id = t.version_id
            WHERE t.package_id = \(packageID) AND v.deleted_at IS NULL
                AND t.name > \(last ?? "")
            ORDER BY t.name LIMIT \(limit)
            """
        ) { try $0.text() }
    }

    func listTags(
        packageID: Int64, _ filter: TagFilter, after last: String?, isBackward: Bool, limit: Int
    ) throws -> [TagRecord] {
        let isAscending = (filter.direction == .ascending) != isBackward
        var source = Self.filtered(Self.tagSource(packageID), filter)
        if let last {
            let comparison: SQL = isAscending ? ">" : "<"
            switch filter.order {
            case .name:
                source = "\(source) AND t.name \(comparison) \(last)"
            case .updatedAt:
                source = """
                    \(source) AND (t.updated_at, t.name) \(comparison) (
                        (SELECT l.updated_at FROM tags l
                            WHERE l.package_id = \(packageID) AND l.name = \(last)),
                        \(last))
                    """
            }
        }
        let rows = try all(
            """
            SELECT \(Self.tagColumns) FROM \(source)
            ORDER BY \(Self.order(filter.order, isAscending: isAscending)) LIMIT \(limit)
            """
        ) { try TagRecord(&$0) }
        return isBackward ? rows.reversed() : rows
    }

    func listTags(
        packageID: Int64, _ filter: TagFilter, page request: PageRequest
    ) throws -> Page<TagRecord> {
        try page(
            Self.tagColumns, from: Self.filtered(Self.tagSource(packageID), filter),
            order: Self.order(filter.order, isAscending: filter.direction == .ascending), request
        ) { try TagRecord(&$0) }
    }

    func listTags(versionIDs: [Int64]) throws -> [Int64: [String]] {
        var names: [Int64: [String]] = [:]
        for part in versionIDs.chunks() {
            let rows = try all(
                """
                SELECT version_id, name FROM tags WHERE version_id IN \(SQL.list(part))
                ORDER BY version_id, name
                """
            ) { (id: try $0.integer(), name: try $0.text()) }
            for row in rows { names[row.id, default: []].append(row.name) }
        }
        return names
    }

    private static func filtered(_ source: SQL, _ filter: TagFilter) -> SQL {
        var source = source
        if let name = filter.exactName { source = "\(source) AND t.name = \(name)" }
        if let part = filter.nameContains, !part.isEmpty {
            source = "\(source) AND {position}(t.name, \(part)) > 0"
        }
        return source
    }

    private static func order(_ order: TagFilter.Order, isAscending: Bool) -> SQL {
        switch (order, isAscending) {
        case (.name, true): "t.name ASC"
        case (.name, false): "t.name DESC"
        case (.updatedAt, true): "t.updated_at ASC, t.name ASC"
        case (.updatedAt, false): "t.updated_at DESC, t.name DESC"
        }
    }
}

extension TagRecord {
    /// The next columns, as `tagColumns` lists them.
    fileprivate init(_ row: inout SQLRow) throws {
        let (name, updatedAt) = (try row.text(), try row.timestamp())
        self.init(name: name, version: try VersionRecord(&row), updatedAt: updatedAt)
    }
}

/// Statements on `tag_rules`.
extension MetadataTransaction {
    private static let ruleColumns: SQL = """
        id, project_id, format, pattern, push_role, delete_role, immutable_since, created_at
        """

    func listTagRules(projectID: Int64, format: FormatID) throws -> [TagRule] {
        try all(
            """
            SELECT \(Self.ruleColumns) FROM tag_rules
            WHERE project_id = \(projectID) AND format = \(format) ORDER BY id
            """
        ) { try TagRule(&$0) }
    }

    func insertTagRule(
        _ draft: TagRuleDraft, projectID: Int64, format: FormatID, at now: Timestamp
    ) throws -> TagRule {
        // The project's row is locked, so that two inserts cannot both be the last that fits.
        try session.execute(
            "UPDATE namespaces SET deleted_at = deleted_at WHERE id = \(projectID)")
        let count = try one(
            """
            SELECT COUNT(*) FROM tag_rules
            WHERE project_id = \(projectID) AND format = \(format)
            """
        ) { try $0.integer() }
        guard count < TagRule.limitCount else {
            throw RegistryError(
                .conflict, "a project has at most \(TagRule.limitCount) rules about tags",
                reason: "too_many_rules")
        }
        return try orConflict(
            "the project has a rule with this pattern already", reason: "rule_exists"
        ) {
            try one(
                """
                INSERT INTO tag_rules (
                    project_id, format, pattern, push_role, delete_role, immutable_since,
                    created_at)
                VALUES (
                    \(projectID), \(format), \(draft.pattern.description),
                    \(draft.pushRole?.level), \(draft.deleteRole?.level),
                    \(draft.isImmutable ? now : nil), \(now))
                RETURNING \(Self.ruleColumns)
                """
            ) { try TagRule(&$0) }
        }
    }

    func updateTagRule(
        _ id: Int64, projectID: Int64, _ draft: TagRuleDraft
    ) throws -> TagRule? {
        try orConflict(
            "the project has a rule with this pattern already", reason: "rule_exists"
        ) {
            try first(
                """
                UPDATE tag_rules SET
                    pattern = \(draft.pattern.description), push_role = \(draft.pushRole?.level),
                    delete_role = \(draft.deleteRole?.level),
                    immutable_since = \(draft.isImmutable ? now : nil)
                WHERE id = \(id) AND project_id = \(projectID)
                RETURNING \(Self.ruleColumns)
                """
            ) { try TagRule(&$0) }
        }
    }

    func removeTagRule(_ id: Int64, projectID: Int64) throws -> Bool {
        try session.execute(
            "DELETE FROM tag_rules WHERE id = \(id) AND project_id = \(projectID)") == 1
    }
}

extension Role {
    /// GitLab's number of the role, as it is stored.
    fileprivate var level: Int64 { Int64(rawValue) }
}

extension TagRule {
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            id: try row.integer(), projectID: try row.integer(),
            format: FormatID(stored: try row.text()), pattern: try NamePattern(row.text()),
            pushRole: try Self.role(row.optionalInteger()),
            deleteRole: try Self.role(row.optionalInteger()),
            isImmutable: try row.optionalTimestamp() != nil, createdAt: try row.timestamp())
    }

    private static func role(_ level: Int64?) throws -> Role? {
        guard let level else { return nil }
        guard let role = Role(rawValue: Int(level)) else {
            throw DatabaseError(.other, "\(level) is no role")
        }
        return role
    }
}
