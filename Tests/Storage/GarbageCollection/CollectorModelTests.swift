import Foundation
import GarbageCollection
import Registry
import TestSupport
import Testing

/// Random schedules of several clients, of clocks, crashes and collectors, against models that know
/// only the rules.
///
/// `scripts/gc-model --seed SEED --operations COUNT` repeats a schedule, or runs longer ones.
@Suite struct CollectorModelTests {
    /// Operations of one schedule; many short ones find more than one long one, and run beside each
    /// other.
    private static let scheduleCount = 2500
    /// Schedules that run at the same time.
    private static let widthCount = 3

    @Test("whatever must be there is served, and the rest goes", arguments: DatabaseKind.allCases)
    func randomSchedules(kind: DatabaseKind) async throws {
        let environment = ProcessInfo.processInfo.environment
        let operationCount =
            environment["PACKHOUSE_GC_OPERATIONS"].flatMap(Int.init)
            ?? (kind == .sqlite ? 70_000 : 30_000)
        let first =
            environment["PACKHOUSE_GC_SEED"].flatMap { UInt64($0) }
            ?? SeededGenerator.announced("CollectorModelTests, \(kind)").seed
        var (begun, number) = (0, UInt64(0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            while begun < operationCount {
                if number >= UInt64(Self.widthCount) { try await group.next() }
                let count = min(Self.scheduleCount, operationCount - begun)
                let seed = first &+ number
                group.addTask { try await Self.runSchedule(seed, count, on: kind) }
                begun += count
                number += 1
            }
            try await group.waitForAll()
        }
        print("CollectorModelTests, \(kind): \(begun) operations in \(number) schedules")
    }

    private static func runSchedule(
        _ seed: UInt64, _ operationCount: Int, on kind: DatabaseKind
    ) async throws {
        do {
            try await CollectorBench.run(
                on: kind, replacing: [ModelClient.releaseFormat], inMemory: true
            ) { bench in
                var schedule = try ModelSchedule(bench: bench, seed: seed)
                while schedule.operationCount < operationCount { try await schedule.round() }
                try await schedule.finish()
            }
        } catch {
            Issue.record("\(kind), PACKHOUSE_GC_SEED=\(seed): \(error)")
        }
    }
}

/// One schedule: in each round clients and collectors do something at the same time, while the clock
/// stands still; then it goes on.
private struct ModelSchedule {
    private static let clientCount = 3

    /// What projects and groups set as their periods: mostly a week, as without a word of theirs.
    private static let periods: [KeepingPeriod?] = [
        nil, nil, nil, KeepingPeriod.none, KeepingPeriod(days: 1), KeepingPeriod(days: 3),
        KeepingPeriod(days: 14), .never,
    ]

    let bench: CollectorBench
    let seed: UInt64
    var generator: SeededGenerator
    var clients: [ModelClient]
    var operationCount = 0
    /// The periods that the group and the project set.
    var groupSettings = NamespaceSettings()
    var projectSettings = NamespaceSettings()

    init(bench: CollectorBench, seed: UInt64) throws {
        self.bench = bench
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        clients = []
        for number in 0..<Self.clientCount {
            clients.append(
                try ModelClient(
                    bench: bench, number: number,
                    generator: SeededGenerator(seed: generator.next())))
        }
    }

    mutating func round() async throws {
        let turns = (0..<clients.count).map { _ in Int.random(in: 0...5, using: &generator) }
        let collectorTurns = (0..<Int.random(in: 0...2, using: &generator)).map { _ in
            CollectorTurn(using: &generator)
        }
        operationCount += turns.reduce(0, +) + collectorTurns.count + 1
        let bench = bench
        try await withThrowingTaskGroup(of: (Int, ModelClient)?.self) { group in
            for (index, count) in turns.enumerated() {
                let client = clients[index]
                group.addTask {
                    var client = client
                    for _ in 0..<count { try await client.step() }
                    return (index, client)
                }
            }
            for turn in collectorTurns {
                group.addTask {
                    try await turn.take(bench)
                    return nil
                }
            }
            for try await done in group {
                if let (index, client) = done { clients[index] = client }
            }
        }
        switch Int.random(in: 0..<20, using: &generator) {
        case 0...1: try await collectAll()
        case 2: try await changePeriods()
        default: for index in clients.indices { try await clients[index].checkSome(seed) }
        }
        let limit =
            Int.random(in: 0..<3, using: &generator) > 0
            ? RegistryModel.day / 4 : 3 * RegistryModel.day
        bench.clock.advance(bySeconds: Int64.random(in: 1...limit, using: &generator))
    }

    /// Two collectors until nothing is due. Whatever the models say is gone, is gone then.
    private mutating func collectAll() async throws {
        // Behind the end of what a crash left claimed.
        bench.clock.advance(bySeconds: 61)
        async let one = bench.collector(replica: 0).runUntilIdle()
        async let two = bench.collector(replica: 1).runUntilIdle()
        _ = try await (one, two)
        // What one of two collectors had claimed may have been the last that was due.
        _ = try await bench.collector().runUntilIdle()
        for index in clients.indices { try await clients[index].settle(seed) }
        operationCount += 1
    }

    /// The project or its group sets other periods. Nothing is overdue then: what may be gone
    /// already cannot become something that must stay.
    private mutating func changePeriods() async throws {
        try await collectAll()
        let trash = Self.periods.randomElement(using: &generator) ?? nil
        let untagged = Self.periods.randomElement(using: &generator) ?? nil
        try await set(trash, untagged, onGroup: Bool.random(using: &generator))
        operationCount += 1
    }

    private mutating func set(
        _ trash: KeepingPeriod?, _ untagged: KeepingPeriod?, onGroup: Bool
    ) async throws {
        if onGroup {
            (groupSettings.trashPeriod, groupSettings.untaggedPeriod) = (trash, untagged)
        } else {
            (projectSettings.trashPeriod, projectSettings.untaggedPeriod) = (trash, untagged)
        }
        try await bench.set(
            { settings in
                settings.trashPeriod = trash
                settings.untaggedPeriod = untagged
            }, onGroup: onGroup)
        let id = bench.scopes.record.id
        let found = try await bench.metadata.read { try $0.findNamespace(.id(id, .project)) }
        guard let project = found else { return }
        let periods = CollectionPeriods().completed(
            by: projectSettings.completed(by: groupSettings))
        // Or what the change concerns is looked at some time later, as others do their work.
        let isLookedAt = Bool.random(using: &generator)
        if isLookedAt { _ = try await bench.collector().runUntilIdle() }
        for index in clients.indices {
            try clients[index].adopt(project, periods, isLookedAt: isLookedAt)
        }
    }

    mutating func finish() async throws {
        for client in clients { try await client.checkEverything(seed) }
        // What is kept for ever now is not kept for ever then.
        try await collectAll()
        for isGroup in [false, true] { try await set(nil, nil, onGroup: isGroup) }
        for index in clients.indices { try await clients[index].removeAll() }
        for _ in 0..<12 {
            bench.clock.advance(bySeconds: 4 * RegistryModel.week)
            try await collectAll()
        }
        #expect(clients.allSatisfy { $0.model.isEmpty }, "PACKHOUSE_GC_SEED=\(seed)")
        #expect(
            try await bench.storedDigests() == [],
            "what nobody names goes: PACKHOUSE_GC_SEED=\(seed)")
        let summary = try await bench.summary()
        #expect(
            summary.reviewCount == 0 && summary.unlinkCount == 0, "PACKHOUSE_GC_SEED=\(seed)")
    }
}

/// What a collector does in a round: some work, or work that a crash breaks off.
private struct CollectorTurn: Sendable {
    enum Kind: CaseIterable {
        case work
        case pausedWork
        /// Reviews are claimed and never done.
        case claimReviews
        /// Rows are gone, and the process dies before it removes the files.
        case claimUnlinks
        /// Files cannot be removed.
        case failRemovals
    }

    let kind: Kind
    let replica: Int
    let batchCount: Int

    init(using generator: inout SeededGenerator) {
        // Mostly work.
        kind =
            Int.random(in: 0..<3, using: &generator) > 0
            ? .work : Kind.allCases.randomElement(using: &generator) ?? .work
        replica = Int.random(in: 0...1, using: &generator)
        batchCount = Int.random(in: 1...12, using: &generator)
    }

    func take(_ bench: CollectorBench) async throws {
        let (moment, limit) = (bench.clock.now(), batchCount)
        let end = moment.advanced(bySeconds: 60)
        switch kind {
        case .work:
            _ = try await collector(bench, nil).runPass()
        case .pausedWork:
            try await bench.metadata.write { try $0.setCollectionPaused(moment) }
            _ = try await collector(bench, nil).runPass()
            try await bench.metadata.write { try $0.setCollectionPaused(nil) }
        case .claimReviews:
            _ = try await bench.metadata.write { tx in
                try tx.claimReviews(limit: limit, at: moment, until: end)
            }
        case .claimUnlinks:
            _ = try await bench.metadata.write { tx in
                try tx.claimUnlinks(limit: limit, at: moment, until: end)
            }
        case .failRemovals:
            let store = FlakyBlobStore(base: bench.scopes.blobs, fails: { _ in true })
            _ = try await collector(bench, store).runPass()
        }
    }

    private func collector(_ bench: CollectorBench, _ blobs: (any BlobStore)?) -> Collector {
        let count = batchCount
        return bench.collector(replica: replica, blobs: blobs) {
            $0.reviewBatchCount = count
            $0.blobBatchCount = 3
            $0.unlinkBatchCount = count
        }
    }
}
