import FormatKit
import Registry

/// What the policies of a project, or of the projects below a group, would do: one stretch of it.
struct RetentionPreview: Sendable {
    /// Behind which package of which project a stretch begins.
    struct Place: Sendable {
        var projectID: Int64
        var packageID: Int64

        init(projectID: Int64 = 0, packageID: Int64 = 0) {
            self.projectID = projectID
            self.packageID = packageID
        }

        init?(parsing text: String) {
            let numbers = text.split(separator: "-", omittingEmptySubsequences: false)
                .map { Int64($0) }
            guard numbers.count == 2, let project = numbers[0], let package = numbers[1] else {
                return nil
            }
            (projectID, packageID) = (project, package)
        }

        var text: String { "\(projectID)-\(packageID)" }
    }

    struct Line: Sendable {
        let project: NamespaceRecord
        let package: PackageRecord
        let line: RetentionExplanation.Line
    }

    var keptCount: Int64 = 0
    var removedCount: Int64 = 0
    var lines: [Line] = []
    /// Where the next stretch begins; `nil` when this was the last.
    var next: Place?
    private var packageCount = 0

    /// Looks at package after package, until enough is named or looked at.
    ///
    /// - Parameter trial: rules in place of those of the policy.
    static func make(
        of namespace: NamespaceRecord, trying trial: [RetentionRule]?, from start: Place,
        _ runner: RetentionRunner, _ metadata: any MetadataStore
    ) async throws(RegistryError) -> RetentionPreview {
        var preview = RetentionPreview()
        var place = start
        // The project of the place is gone on with.
        var lastProject = start.projectID - (start.packageID > 0 ? 1 : 0)
        let limit = ManagementLimits.retentionBatchCount
        while true {
            let after = lastProject
            let ids = try await metadata.read { tx in
                try tx.listRetentionProjects(below: namespace.id, after: after, limit: limit)
            }
            for id in ids {
                if id != place.projectID { place = Place(projectID: id) }
                if try await !preview.add(&place, trial, runner, metadata) { return preview }
            }
            guard ids.count == limit, let last = ids.last else { return preview }
            lastProject = last
        }
    }

    /// Adds the packages of a project behind the place.
    ///
    /// - Returns: whether there is room for more.
    private mutating func add(
        _ place: inout Place, _ trial: [RetentionRule]?, _ runner: RetentionRunner,
        _ metadata: any MetadataStore
    ) async throws(RegistryError) -> Bool {
        let (projectID, limit) = (place.projectID, ManagementLimits.retentionBatchCount)
        let found = try await metadata.read {
            tx -> (project: NamespaceRecord, rules: [RetentionRule])? in
            guard let project = try tx.findNamespace(.id(projectID, .project)) else { return nil }
            return (project, try tx.findEffectiveRetention(of: project).rules(trying: trial))
        }
        guard let found, !found.rules.isEmpty else { return true }
        while true {
            let after = place.packageID
            let packages = try await metadata.read { tx in
                try tx.listRetentionPackages(projectID: projectID, after: after, limit: limit)
            }
            for package in packages {
                let room = ManagementLimits.retentionNamedCount - lines.count
                let explanation = try await runner.explain(
                    package, found.rules, lineLimitCount: max(0, room))
                place.packageID = package.id
                packageCount += 1
                if let explanation {
                    keptCount += explanation.keptCount
                    removedCount += explanation.removedCount
                    lines += explanation.lines.map {
                        Line(project: found.project, package: package, line: $0)
                    }
                }
                if lines.count >= ManagementLimits.retentionPageCount
                    || packageCount >= ManagementLimits.retentionPackageCount
                {
                    next = place
                    return false
                }
            }
            guard packages.count == limit else { return true }
        }
    }

    // MARK: Answers

    static let entity = Entity<RetentionPreview>(
        "RetentionPreview", "What policies would do, version by version.",
        [
            EntityField("kept", .integer(), "Versions and tags that would stay.") {
                .integer($0.keptCount)
            },
            EntityField("removed", .integer(), "Versions and tags that would go to the trash.") {
                .integer($0.removedCount)
            },
            EntityField(
                "next", JSONSchema.string().nullable,
                "What to send as 'after' for those that follow; null when there are no more."
            ) { .optional($0.next?.text) },
            EntityField(
                "versions", .array(of: lineSchema),
                "Whole packages, the newest of each first, until there are "
                    + "\(ManagementLimits.retentionPageCount); of one package at most "
                    + "\(ManagementLimits.retentionNamedCount). Packages that no rule speaks of "
                    + "are left out."
            ) { .array($0.lines.map(json)) },
        ])

    private static let lineSchema = JSONSchema.object(
        [
            ("project_id", .integer()), ("project_path", .string()), ("package_type", .string()),
            ("package_name", .string()), ("kind", .string(choices: ["version", "tag"])),
            ("name", .string()), ("version", .string()), ("pushed_at", .moment),
            ("last_downloaded_at", JSONSchema.moment.nullable),
            ("action", .string(choices: ["keep", "remove"])),
            ("reason", .string(choices: RetentionVerdict.Reason.allCases.map(\.rawValue))),
            ("rule", JSONSchema.integer().nullable), ("message", .string()),
        ],
        required: [
            "project_id", "project_path", "package_type", "package_name", "kind", "name", "version",
            "pushed_at", "last_downloaded_at", "action", "reason", "rule", "message",
        ])

    private static func json(_ line: Line) -> JSONValue {
        let (unit, verdict) = (line.line.unit, line.line.verdict)
        return [
            "project_id": .integer(line.project.id),
            "project_path": .string(line.project.path.description),
            "package_type": .string(PackageType.name(of: line.package.format)),
            "package_name": .string(line.package.name), "kind": .string(unit.kind.rawValue),
            "name": .string(unit.name), "version": .string(unit.version),
            "pushed_at": .string(unit.pushedAt.iso8601),
            "last_downloaded_at": .optional(unit.pulledAt?.iso8601),
            "action": verdict.isRemoval ? "remove" : "keep",
            "reason": .string(verdict.reason.rawValue),
            "rule": .optional(verdict.rule.map(Int64.init)), "message": .string(verdict.message),
        ]
    }
}
