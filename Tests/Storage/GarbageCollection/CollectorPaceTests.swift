import Logging
import Registry
import TestSupport
import Testing

@testable import GarbageCollection

/// The collector leaves room for those who wait for something.
@Suite struct CollectorPaceTests {
    private static let day: Int64 = 86_400

    /// A clock that only sleeping, and what a test says, moves.
    private struct SleptTime: Sendable {
        private let moment = SendableBox(ContinuousClock.now)
        let start: ContinuousClock.Instant

        init() { start = moment.withValue { $0 } }

        /// Time since the start.
        var passed: Duration { moment.withValue { $0 } - start }

        func advance(by duration: Duration) { moment.withValue { $0 += duration } }

        func pace(_ worksPerSecond: Int) -> CollectionPace {
            CollectionPace(
                worksPerSecond: worksPerSecond, now: { [moment] in moment.withValue { $0 } },
                sleep: { advance(by: $0) })
        }
    }

    /// A store that remembers with what urgency it was written to, and how long each write takes.
    private struct UrgencyStore: MetadataStore {
        let base: any MetadataStore
        let onWrite: @Sendable (WriteUrgency) -> Void

        func read<Value: Sendable>(
            _ body: @escaping @Sendable (any MetadataReading) throws -> Value
        ) async throws(RegistryError) -> Value {
            try await base.read(body)
        }

        func write<Value: Sendable>(
            _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
        ) async throws(RegistryError) -> Value {
            try await write(.request, body)
        }

        func write<Value: Sendable>(
            _ urgency: WriteUrgency,
            _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
        ) async throws(RegistryError) -> Value {
            onWrite(urgency)
            return try await base.write(urgency, body)
        }
    }

    @Test("work is spread evenly over the time that it may take", arguments: DatabaseKind.allCases)
    func even(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<200 { try await bench.upload("layer \(number)") }
            bench.clock.advance(bySeconds: Self.day)
            let time = SleptTime()
            let moments = SendableBox<[(isRemoval: Bool, at: Duration)]>([])
            let collector = bench.collector(onEvent: { event in
                switch event {
                case .reviewed: moments.withValue { $0.append((false, time.passed)) }
                case .removed, .reviewFailed, .removalFailed: break
                }
            })
            let pace = time.pace(100)
            let outcome = try await collector.runPass(pace: pace)
            #expect(outcome.collectedBlobCount == 200 && outcome.removedFileCount == 200)
            // The rate, less what may be caught up at the start.
            #expect(time.passed >= .seconds(2) - CollectionPace.catchUpLimit)
            #expect(time.passed <= .seconds(2))
            // Rows go in steps of one transaction, 25 blobs, for which half of their time is paid.
            let steps = Set(moments.withValue { $0.map(\.at) }).sorted()
            #expect(steps.count == 8)
            for (one, next) in zip(steps, steps.dropFirst()) {
                #expect(next - one >= .milliseconds(124) - CollectionPace.catchUpLimit)
                #expect(next - one <= .milliseconds(126))
            }
        }
    }

    @Test("what is kept, and what is a version or an upload, is counted as well")
    func keptCounts() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            for number in 0..<20 { try await bench.publish("manifest \(number)", tags: ["1"]) }
            bench.clock.advance(bySeconds: 8 * Self.day)
            let time = SleptTime()
            let pace = time.pace(4)
            let collector = bench.collector()
            var workCount = 0
            while true {
                let outcome = try await collector.runPass(pace: pace)
                if outcome.workedCount == 0 { break }
                workCount += max(outcome.reviewCount, outcome.removedFileCount)
                let due = Duration.seconds(Double(workCount) / 4)
                #expect(time.passed >= due - CollectionPace.catchUpLimit && time.passed <= due)
            }
            #expect(workCount >= 20)
        }
    }

    @Test("where transactions take longer than they may, it does not wait in addition")
    func slowSteps() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            for number in 0..<100 { try await bench.upload("layer \(number)") }
            bench.clock.advance(bySeconds: Self.day)
            let time = SleptTime()
            let writeCount = SendableBox(0)
            let store = UrgencyStore(base: bench.metadata) { _ in
                writeCount.withValue { $0 += 1 }
                time.advance(by: .seconds(1))
            }
            let outcome = try await bench.collector(metadata: store).runPass(
                pace: time.pace(2000))
            #expect(outcome.collectedBlobCount == 100)
            // Four steps of 25 blobs; the removals that follow take their own 25 ms.
            let working = Duration.seconds(writeCount.withValue { $0 })
            #expect(time.passed - working <= .milliseconds(30))
        }
    }

    @Test("no more is claimed than can be done while the claim lasts")
    func claims() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            for number in 0..<20 { try await bench.upload("layer \(number)") }
            bench.clock.advance(bySeconds: Self.day)
            let outcome = try await bench.collector().runPass(pace: SleptTime().pace(1))
            #expect(outcome.reviewCount == Int(CollectionPace.claimSeconds))
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let service = CollectorService(
                collector: bench.collector(), pace: SleptTime().pace(1000), logger: logger)
            #expect(await service.work() == .zero)
            #expect(try await bench.summary().reviewCount == 0)
            #expect(await service.work() >= .seconds(4))
        }
    }

    @Test(
        "nobody has to wait for its transactions; a file goes only when the row is gone for good",
        arguments: DatabaseKind.allCases)
    func urgency(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<60 { try await bench.upload("layer \(number)") }
            try await bench.publish("manifest")
            _ = try await bench.package().beginUpload(hashes: [])
            bench.clock.advance(bySeconds: 8 * Self.day)
            // Since the last transaction that was on the disk when it returned.
            let deferredCount = SendableBox(0)
            let seen = SendableBox<Set<WriteUrgency>>([])
            let store = UrgencyStore(base: bench.metadata) { urgency in
                seen.withValue { _ = $0.insert(urgency) }
                deferredCount.withValue { $0 = urgency == .deferred ? $0 + 1 : 0 }
            }
            let removedCount = SendableBox(0)
            let blobs = FlakyBlobStore(base: bench.scopes.blobs) { _ in
                #expect(deferredCount.withValue { $0 } == 0)
                removedCount.withValue { $0 += 1 }
                return false
            }
            let collector = bench.collector(metadata: store, blobs: blobs)
            let outcome = try await collector.runUntilIdle()
            #expect(outcome.collectedBlobCount == 60 && outcome.collectedVersionCount == 1)
            #expect(removedCount.withValue { $0 } == 60)
            #expect(seen.withValue { $0 } == [.background, .deferred])
        }
    }
}
