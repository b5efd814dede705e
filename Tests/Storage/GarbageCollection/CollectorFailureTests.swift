import Database
import Foundation
import GarbageCollection
import Logging
import Registry
import TestSupport
import Testing

/// What cannot be collected is tried again later and later, says why, and holds up nothing else.
@Suite struct CollectorFailureTests {
    private static let day: Int64 = 86_400

    @Test("a file that cannot be removed", arguments: DatabaseKind.allCases)
    func removals(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            for number in 0..<3 { try await bench.upload("layer \(number)") }
            bench.clock.advance(bySeconds: Self.day)
            let hex = CollectorBench.digest("layer 1").hex
            let isBroken = SendableBox(true)
            let store = FlakyBlobStore(base: bench.scopes.blobs) { key in
                isBroken.withValue { $0 } && key.description.contains(hex)
            }
            let collector = bench.collector(blobs: store)
            let outcome = try await collector.runUntilIdle()
            #expect(outcome.collectedBlobCount == 3 && outcome.removedFileCount == 2)
            #expect(outcome.failedCount == 1 && outcome.reclaimedBytes == 14)
            var delays: [Int64] = []
            for attempt in 1...8 {
                let work = try await bench.blocked()
                #expect(work.count == 1)
                let blocked = try #require(work.first)
                #expect(blocked.kind == "file" && blocked.name.contains(hex))
                #expect(blocked.failure == "the store is away")
                #expect(blocked.attemptCount == attempt)
                #expect(try await bench.summary().blockedCount == 1)
                delays.append(blocked.nextTryAt.seconds - bench.clock.now().seconds)
                // Not before its time, and others meanwhile.
                try await bench.upload("other \(attempt)")
                let now = bench.clock.now()
                let digest = CollectorBench.digest("other \(attempt)")
                _ = try await bench.package().releaseBlob(digest)
                #expect(bench.clock.now() == now)
                #expect(try await collector.runUntilIdle().failedCount == 0)
                bench.clock.advance(bySeconds: delays.last ?? 0)
                if attempt < 8 { #expect(try await collector.runUntilIdle().failedCount == 1) }
            }
            for (index, delay) in delays.enumerated() {
                let base: Int64 = 30 << Int64(index)
                #expect((base...base + base / 5).contains(delay), "\(delays)")
            }
            isBroken.withValue { $0 = false }
            #expect(try await collector.runUntilIdle().reclaimedBytes >= 7)
            #expect(try await bench.blocked().isEmpty)
        }
    }

    @Test("a version that cannot be read", arguments: DatabaseKind.allCases)
    func reviews(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            let broken = try await bench.publish("broken")
            try await bench.publish("sound")
            _ = try await bench.scopes.database.withEngine { engine in
                try await engine.write { session in
                    try session.execute(
                        """
                        INSERT INTO blobs (digest, size, storage_key, created_at, last_seen_at)
                        VALUES ('nonsense', 1, 'nowhere', 1, 1)
                        """)
                    try session.execute(
                        """
                        INSERT INTO files (
                            package_id, version_id, path, blob_digest, attributes, created_at)
                        VALUES (
                            \(broken.package.id), \(broken.id), 'x', 'nonsense', '{}', 1)
                        """)
                }
            }
            bench.clock.advance(bySeconds: 7 * Self.day)
            let events = SendableBox<[String]>([])
            let collector = bench.collector(onEvent: { event in
                if case .reviewFailed(let review, _, _) = event {
                    events.withValue { $0.append("\(review.subject)") }
                }
            })
            let outcome = try await collector.runUntilIdle()
            #expect(outcome.collectedVersionCount == 1 && outcome.failedCount == 1)
            #expect(events.withValue { $0 } == ["version:\(broken.id)"])
            #expect(try await !bench.hasManifest("sound"))
            let blocked = try #require(try await bench.blocked().first)
            #expect(blocked.kind == "version" && blocked.name == String(broken.id))
            #expect(blocked.event == "version.published" && blocked.attemptCount == 1)
            let delay = blocked.nextTryAt.seconds - bench.clock.now().seconds
            #expect((30...36).contains(delay))
            bench.clock.advance(bySeconds: delay)
            #expect(try await collector.runUntilIdle().failedCount == 1)
            #expect(try await bench.blocked().first?.attemptCount == 2)
        }
    }

    @Test("a review of nothing that there is", arguments: DatabaseKind.allCases)
    func unreadable(kind: DatabaseKind) async throws {
        try await CollectorBench.run(on: kind) { bench in
            try await bench.upload("layer")
            _ = try await bench.scopes.database.withEngine { engine in
                try await engine.write { session in
                    try session.execute(
                        """
                        INSERT INTO reviews (subject_kind, subject, event, review_after, attempts)
                        VALUES ('moon', 'full', 'test', 1, 0)
                        """)
                }
            }
            bench.clock.advance(bySeconds: Self.day)
            let outcome = try await bench.collector { $0.reviewBatchCount = 1 }.runPass()
            #expect(outcome.workedCount == 0)
            #expect(try await bench.blocked().map(\.name) == ["full"])
            let next = try await bench.collector { $0.reviewBatchCount = 1 }.runUntilIdle()
            #expect(next.collectedBlobCount == 1)
        }
    }

    @Test("one line for each thing, deletions for everybody")
    func log() async throws {
        try await CollectorBench.run(on: .sqlite) { bench in
            let lines = SendableBox<[String]>([])
            var logger = Logger(label: "test") { _ in LineHandler(lines: lines) }
            logger.logLevel = .debug
            let log = CollectorLog(logger: logger)
            try await bench.upload("layer")
            try await bench.publish("kept", tags: ["1"])
            bench.clock.advance(bySeconds: 8 * Self.day)
            let store = FlakyBlobStore(base: bench.scopes.blobs) { _ in true }
            _ = try await bench.collector(blobs: store, onEvent: log.record).runUntilIdle()
            bench.clock.advance(bySeconds: Self.day)
            _ = try await bench.collector(onEvent: log.record).runUntilIdle()
            let digest = CollectorBench.digest("layer")
            let written = lines.withValue { $0 }
            #expect(
                written.contains(
                    "info reviewed garbage attempts=1 bytes=5 event=blob.uploaded "
                        + "outcome=collected subject=blob:\(digest)"), "\(written)")
            #expect(
                written.contains {
                    $0.hasPrefix("debug reviewed garbage attempts=1 event=version.published")
                        && $0.contains("outcome=kept subject=version:")
                }, "\(written)")
            #expect(
                written.contains {
                    $0.hasPrefix("warning garbage cannot be collected now")
                        && $0.contains("outcome=failed") && $0.contains("the store is away")
                }, "\(written)")
            #expect(
                written.contains { $0.hasPrefix("debug removed a file attempts=2 bytes=5") },
                "\(written)")
        }
    }
}

/// Notes lines as text, with their metadata in order.
private struct LineHandler: LogHandler {
    let lines: SendableBox<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    init(lines: SendableBox<[String]>) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map {
            "\($0.key)=\($0.value)"
        }
        let line = (["\(event.level) \(event.message)"] + fields).joined(separator: " ")
        lines.withValue { $0.append(line) }
    }
}

extension CollectorBench {
    /// What failed.
    func blocked() async throws -> [BlockedWork] {
        try await metadata.read { try $0.listBlockedWork(limit: 100) }
    }
}
