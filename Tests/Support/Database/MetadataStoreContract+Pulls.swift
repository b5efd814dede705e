import Registry
import Testing

/// Downloads, counted apart from what was downloaded.
extension MetadataStoreContract {
    static let pullChecks = [
        Check("downloads add up, and those of versions that are gone are left out") {
            try await $0.pullsAddUp()
        },
        Check("a download puts off the end of a version that nothing refers to") {
            try await $0.pullsPostponeReviews()
        },
    ]

    private func pullsAddUp() async throws {
        let (early, late) = (Sample.now, Sample.now.advanced(bySeconds: 60))
        let ids = try await store.write { tx in
            let project = try tx.insertSample("web")
            // More than one statement takes.
            return try (0..<130).map { number in
                try tx.insertSampleFile(project, version: "1.\(number)", blob: number + 1).version
                    .id
            }
        }
        #expect(try await store.read { try $0.listPulls(versionIDs: ids) } == [:])
        let gone = (ids.max() ?? 0) + 1
        try await store.write { tx in
            try tx.addPulls(
                Dictionary(
                    uniqueKeysWithValues: (ids + [gone]).map {
                        ($0, PullRecord(count: 2, lastAt: late))
                    }))
            try tx.addPulls([ids[0]: PullRecord(count: 3, lastAt: early)])
            try tx.addPulls([:])
        }
        let found = try await store.read { try $0.listPulls(versionIDs: ids + [gone]) }
        #expect(found.count == ids.count)
        // What is told later may have happened earlier.
        #expect(found[ids[0]] == PullRecord(count: 5, lastAt: late))
        #expect(found[ids[129]] == PullRecord(count: 2, lastAt: late))
    }

    private func pullsPostponeReviews() async throws {
        let (now, periods) = (Sample.now, CollectionPeriods())
        let week: Int64 = 7 * 86_400
        let id = try await store.write { tx in
            let package = try tx.upsertPackage(
                projectID: try tx.insertSample("web").id, format: "oci", name: "api", at: now)
            return try tx.insertVersion(
                package: package, name: "sha256:1", status: .default, lifetime: .referenced,
                attributes: "{}", actor: Sample.actor, at: now
            ).version.id
        }
        let pulledAt = now.advanced(bySeconds: 60)
        try await store.write { tx in
            try tx.addPulls([id: PullRecord(count: 1, lastAt: pulledAt)])
        }
        let outcomes = try await store.write { tx in
            try [week, week + 60].map { seconds in
                try tx.collectVersion(id, periods, at: now.advanced(bySeconds: seconds))
            }
        }
        #expect(
            outcomes == [
                .postponed(until: pulledAt.advanced(bySeconds: week)), .collected(bytes: 0),
            ])
    }
}
