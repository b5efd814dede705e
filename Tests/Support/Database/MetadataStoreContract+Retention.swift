import Registry
import Testing

/// What projects keep, and when that is applied.
extension MetadataStoreContract {
    static let retentionChecks = [
        Check("a project takes the nearest policy, and nobody else's clean-up of images") {
            try await $0.effectivePolicies()
        },
        Check("what is enabled is scheduled once, and anew when it changes") {
            try await $0.schedules()
        },
        Check("a run belongs to one at a time, and ends as its owner says") {
            try await $0.retentionRuns()
        },
        Check("versions and tags come in the order in which they are judged") {
            try await $0.retentionUnits()
        },
    ]

    private static let daily = RetentionPolicy(
        isEnabled: true, rules: [RetentionRule(.newest(1))])

    private func effectivePolicies() async throws {
        let now = Sample.now
        var (upper, lower) = (Self.daily, Self.daily)
        upper.rules = [RetentionRule(.newest(7))]
        lower.isEnabled = false
        let (inner, outer) = (lower, upper)
        try await store.write { tx in
            let acme = try tx.insertSample("acme", .group)
            let team = try tx.insertSample("acme/team", .group)
            let web = try tx.insertSample("acme/team/web")
            let own = try tx.insertSample("acme/own")
            let alone = try tx.insertSample("alone")
            #expect(try tx.findRetentionSettings(web.id) == nil)
            #expect(try tx.findEffectiveRetention(of: web).sourceID == nil)
            try tx.setRetention(RetentionSettings(policy: outer), of: acme, at: now)
            try tx.setRetention(RetentionSettings(policy: inner), of: own, at: now)
            let translated = RetentionSettings.Translation(source: "{}", policy: Self.daily)
            try tx.setRetention(RetentionSettings(translation: translated), of: web, at: now)

            let found = try tx.findEffectiveRetention(of: web)
            #expect(found.sourceID == acme.id && found.policy == outer)
            // What either keeps stays: its own rules follow those of the group.
            #expect(found.rules == outer.rules + Self.daily.rules && found.isEnabled)
            #expect(try tx.findEffectiveRetention(of: own).rules == [])
            #expect(try tx.findEffectiveRetention(of: own).sourceID == own.id)
            #expect(try tx.findEffectiveRetention(of: team).translation == nil)
            #expect(try tx.findEffectiveRetention(of: alone).policy == nil)
            #expect(try tx.listRetentionTranslations([web.id, own.id]) == [web.id: translated])
            #expect(
                try tx.listRetentionProjects(below: acme.id, after: 0, limit: 10) == [web.id])
            #expect(try tx.listRetentionProjects(below: own.id, after: 0, limit: 10) == [own.id])
            #expect(
                try tx.listRetentionProjects(below: acme.id, after: web.id, limit: 10) == [])

            try tx.setRetention(RetentionSettings(policy: inner), of: team, at: now)
            #expect(try tx.findEffectiveRetention(of: web).sourceID == team.id)
            #expect(try tx.listRetentionProjects(below: acme.id, after: 0, limit: 10) == [])
            try tx.setRetention(RetentionSettings(), of: team, at: now)
            #expect(try tx.findRetentionSettings(team.id) == nil)
            #expect(try tx.findEffectiveRetention(of: web).sourceID == acme.id)
        }
    }

    private func schedules() async throws {
        let now = Sample.now
        try await store.write { tx in
            let acme = try tx.insertSample("acme", .group)
            let web = try tx.insertSample("acme/web")
            let own = try tx.insertSample("acme/own")
            func next(_ project: NamespaceRecord) throws -> Timestamp? {
                try tx.listRetentionRuns([project.id])[project.id]?.nextRunAt
            }
            var off = Self.daily
            off.isEnabled = false
            try tx.setRetention(RetentionSettings(policy: off), of: acme, at: now)
            #expect(try tx.listUnscheduledProjects(limit: 10) == [])
            try tx.setRetention(RetentionSettings(policy: Self.daily), of: acme, at: now)
            #expect(try tx.listUnscheduledProjects(limit: 10) == [web.id, own.id])
            #expect(try tx.listUnscheduledProjects(limit: 1) == [web.id])
            for project in [web, own] { try tx.scheduleRetention(of: project, at: now) }
            #expect(try tx.listUnscheduledProjects(limit: 10) == [])
            let tomorrow = now.advanced(bySeconds: 86_400)
            #expect(try next(web) == tomorrow)

            // One with a policy of its own is none of the group's.
            var hourly = Self.daily
            hourly.cadence = try RetentionCadence(parsing: "1h")
            try tx.setRetention(RetentionSettings(policy: hourly), of: own, at: now)
            #expect(try next(own) == now.advanced(bySeconds: 3600))
            try tx.setRetention(RetentionSettings(policy: off), of: acme, at: now)
            #expect(try next(web) == nil)
            #expect(try next(own) == now.advanced(bySeconds: 3600))
            #expect(try tx.listUnscheduledProjects(limit: 10) == [])
            let settings = RetentionSettings(
                translation: RetentionSettings.Translation(source: "{}", policy: Self.daily))
            try tx.upsertRetentionSettings(settings, namespaceID: web.id, at: now)
            #expect(try tx.listUnscheduledProjects(limit: 10) == [web.id])
            _ = try tx.removeNamespace(web.id, at: now)
            #expect(try tx.listUnscheduledProjects(limit: 10) == [])
        }
    }

    private func retentionRuns() async throws {
        let now = Sample.now
        let end = now.advanced(bySeconds: 60)
        try await store.write { tx in
            let web = try tx.insertSample("web")
            let other = try tx.insertSample("other")
            func run() throws -> RetentionRunRecord? {
                try tx.listRetentionRuns([web.id, other.id])[web.id]
            }
            #expect(try !tx.hasDueRetentionRun(at: now))
            try tx.scheduleRetention(projectID: web.id, at: now)
            try tx.scheduleRetention(projectID: other.id, at: now.advanced(bySeconds: 1))
            #expect(try tx.hasDueRetentionRun(at: now))
            #expect(try tx.claimRetentionRun(projectID: other.id, at: now, until: end) == nil)
            var claim = try #require(
                try tx.claimRetentionRun(projectID: nil, at: now, until: end))
            #expect(
                claim
                    == RetentionClaim(
                        projectID: web.id, dueAt: now, attemptCount: 1, leasedUntil: end))
            #expect(try !tx.hasDueRetentionRun(at: now))
            #expect(try tx.claimRetentionRun(projectID: web.id, at: now, until: end) == nil)
            let later = end.advanced(bySeconds: 60)
            #expect(try tx.extendRetentionRun(claim, until: later))
            #expect(try !tx.extendRetentionRun(claim, until: later), "it is another's now")
            claim.leasedUntil = later
            // A failure counts attempts.
            try tx.finishRetentionRun(
                claim, RetentionOutcome(keptCount: 1, removedCount: 2), failure: "why", next: now,
                at: end)
            let failed = try #require(try run())
            #expect(failed.failure == "why" && failed.keptCount == 1 && failed.removedCount == 2)
            #expect(failed.startedAt == now && failed.finishedAt == end)
            #expect(failed.leasedUntil == nil && failed.nextRunAt == now)
            let again = try #require(
                try tx.claimRetentionRun(projectID: web.id, at: now, until: end))
            #expect(again.attemptCount == 2)
            // Somebody asks for a run while one is at it: that counts.
            try tx.scheduleRetention(projectID: web.id, at: end)
            try tx.finishRetentionRun(
                again, RetentionOutcome(), failure: nil, next: later, at: now)
            #expect(try run()?.nextRunAt == end && run()?.failure == nil)
            let both = try #require(try tx.summarizeRetentionRuns(below: web.id))
            #expect(both.projectID == web.id && both.keptCount == 0 && both.nextRunAt == end)
            let group = try tx.insertSample("acme", .group)
            #expect(try tx.summarizeRetentionRuns(below: group.id) == nil)
            for (number, name) in ["acme/one", "acme/two"].enumerated() {
                let project = try tx.insertSample(name)
                try tx.scheduleRetention(projectID: project.id, at: now)
                let claim = try #require(
                    try tx.claimRetentionRun(projectID: project.id, at: now, until: end))
                try tx.finishRetentionRun(
                    claim, RetentionOutcome(keptCount: 2, removedCount: 1), failure: "why",
                    next: later, at: now.advanced(bySeconds: Int64(number)))
            }
            let whole = try #require(try tx.summarizeRetentionRuns(below: group.id))
            #expect(whole.keptCount == 4 && whole.removedCount == 2 && whole.nextRunAt == later)
            #expect(whole.finishedAt == now.advanced(bySeconds: 1))
            #expect(whole.failure == "2 projects failed, one of them: why")
            // Who lost the lease ends nothing.
            try tx.finishRetentionRun(
                claim, RetentionOutcome(keptCount: 9), failure: "late", next: nil, at: later)
            #expect(try run()?.keptCount == 0 && run()?.nextRunAt == end)
        }
    }

    private func retentionUnits() async throws {
        let now = Sample.now
        try await store.write { tx in
            let project = try tx.insertSample("web")
            let old = try tx.insertSampleFile(project, version: "1.0", blob: 1)
            let package = old.version.package
            let new = try tx.insertSampleFile(
                project, version: "2.0", blob: 2, at: now.advanced(bySeconds: 10))
            // A file that comes later makes a version new again; one that is gone does not.
            _ = try tx.insertSampleFile(
                project, version: "1.0", path: "late", blob: 3, at: now.advanced(bySeconds: 20))
            let gone = try tx.insertSampleFile(
                project, version: "2.0", path: "gone", blob: 4, at: now.advanced(bySeconds: 30))
            _ = try tx.trashFile(gone.file.id, at: now)
            try tx.setTag("stable", version: new.version, at: now)
            let image = try tx.insertVersion(
                package: package, name: "sha256:1", status: .default, lifetime: .referenced,
                attributes: "{}", actor: Sample.actor, at: now
            ).version
            try tx.setTag("v1", version: image, at: now.advanced(bySeconds: 15))
            try tx.addPulls([image.id: PullRecord(count: 1, lastAt: now)])
            let trashed = try tx.insertSampleFile(project, version: "3.0", blob: 5).version
            _ = try tx.trashVersion(trashed.id, at: now)

            let units = try tx.listRetentionUnits(packageID: package.id, after: nil, limit: 10)
            #expect(units.map(\.name) == ["1.0", "v1", "2.0"])
            #expect(units.map(\.kind) == [.version, .tag, .version])
            #expect(units.map(\.tags) == [[], [], ["stable"]])
            #expect(
                units.map(\.pushedAt.seconds) == [20, 15, 10].map { now.seconds + $0 })
            #expect(units.map(\.pulledAt) == [nil, now, nil])
            #expect(units.map(\.version) == ["1.0", "sha256:1", "2.0"])
            let behind = try tx.listRetentionUnits(
                packageID: package.id,
                after: RetentionPosition(pushedAt: units[0].pushedAt, name: "1.0"), limit: 1)
            #expect(behind.map(\.name) == ["v1"])

            let locked = try #require(try tx.lockPackage(package.id))
            #expect(locked.revision == (try tx.findPackage(package.id))?.package.revision)
            let empty = try tx.upsertPackage(
                projectID: project.id, format: "generic", name: "empty", at: now)
            #expect(
                try tx.listRetentionPackages(projectID: project.id, after: 0, limit: 10)
                    .map(\.id) == [package.id])
            #expect(
                try tx.listRetentionPackages(
                    projectID: project.id, after: package.id, limit: 10
                ).isEmpty)
            _ = empty
            _ = try tx.removeNamespace(project.id, at: now)
            #expect(try tx.lockPackage(package.id) == nil)
        }
    }
}
