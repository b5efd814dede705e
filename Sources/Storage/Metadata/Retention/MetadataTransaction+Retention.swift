import Database
import Registry

/// Statements on `retention_policies`, and on what policies decide about.
extension MetadataTransaction {
    private static let settingColumns: SQL = "policy, translation, translation_source"

    func findRetentionSettings(_ namespaceID: Int64) throws -> RetentionSettings? {
        try first(
            """
            SELECT \(Self.settingColumns) FROM retention_policies
            WHERE namespace_id = \(namespaceID)
            """
        ) { try RetentionSettings(&$0) }
    }

    func listRetentionTranslations(
        _ projectIDs: [Int64]
    ) throws -> [Int64: RetentionSettings.Translation] {
        var found: [Int64: RetentionSettings.Translation] = [:]
        for part in projectIDs.chunks() {
            let rows = try all(
                """
                SELECT namespace_id, \(Self.settingColumns) FROM retention_policies
                WHERE namespace_id IN \(SQL.list(part)) AND translation IS NOT NULL
                """
            ) { (id: try $0.integer(), settings: try RetentionSettings(&$0)) }
            for row in rows { found[row.id] = row.settings.translation }
        }
        return found
    }

    func findEffectiveRetention(of namespace: NamespaceRecord) throws -> EffectiveRetention {
        // The nearest first.
        let chain = (namespace.lineage + [namespace.id]).reversed()
        let rows = try all(
            """
            SELECT namespace_id, \(Self.settingColumns) FROM retention_policies
            WHERE namespace_id IN \(SQL.list(chain))
            """
        ) { (id: try $0.integer(), settings: try RetentionSettings(&$0)) }
        let settings = Dictionary(rows.map { ($0.id, $0.settings) }) { first, _ in first }
        let source = chain.first { settings[$0]?.policy != nil }
        return EffectiveRetention(
            sourceID: source, policy: source.flatMap { settings[$0]?.policy },
            translation: settings[namespace.id]?.translation)
    }

    func upsertRetentionSettings(
        _ settings: RetentionSettings, namespaceID: Int64, at now: Timestamp
    ) throws {
        guard settings != RetentionSettings() else {
            try session.execute(
                "DELETE FROM retention_policies WHERE namespace_id = \(namespaceID)")
            return
        }
        let (policy, translation) = (settings.policy, settings.translation)
        try session.execute(
            """
            INSERT INTO retention_policies (
                namespace_id, policy, policy_enabled_at, translation, translation_source,
                translation_enabled_at, updated_at)
            VALUES (
                \(namespaceID), \(policy?.encode()), \(policy?.isEnabled == true ? now : nil),
                \(translation?.policy.encode()), \(translation?.source),
                \(translation?.policy.isEnabled == true ? now : nil), \(now))
            ON CONFLICT (namespace_id) DO UPDATE SET
                policy = excluded.policy, policy_enabled_at = excluded.policy_enabled_at,
                translation = excluded.translation,
                translation_source = excluded.translation_source,
                translation_enabled_at = excluded.translation_enabled_at,
                updated_at = excluded.updated_at
            """)
    }

    func listRetentionPackages(
        projectID: Int64, after last: Int64, limit: Int
    ) throws -> [PackageRecord] {
        try all(
            """
            SELECT \(Self.packageColumns)
            FROM packages p JOIN namespaces n ON n.id = p.project_id
            WHERE p.project_id = \(projectID) AND p.id > \(last) AND p.deleted_at IS NULL
                AND n.deleted_at IS NULL AND EXISTS (
                    SELECT 1 FROM versions v
                    WHERE v.package_id = p.id AND v.deleted_at IS NULL)
            ORDER BY p.id LIMIT \(limit)
            """
        ) { try PackageRecord(&$0) }
    }

    func listRetentionUnits(
        packageID: Int64, after last: RetentionPosition?, limit: Int
    ) throws -> [RetentionUnit] {
        let (isBehind, isTagBehind): (SQL, SQL) =
            if let last {
                (
                    "(w.pushed_at, w.name) < (\(last.pushedAt), \(last.name))",
                    "(t.updated_at, t.name) < (\(last.pushedAt), \(last.name))"
                )
            } else {
                ("1 = 1", "1 = 1")
            }
        // Each half by itself, so that tags come from their index.
        var units = try all(
            """
            SELECT u.kind, u.version_id, u.name, u.version, u.pushed_at, d.last_pulled_at
            FROM (
                SELECT * FROM (
                    SELECT 'version' AS kind, w.id AS version_id, w.name AS name,
                        w.name AS version, w.pushed_at AS pushed_at
                    FROM (
                        SELECT v.id, v.name, COALESCE((
                            SELECT MAX(f.created_at) FROM files f
                            WHERE f.version_id = v.id AND f.deleted_at IS NULL),
                            v.created_at) AS pushed_at
                        FROM versions v
                        WHERE v.package_id = \(packageID) AND v.deleted_at IS NULL
                            AND v.lifetime = \(VersionLifetime.explicit.rawValue)
                    ) w
                    WHERE \(isBehind) ORDER BY w.pushed_at DESC, w.name DESC LIMIT \(limit)
                ) named
                UNION ALL
                SELECT * FROM (
                    SELECT 'tag' AS kind, v.id AS version_id, t.name AS name,
                        v.name AS version, t.updated_at AS pushed_at
                    FROM tags t JOIN versions v ON v.id = t.version_id
                    WHERE t.package_id = \(packageID) AND v.deleted_at IS NULL
                        AND v.lifetime = \(VersionLifetime.referenced.rawValue)
                        AND \(isTagBehind)
                    ORDER BY t.updated_at DESC, t.name DESC LIMIT \(limit)
                ) tagged
            ) u LEFT JOIN version_pulls d ON d.version_id = u.version_id
            ORDER BY u.pushed_at DESC, u.name DESC LIMIT \(limit)
            """
        ) { try RetentionUnit(&$0) }
        let versions = units.filter { $0.kind == .version }.map(\.versionID)
        guard !versions.isEmpty else { return units }
        let tags = try listTags(versionIDs: versions)
        for index in units.indices where units[index].kind == .version {
            units[index].tags = tags[units[index].versionID] ?? []
        }
        return units
    }

    func lockPackage(_ id: Int64) throws -> PackageRecord? {
        try first(
            """
            UPDATE packages SET updated_at = updated_at
            WHERE id = \(id) AND deleted_at IS NULL AND EXISTS (
                SELECT 1 FROM namespaces n
                WHERE n.id = packages.project_id AND n.deleted_at IS NULL)
            RETURNING id, project_id, format, name, revision, attributes, created_at, updated_at
            """
        ) { try PackageRecord(&$0) }
    }
}

extension RetentionSettings {
    /// The next columns, as `settingColumns` lists them.
    fileprivate init(_ row: inout SQLRow) throws {
        let policy = try row.optionalText().map { try RetentionPolicy(parsing: $0) }
        let translated = try row.optionalText().map { try RetentionPolicy(parsing: $0) }
        let source = try row.optionalText()
        self.init(
            policy: policy,
            translation: translated.map { Translation(source: source ?? "{}", policy: $0) })
    }
}

extension RetentionUnit {
    fileprivate init(_ row: inout SQLRow) throws {
        self.init(
            kind: try row.choice(), versionID: try row.integer(), name: try row.text(),
            version: try row.text(), pushedAt: try row.timestamp(),
            pulledAt: try row.optionalTimestamp())
    }
}
