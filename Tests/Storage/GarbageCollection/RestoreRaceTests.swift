import GarbageCollection
import Registry
import TestSupport
import Testing

/// Restorations against the collector and against publishers, forced as in `CollectorRaceTests`.
@Suite struct RestoreRaceTests {
    private typealias Barrier = CollectorRaceTests.Barrier

    private static let day: Int64 = 86_400

    /// What a restoration competes for.
    enum Trashed: CaseIterable {
        case version
        case tag
    }

    /// Publishes a version that the collector is about to delete, in the trash or with a removed tag.
    private func makeDue(_ trashed: Trashed, _ bench: CollectorBench) async throws -> VersionRecord
    {
        let version = try await bench.publish("m1", tags: ["latest"])
        switch trashed {
        case .version: #expect(try await bench.package().trashVersion(version.name))
        case .tag: #expect(try await bench.package().removeTag("latest"))
        }
        bench.clock.advance(bySeconds: 7 * Self.day)
        return version
    }

    private static func restore(
        _ trashed: Trashed, _ version: VersionRecord, _ tx: any MetadataWriting, at now: Timestamp
    ) throws {
        try tx.touchPackage(version.package.id, at: now)
        switch trashed {
        case .version:
            guard let found = try tx.findVersion(version.id), found.deletedAt != nil else {
                throw RegistryError(.notFound, "too late", reason: "gone")
            }
            _ = try tx.restore(found, .refusing, by: Authority(.owner), at: now)
        case .tag:
            let found = try tx.findRemovedTag("latest", packageID: version.package.id)
            guard let found else { throw RegistryError(.notFound, "too late", reason: "gone") }
            _ = try tx.restore(found, .refusing, by: Authority(.owner), at: now)
        }
    }

    @Test("what is restored while the collector comes stays", arguments: Trashed.allCases)
    func restorerFirst(_ trashed: Trashed) async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            let version = try await makeDue(trashed, bench)
            let (now, barrier) = (bench.clock.now(), Barrier())
            async let restored: Void = bench.metadata.write { tx in
                try Self.restore(trashed, version, tx, at: now)
                barrier.stand()
            }
            await barrier.waitUntilWritten()
            let outcome = try await bench.metadata.write { tx in
                try tx.collectVersion(version.id, CollectionPeriods(), at: now)
            }
            try await restored
            #expect(outcome == .kept)
            let served = try await bench.package().findFile(.tag("latest"), path: "manifest")
            #expect(served?.version.id == version.id)
            #expect(try await bench.served("m1") == "m1")
        }
    }

    @Test("what the collector took cannot be restored", arguments: Trashed.allCases)
    func collectorBeforeRestorer(_ trashed: Trashed) async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            let version = try await makeDue(trashed, bench)
            let (now, barrier) = (bench.clock.now(), Barrier())
            async let collected = bench.metadata.write { tx in
                let outcome = try tx.collectVersion(version.id, CollectionPeriods(), at: now)
                barrier.stand()
                return outcome
            }
            await barrier.waitUntilWritten()
            let failure = await #expect(throws: RegistryError.self) {
                try await bench.metadata.write { tx in
                    try Self.restore(trashed, version, tx, at: now)
                }
            }
            #expect(failure?.reason == "gone")
            #expect(try await collected == .collected(bytes: 0))
            #expect(try await !bench.hasManifest("m1"))
        }
    }

    @Test("a restoration and a publish of the same name", arguments: [true, false])
    func restoreAndPublish(isRestoreFirst: Bool) async throws {
        try await CollectorBench.run(on: .postgres) { bench in
            let old = try await bench.publish("m1", tags: ["latest"])
            #expect(try await bench.package().trashVersion(old.name))
            let (now, barrier) = (bench.clock.now(), Barrier())
            if isRestoreFirst {
                async let restored: Void = bench.metadata.write { tx in
                    try Self.restore(.version, old, tx, at: now)
                    barrier.stand()
                }
                await barrier.waitUntilWritten()
                let published = try await bench.publish("m1", tags: ["other"])
                try await restored
                #expect(published.id == old.id)
            } else {
                async let published = bench.metadata.write { tx in
                    let package = try tx.upsertPackage(
                        projectID: old.package.projectID, format: CollectorBench.format,
                        name: "api", at: now)
                    let version = try tx.insertVersion(
                        package: package, name: old.name, status: .default,
                        lifetime: .referenced, attributes: "{}", actor: Sample.actor, at: now
                    ).version
                    barrier.stand()
                    return version.id
                }
                await barrier.waitUntilWritten()
                let failure = await #expect(throws: RegistryError.self) {
                    try await bench.restore(old.id)
                }
                let id = try await published
                #expect(failure?.reason == "version_taken")
                #expect(failure?.detail["version"] == String(id))
            }
        }
    }
}
