import Database
import Foundation
import Registry
import TestSupport
import Testing

/// Servers and collectors that are killed while they collect what clients delete leave nothing that
/// `packhouse fsck` reports, and lose nothing that was acknowledged.
///
/// `PACKHOUSE_TEST_SEED` repeats the random choices; `PACKHOUSE_TEST_KILLS` says how many servers are
/// killed in all.
@Suite(.serialized) struct CollectorCrashTests {
    /// Servers that are killed where nobody says how many: half of them on each engine.
    private static let killCount = 24
    private static let clientCount = 6
    /// What each client does before the first kill.
    private static let beginStepCount = 30

    @Test(arguments: DatabaseKind.allCases)
    func killedAtRandom(kind: DatabaseKind) async throws {
        let given = ProcessInfo.processInfo.environment["PACKHOUSE_TEST_KILLS"].flatMap(Int.init)
        let killCount = (given ?? Self.killCount) / 2
        let generator = SeededGenerator.announced("CollectorCrashTests, \(kind)")
        let site = try await CollectorCrashSite.start(kind)
        let clients = (0..<Self.clientCount).map { number in
            CollectorCrashClient(
                number, site, SeededGenerator(seed: generator.seed &+ UInt64(number) &+ 1))
        }
        try await Self.begin(clients)
        let isRunning = SendableBox(true)
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients {
                group.addTask {
                    while isRunning.withValue({ $0 }) { try await client.step() }
                }
            }
            group.addTask { try await site.letTimePass(while: { isRunning.withValue { $0 } }) }
            group.addTask {
                defer { isRunning.withValue { $0 = false } }
                var generator = generator
                for number in 0..<killCount {
                    try await site.crash(using: &generator)
                    try await Self.expectClean(site, "after kill \(number + 1)")
                    try await site.restart()
                }
            }
            try await group.waitForAll()
        }
        var counts: [String: Int] = [:]
        for client in clients {
            try await client.expectEverythingIsServed()
            for (name, count) in await client.counts { counts[name, default: 0] += count }
        }
        try await Self.expectNothingElseIsLeft(site, clients)
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        print(
            "CollectorCrashTests, \(kind): \(killCount) servers and \(await site.killedRunCount) "
                + "runs of the collector were killed in \(Int(seconds)) s; \(counts)")
        // Something must have happened to be lost.
        #expect(counts["put", default: 0] > 0 && counts["push", default: 0] > 0)
        #expect(counts["delete", default: 0] > 0)
    }

    /// Lets each client do something before the first kill.
    private static func begin(_ clients: [CollectorCrashClient]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients {
                group.addTask { for _ in 0..<beginStepCount { try await client.step() } }
            }
            try await group.waitForAll()
        }
    }

    private static func expectClean(_ site: CollectorCrashSite, _ when: String) async throws {
        let (status, report) = try await site.fsck()
        #expect(
            status == 0 && report.complete && report.findings.isEmpty,
            "\(when): \(report.findings)")
    }

    /// Everything that nobody named is collected, and what the kills left is put aside.
    private static func expectNothingElseIsLeft(
        _ site: CollectorCrashSite, _ clients: [CollectorCrashClient]
    ) async throws {
        try await site.stop()
        // A version that goes lets its blobs go, each after its time.
        for _ in 0..<4 {
            try await site.age(isOver: true)
            try await site.collect()
        }
        try await expectClean(site, "at the end")
        let (status, report) = try await site.fsck("--grace", "0", "--repair")
        let kinds = report.findings.map(\.kind)
        #expect(status == 0, "\(report.findings)")
        #expect(Set(kinds).isSubset(of: ["orphan_blob", "orphan_upload"]), "\(report.findings)")
        print("left by kills: \(kinds.count) files without a row")
        var expected: Set<String> = []
        for client in clients { expected.formUnion(await client.expectedDigests()) }
        let rows = try await site.listBlobs()
        #expect(Set(rows.keys).subtracting(expected).sorted() == [], "kept, and not named")
        #expect(expected.subtracting(rows.keys).sorted() == [], "named, and not kept")
        #expect(try site.listStoredFiles() == Set(rows.values))
        try await expectClean(site, "after everything")
    }
}
