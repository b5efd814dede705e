import GarbageCollection
import Registry
import TestSupport
import Testing

/// The trash of tags, versions and whole packages, and the periods for which things are kept.
@Suite struct TrashTests {
    private static let day: Int64 = 86_400

    private func hasTag(_ tag: String, _ text: String, _ bench: CollectorBench) async throws -> Bool
    {
        try await bench.package().findFile(.tag(tag), path: "manifest")?.version.name
            == CollectorBench.digest(text).description
    }

    @Test("a removed tag keeps its version, and comes back", arguments: DatabaseKind.allCases)
    func tags(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            // Nothing else would keep it for a moment.
            try await bench.set { $0.untaggedPeriod = KeepingPeriod.none }
            try await bench.publish("m1", tags: ["latest"])
            #expect(try await bench.package().removeTag("latest"))
            #expect(try await !bench.package().removeTag("latest"))
            bench.clock.advance(bySeconds: 7 * Self.day - 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.hasManifest("m1"))
            _ = try await bench.restoreTag("latest")
            #expect(try await hasTag("latest", "m1", bench))
            bench.clock.advance(bySeconds: 30 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await hasTag("latest", "m1", bench))
            #expect(try await bench.package().removeTag("latest"))
            bench.clock.advance(bySeconds: 7 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m1"))
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.restoreTag("latest")
            }
            #expect(failure?.reason == "tag_unknown")
        }
    }

    @Test("a name that was set again is named", arguments: DatabaseKind.allCases)
    func takenTags(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let first = try await bench.publish("m1", tags: ["latest"])
            #expect(try await bench.package().removeTag("latest"))
            // A tag can always be set again, and moving it is not trash.
            let second = try await bench.publish("m2", tags: ["latest"])
            try await bench.publish("m3", tags: ["latest"])
            try await bench.publish("m2", tags: ["latest"])
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.restoreTag("latest")
            }
            #expect(failure?.code == .conflict && failure?.reason == "tag_taken")
            #expect(failure?.message.contains(second.name) == true)
            #expect(try await bench.restoreTag("latest", .overwriting).version.id == first.id)
            // What lost the tag has its time without one.
            bench.clock.advance(bySeconds: 7 * Self.day - 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.hasManifest("m2"))
            bench.clock.advance(bySeconds: 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m2"))
            #expect(try await bench.hasManifest("m1"))
            // With its version in the trash there is nothing to name.
            #expect(try await bench.package().removeTag("latest"))
            #expect(try await bench.package().trashVersion(first.name))
            let hidden = await #expect(throws: RegistryError.self) {
                try await bench.restoreTag("latest")
            }
            #expect(hidden?.reason == "version_in_trash")
        }
    }

    @Test("a version comes back with the tags that are free", arguments: DatabaseKind.allCases)
    func versions(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let version = try await bench.publish("m1", tags: ["a", "b", "c"])
            #expect(try await bench.package().trashVersion(version.name))
            try await bench.publish("m2", tags: ["b"])
            try await bench.restore(version.id)
            #expect(try await hasTag("a", "m1", bench))
            #expect(try await hasTag("b", "m2", bench))
            #expect(try await hasTag("c", "m1", bench))
            // Without a tag it has its time again, from when it came back.
            #expect(try await bench.package().trashVersion(version.name))
            try await bench.publish("m2", tags: ["a", "c"])
            bench.clock.advance(bySeconds: 6 * Self.day)
            try await bench.restore(version.id)
            bench.clock.advance(bySeconds: 7 * Self.day - 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await bench.hasManifest("m1"))
            bench.clock.advance(bySeconds: 1)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await !bench.hasManifest("m1"))
        }
    }

    @Test("a package comes back as it was deleted", arguments: DatabaseKind.allCases)
    func packages(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            let early = try await bench.publish("m0", tags: ["early"])
            try await bench.publish("m1", layers: ["layer"], tags: ["1", "latest"])
            try await bench.publish("m2", layers: ["layer"], tags: ["2"])
            #expect(try await bench.package().trashVersion(early.name))
            let package = try #require(try await bench.package().find())
            let size = try await bench.package().describe()?.sizeBytes
            bench.clock.advance(bySeconds: Self.day)
            let now = bench.clock.now()
            try await bench.metadata.write { tx in
                try tx.touchPackage(package.id, at: now)
                _ = try tx.trashVersions(
                    packageID: package.id, at: now, reviewAfter: now.advanced(bySeconds: 60))
            }
            // Meanwhile one of them was pushed again, and one of the tags is taken.
            try await bench.publish("m2", tags: ["1"])
            bench.clock.advance(bySeconds: 6 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            let later = bench.clock.now()
            let outcome = try await bench.metadata.write { tx in
                try tx.touchPackage(package.id, at: later)
                return try tx.restoreVersions(
                    of: package, .refusing, by: Authority(.owner), at: later)
            }
            #expect(outcome.deletedAt == now && outcome.versionCount == 1)
            // "latest" with its manifest, and "2" on the one that has the same content.
            #expect(outcome.tagCount == 2)
            #expect(try await hasTag("latest", "m1", bench))
            #expect(try await hasTag("1", "m2", bench))
            #expect(try await hasTag("2", "m2", bench))
            #expect(try await !bench.hasManifest("m0"), "it was deleted by itself")
            #expect(try await bench.package().describe()?.sizeBytes == size)
            #expect(try await bench.served("layer") == "layer")
        }
    }

    @Test("a version of a chosen name that is taken", arguments: DatabaseKind.allCases)
    func takenVersions(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.set { $0.reservesDeletedNames = false }
            let project = bench.scopes.record
            let now = bench.clock.now()
            func publish(_ blob: Int) async throws -> VersionRecord {
                try await bench.metadata.write { tx in
                    try tx.insertSampleFile(project, blob: blob).version
                }
            }
            let old = try await publish(1)
            try await bench.metadata.write { tx in _ = try tx.moveVersionToTrash(old.id, at: now) }
            let new = try await publish(2)
            func restore(
                _ policy: RestorePolicy, _ role: Role = .owner
            ) async throws(RegistryError) {
                try await bench.metadata.write { tx in
                    try tx.touchPackage(old.package.id, at: now)
                    let version = try #require(try tx.findVersion(old.id))
                    _ = try tx.restore(version, policy, by: Authority(role), at: now)
                }
            }
            let refused = await #expect(throws: RegistryError.self) { try await restore(.refusing) }
            #expect(refused?.code == .conflict && refused?.detail["version"] == "\(new.id)")
            // What a rule protects is not moved out of the way.
            let rule = try await bench.metadata.write { tx in
                try tx.insertPackageRule(
                    PackageRuleTerms(
                        pattern: try WildcardPattern("t*"), delete: RuleRequirement(role: .owner)),
                    projectID: project.id, at: now)
            }
            let guarded = await #expect(throws: RegistryError.self) {
                try await restore(.overwriting, .maintainer)
            }
            #expect(guarded?.detail["rule"] == rule.terms.pattern.description)
            try await restore(.overwriting)
            let versions = try await bench.metadata.read { tx in
                [old.id, new.id].map { try? tx.findVersion($0)?.deletedAt == nil }
            }
            #expect(versions == [true, false])
        }
    }

    // MARK: Periods

    @Test("nothing stays in a trash without time", arguments: DatabaseKind.allCases)
    func noTrash(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.set({ $0.trashPeriod = KeepingPeriod.none }, onGroup: true)
            let version = try await bench.publish("m1", tags: ["a"])
            #expect(try await bench.package().trashVersion(version.name))
            #expect(try await bench.collector().runUntilIdle().collectedVersionCount == 1)
            let explicit = try await bench.metadata.write { tx in
                try tx.insertSampleFile(bench.scopes.record).version
            }
            let now = bench.clock.now()
            try await bench.metadata.write { tx in
                _ = try tx.moveVersionToTrash(explicit.id, at: now)
            }
            // Its name is free at once, whether the collector came by or not.
            let isFree = try await bench.metadata.read { tx in
                let project = try #require(try tx.findNamespace(.path("acme/web", nil)))
                try tx.checkPublishing(
                    Sample.format, package: "tool", version: "1.0", in: project,
                    by: Authority(.owner), at: now)
                return true
            }
            #expect(isFree)
        }
    }

    /// Moments, in days after everything was deleted, at which the period is changed.
    @Test("a period that changes takes effect", arguments: DatabaseKind.allCases)
    func changes(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let trashed = try await bench.publish("trashed")
            try await bench.publish("untagged")
            try await bench.publish("removed", tags: ["r"])
            #expect(try await bench.package().trashVersion(trashed.name))
            #expect(try await bench.package().removeTag("r"))
            func isThere() async throws -> [Bool] {
                let trash = try await bench.metadata.read { tx in
                    try tx.findVersion(trashed.id) != nil
                }
                let untagged = try await bench.hasManifest("untagged")
                let removed = try await bench.hasManifest("removed")
                return [trash, untagged, removed]
            }
            // Longer: the looks that were asked for come, and find that it is too early.
            try await bench.set {
                $0.trashPeriod = KeepingPeriod(days: 20)
                $0.untaggedPeriod = .never
            }
            bench.clock.advance(bySeconds: 10 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await isThere() == [true, true, true])
            // Shorter, on the group: the project's own count.
            try await bench.set({ $0.trashPeriod = KeepingPeriod(days: 1) }, onGroup: true)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await isThere() == [true, true, true])
            // Shorter: what is due by it goes now.
            try await bench.set { $0.trashPeriod = KeepingPeriod(days: 9) }
            _ = try await bench.collector().runUntilIdle()
            #expect(try await isThere() == [false, true, true])
            // From never to some time.
            try await bench.set { $0.untaggedPeriod = KeepingPeriod(days: 12) }
            _ = try await bench.collector().runUntilIdle()
            #expect(try await isThere() == [false, true, true])
            bench.clock.advance(bySeconds: 2 * Self.day)
            _ = try await bench.collector().runUntilIdle()
            #expect(try await isThere() == [false, false, false])
        }
    }

    @Test("an instance that is started with other periods", arguments: DatabaseKind.allCases)
    func adoption(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            var periods = CollectionPeriods()
            func start() async throws {
                let (adopted, now) = (periods, bench.clock.now())
                try await bench.metadata.write { tx in try tx.adoptPeriods(adopted, at: now) }
                _ = try await bench.collector { $0.periods = adopted }.runUntilIdle()
            }
            try await start()
            try await bench.publish("m1")
            bench.clock.advance(bySeconds: Self.day)
            try await start()
            #expect(try await bench.hasManifest("m1"))
            periods.untagged = KeepingPeriod(seconds: Self.day / 2)
            try await start()
            #expect(try await !bench.hasManifest("m1"))
            #expect(try await bench.metadata.read { try $0.findAdoptedPeriods() } == periods)
        }
    }

    @Test(
        "blobs that nothing names stay for a period that can be set",
        arguments: DatabaseKind.allCases)
    func unreferencedPeriod(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            var periods = CollectionPeriods()
            periods.unreferencedBlob = 3600
            let (adopted, now) = (periods, bench.clock.now())
            try await bench.metadata.write { tx in try tx.adoptPeriods(adopted, at: now) }
            #expect(try await bench.metadata.read { try $0.findAdoptedPeriods() } == periods)
            try await bench.publish("manifest")
            bench.clock.advance(bySeconds: 8 * Self.day)
            let collector = bench.collector { $0.periods = adopted }
            #expect(try await collector.runUntilIdle().collectedVersionCount == 1)
            bench.clock.advance(bySeconds: 3599)
            #expect(try await collector.runUntilIdle().collectedBlobCount == 0)
            bench.clock.advance(bySeconds: 1)
            #expect(try await collector.runUntilIdle().collectedBlobCount == 1)
        }
    }

    @Test("a change looks at everything, part by part", arguments: DatabaseKind.allCases)
    func parts(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let (project, now) = (bench.scopes.record, bench.clock.now())
            // More versions than one part asks for, and more packages than it looks into.
            try await bench.metadata.write { tx in
                for number in 0..<110 {
                    let package = try tx.upsertPackage(
                        projectID: project.id, format: CollectorBench.format, name: "p\(number)",
                        at: now)
                    for version in 0..<(number == 3 ? 1100 : 1) {
                        _ = try tx.insertVersion(
                            package: package, name: "v\(version)", status: .default,
                            lifetime: .referenced, attributes: "{}", actor: Sample.actor, at: now)
                    }
                }
            }
            bench.clock.advance(bySeconds: Self.day)
            try await bench.set { $0.untaggedPeriod = KeepingPeriod(seconds: 1) }
            let outcome = try await bench.collector().runUntilIdle()
            #expect(outcome.collectedVersionCount == 109 + 1100)
        }
    }

    @Test("the trash is emptied, but for what is younger", arguments: DatabaseKind.allCases)
    func emptying(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let old = try await bench.publish("old")
            let new = try await bench.publish("new", tags: ["t"])
            #expect(try await bench.package().trashVersion(old.name))
            #expect(try await bench.package().removeTag("t"))
            bench.clock.advance(bySeconds: 60)
            let moment = bench.clock.now()
            bench.clock.advance(bySeconds: 60)
            #expect(try await bench.package().trashVersion(new.name))
            let now = bench.clock.now()
            let projectID = bench.scopes.record.id
            let (due, outcomes) = try await bench.metadata.write { tx in
                let due = try tx.listVersionsWithTrash(
                    projectID: projectID, packageID: nil, deletedBefore: moment, after: 0,
                    limit: 10)
                return (
                    due,
                    try due.map {
                        try tx.emptyTrash(
                            ofVersion: $0, deletedBefore: moment, tx.defaultPeriods, at: now)
                    }
                )
            }
            #expect(due == [old.id, new.id])
            #expect(outcomes.first == .collected(bytes: 0))
            // It went later, and can come back; the tag that was removed before cannot.
            try await bench.restore(new.id)
            #expect(try await bench.hasManifest("new"))
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.restoreTag("t")
            }
            #expect(failure?.reason == "tag_unknown")
        }
    }

    @Test("what was deleted a moment ago is emptied as well", arguments: DatabaseKind.allCases)
    func emptyingAtOnce(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let version = try await bench.publish("new")
            #expect(try await bench.package().trashVersion(version.name))
            let moment = bench.clock.now()
            let outcome = try await bench.metadata.write { tx in
                try tx.emptyTrash(
                    ofVersion: version.id, deletedBefore: moment, tx.defaultPeriods,
                    at: Timestamp(microseconds: moment.microseconds + 1))
            }
            #expect(outcome == .collected(bytes: 0))
        }
    }
}
