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
        let day: Int64 = 86_400
        let now = Sample.now
        let (kept, chosen) = try await store.write { tx in
            let project = try tx.insertSample("web")
            let chosen = try tx.insertSampleFile(project, package: "tool").version
            let package = try tx.upsertPackage(
                projectID: project.id, format: "oci", name: "api", at: now)
            let kept = try tx.insertVersion(
                package: package, name: "sha256:1", status: .default, lifetime: .referenced,
                attributes: "{}", actor: Sample.actor, at: now
            ).version
            for id in [kept.id, chosen.id] {
                try tx.upsertReview(
                    .version(id), event: "test", after: now.advanced(bySeconds: day))
            }
            return (kept.id, chosen.id)
        }
        for count in 1...2 {
            let pulledAt = now.advanced(bySeconds: Int64(count))
            try await store.write { tx in
                try tx.addPulls([
                    kept: PullRecord(count: 1, lastAt: pulledAt),
                    chosen: PullRecord(count: 1, lastAt: pulledAt),
                ])
            }
        }
        let due = now.advanced(
            bySeconds: 1 + VersionLifetime.unreferencedSeconds + PullTracker.reviewStepSeconds)
        let claimed = try await store.write { tx in
            try tx.claimReviews(limit: 10, at: due, until: due.advanced(bySeconds: 60))
        }
        let reviews = Dictionary(uniqueKeysWithValues: claimed.map { ($0.subject, $0) })
        // The second one was too soon to be worth a write.
        #expect(reviews[.version(kept)]?.dueAt == due)
        #expect(reviews[.version(kept)]?.event == "version.pulled")
        // What people chose to keep, or deleted, is none of this.
        #expect(reviews[.version(chosen)]?.dueAt == now.advanced(bySeconds: day))
    }
}
