import Database
import Registry

/// Statements on the periods for which things are kept.
extension MetadataTransaction {
    /// Packages that one part of a review of periods looks into.
    private static let reviewedPackageCount = 100
    /// Versions that one part of it asks to be looked at.
    private static let reviewedVersionCount = 500

    func findPeriods(ofNamespace id: Int64) throws -> CollectionPeriods {
        try defaultPeriods.completed(by: findSettings(ofNamespace: id))
    }

    func findAdoptedPeriods() throws -> CollectionPeriods? {
        let known = try one(
            """
            SELECT trash_period, untagged_period, unreferenced_seconds FROM collector WHERE id = 1
            """
        ) { row in
            (
                trash: try row.optionalText(), untagged: try row.optionalText(),
                unreferenced: try row.optionalInteger()
            )
        }
        guard let trash = known.trash, let untagged = known.untagged else { return nil }
        var periods = defaultPeriods
        periods.trash = try KeepingPeriod(parsing: trash)
        periods.untagged = try KeepingPeriod(parsing: untagged)
        if let seconds = known.unreferenced { periods.unreferencedBlob = seconds }
        return periods
    }

    func adoptPeriods(_ periods: CollectionPeriods, at now: Timestamp) throws {
        let known = try findAdoptedPeriods()
        guard known != periods else { return }
        let (trash, untagged) = (periods.trash.description, periods.untagged.description)
        try session.execute(
            """
            UPDATE collector SET trash_period = \(trash), untagged_period = \(untagged),
                unreferenced_seconds = \(periods.unreferencedBlob)
            WHERE id = 1
            """)
        guard known?.trash != periods.trash || known?.untagged != periods.untagged else { return }
        try upsertReview(
            .periods(PeriodReview(namespaceID: 0)), event: "periods.changed", after: now)
    }

    func reviewPeriods(
        from position: PeriodReview, at now: Timestamp
    ) throws -> PeriodReview? {
        let isCovered = Self.isCovered(by: position)
        let packages = try all(
            """
            SELECT p.id FROM packages p WHERE p.id >= \(position.packageID) AND \(isCovered)
            ORDER BY p.id LIMIT \(Self.reviewedPackageCount)
            """
        ) { try $0.integer() }
        var left = Self.reviewedVersionCount
        for id in packages {
            let last = id == position.packageID ? position.versionID : 0
            let versions = try listPeriodVersions(packageID: id, after: last, limit: left)
            try bringForward(versions, to: now)
            left -= versions.count
            if left == 0, let version = versions.last {
                return PeriodReview(
                    namespaceID: position.namespaceID, packageID: id, versionID: version)
            }
        }
        guard packages.count == Self.reviewedPackageCount, let package = packages.last else {
            return nil
        }
        return PeriodReview(namespaceID: position.namespaceID, packageID: package + 1)
    }

    func listVersionsOfDuePeriods(
        limit: Int, at now: Timestamp
    ) throws -> [(versionID: Int64, packageID: Int64)] {
        let positions = try all(
            """
            SELECT r.subject FROM reviews r
            WHERE r.subject_kind = 'periods' AND \(Self.isDue(at: now)) ORDER BY r.subject
            """
        ) { try PeriodReview(stored: $0.text()) }
        var found: [Int64: Int64] = [:]
        for position in positions {
            let versions = try all(
                """
                SELECT v.id, v.package_id FROM versions v JOIN packages p ON p.id = v.package_id
                WHERE \(Self.isCovered(by: position)) AND \(Self.mayConcernVersion) AND (
                    p.id > \(position.packageID)
                    OR (p.id = \(position.packageID) AND v.id > \(position.versionID)))
                ORDER BY p.id, v.id LIMIT \(limit)
                """
            ) { (try $0.integer(), try $0.integer()) }
            for (version, package) in versions { found[version] = package }
        }
        return found.sorted { $0.key < $1.key }.prefix(limit).map { ($0.key, $0.value) }
    }

    /// Whether packages `p` are below the namespace whose periods changed.
    private static func isCovered(by position: PeriodReview) -> SQL {
        guard position.namespaceID != 0 else { return "1 = 1" }
        return """
            p.project_id IN (
                SELECT namespace_id FROM namespace_ancestors
                WHERE ancestor_id = \(position.namespaceID))
            """
    }

    /// Whether a period may concern versions `v`: in the trash, with something there, or without a tag.
    private static var mayConcernVersion: SQL {
        """
        (v.deleted_at IS NOT NULL
            OR EXISTS (
                SELECT 1 FROM files f WHERE f.version_id = v.id AND f.deleted_at IS NOT NULL)
            OR EXISTS (SELECT 1 FROM removed_tags g WHERE g.version_id = v.id)
            OR (v.lifetime = \(VersionLifetime.referenced.rawValue)
                AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.version_id = v.id)))
        """
    }

    private func listPeriodVersions(
        packageID: Int64, after last: Int64, limit: Int
    ) throws -> [Int64] {
        try all(
            """
            SELECT v.id FROM versions v
            WHERE v.package_id = \(packageID) AND v.id > \(last) AND \(Self.mayConcernVersion)
            ORDER BY v.id LIMIT \(limit)
            """
        ) { try $0.integer() }
    }

    func bringForward(_ versions: [Int64], to now: Timestamp) throws {
        for part in versions.chunks() {
            let rows = part.map { id -> SQL in
                "('version', \(String(id)), 'periods.changed', \(now), 0)"
            }
            try session.execute(
                """
                INSERT INTO reviews (subject_kind, subject, event, review_after, attempts)
                VALUES \(SQL.joined(rows, separator: ", "))
                ON CONFLICT (subject_kind, subject) DO UPDATE SET
                    event = excluded.event, attempts = 0, failure = NULL,
                    review_after = CASE WHEN reviews.review_after > excluded.review_after
                        THEN excluded.review_after ELSE reviews.review_after END
                """)
        }
    }
}
