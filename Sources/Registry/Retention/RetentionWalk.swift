/// A place in a package, and what was counted on the way there.
struct RetentionProgress: Sendable {
    var judge: RetentionJudge
    /// What was judged last.
    var position: RetentionPosition?
    /// The revision of the package that was judged.
    var revision: Int64
    /// The rules by which it was.
    let rules: [RetentionRule]
    var keptCount: Int64 = 0
}

extension MetadataReading {
    /// Begins to judge a package, as it is now.
    func beginRetention(
        of package: PackageRecord, _ rules: [RetentionRule], _ formatRules: FormatRules,
        at now: Timestamp
    ) throws -> RetentionProgress {
        let protection = try tagProtection(of: package, for: Authority(.guest))
        let format = package.format
        let judge = try RetentionJudge(
            rules, of: package, isPrerelease: { formatRules.isPrerelease($0, of: format) },
            protection: protection, at: now)
        return RetentionProgress(judge: judge, revision: package.revision, rules: rules)
    }

    /// Judges one unit after the other, until there are no more or `visit` has enough.
    ///
    /// - Returns: whether there are no more.
    func judgeUnits(
        of packageID: Int64, from progress: inout RetentionProgress, rowCount: Int,
        _ visit: (RetentionUnit, RetentionVerdict) throws -> Bool
    ) throws -> Bool {
        while true {
            let units = try listRetentionUnits(
                packageID: packageID, after: progress.position, limit: rowCount)
            for unit in units {
                var verdict = progress.judge.judge(unit)
                if verdict.isRemoval, let refusal = try findRefusal(of: unit, packageID) {
                    verdict = refusal
                }
                progress.position = unit.position
                if !verdict.isRemoval { progress.keptCount += 1 }
                guard try visit(unit, verdict) else { return false }
            }
            guard units.count == rowCount else { return true }
        }
    }

    /// What keeps a unit that no rule keeps; `nil` when nothing does.
    private func findRefusal(
        of unit: RetentionUnit, _ packageID: Int64
    ) throws -> RetentionVerdict? {
        guard unit.kind == .version else { return nil }
        let parents = try listLinkingVersions(
            packageID: packageID, kind: .child, target: unit.version, limit: 1)
        return parents.first.map { RetentionVerdict(.referenced, "is part of '\($0)'") }
    }
}

extension MetadataWriting {
    /// Moves what was judged in this transaction to the trash, unless rules that were made since the
    /// package's first units were judged keep it.
    ///
    /// - Returns: whether it went.
    func removeUnit(
        _ unit: RetentionUnit, of package: PackageRecord, _ protection: TagProtection,
        at now: Timestamp
    ) throws -> Bool {
        let actor = RetentionRunner.actor
        do throws(RegistryError) {
            try protection.checkRemoving(unit)
        } catch {
            return false
        }
        switch unit.kind {
        case .tag:
            return try removeTag(unit.name, of: package, protection, actor: actor, at: now)
        case .version:
            guard try moveVersionToTrash(unit.versionID, at: now) else { return false }
            try append(
                AuditEvent(
                    action: "version.delete", actor: actor, namespaceID: package.projectID,
                    subject: "\(package.format)/\(package.name)/\(unit.name)"),
                at: now)
            return true
        }
    }
}
