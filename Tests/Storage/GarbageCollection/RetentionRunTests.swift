import Dispatch
import GarbageCollection
import Logging
import Registry
import TestSupport
import Testing

/// What a run does, and what it leaves to others.
@Suite struct RetentionRunTests {
    private static let newest = #"{"keep": "newest", "count": 2}"#

    @Test("a run does what the dry run said", arguments: DatabaseKind.allCases)
    func dryRunAndRun(kind: DatabaseKind) async throws {
        try await RetentionBench.run(on: kind) { bench in
            try await bench.push((1...9).map { "v\($0)" } + ["latest"])
            try await bench.push(["1", "2", "3"], to: "other")
            try await bench.publish(["1.0", "1.1-rc.1", "1.1-rc.2", "1.1-rc.3", "1.1"])
            let services = bench.bench.scopes.replicas[0]
            let pulled = try #require(
                try await bench.bench.package().findFile(.tag("v3"), path: "manifest"))
            services.pulls.record(pulled.version.id, at: bench.clock.now())
            try await services.flushPulls()
            try await bench.set(
                """
                {"keep": "matching", "pattern": "latest", "format": "oci", "packages": "api"},
                {"keep": "newest", "count": 3, "format": "oci", "packages": "api"},
                {"keep": "pulled_within", "period": "7d", "format": "oci", "packages": "api"},
                {"keep": "newest", "count": 1, "format": "generic", "stage": "prerelease"}
                """)
            let said = try await bench.explain()
            #expect(
                said.gone.sorted()
                    == [
                        "api v1", "api v2", "api v4", "api v5", "api v6", "tool 1.1-rc.1",
                        "tool 1.1-rc.2",
                    ])
            #expect(!said.kept.contains { $0.hasPrefix("other") }, "no rule speaks of it")
            // Little at a time, so that the work is cut everywhere.
            let runner = bench.runner {
                $0.examinedCount = 3
                $0.removedCount = 2
                $0.rowCount = 2
                $0.packageCount = 1
            }
            let report = try #require(try await bench.apply(runner))
            #expect(report.failure == nil && report.interruption == nil)
            #expect(report.outcome.removedCount == Int64(said.gone.count))
            #expect(report.outcome.keptCount == Int64(said.kept.count))
            #expect(try await bench.tags() == ["latest", "v3", "v7", "v8", "v9"])
            #expect(try await bench.tags(of: "other").count == 3)
            #expect(try await bench.versions() == ["1.0", "1.1-rc.3", "1.1"])
            #expect(try await bench.versions(isDeleted: true) == ["1.1-rc.1", "1.1-rc.2"])
            #expect(try await bench.explain().gone == [])
            let again = try #require(try await bench.apply(runner))
            #expect(again.outcome.removedCount == 0)
            #expect(again.outcome.keptCount == Int64(said.kept.count))
            let record = try #require(try await bench.record())
            #expect(record.finishedAt != nil && record.leasedUntil == nil)
            #expect(record.nextRunAt.map { $0 > bench.clock.now() } == true)
        }
    }

    @Test("what is off, empty, or paused does nothing", arguments: DatabaseKind.allCases)
    func nothing(kind: DatabaseKind) async throws {
        try await RetentionBench.run(on: kind) { bench in
            try await bench.push(["v1", "v2", "v3"])
            let revision = try await bench.bench.package().find()?.revision
            for (rules, enabled) in [("", true), (Self.newest, false), ("", false)] {
                try await bench.set(rules, enabled: enabled)
                let report = try #require(try await bench.apply())
                #expect(report.outcome.removedCount == 0 && report.failure == nil)
            }
            try await bench.set(#"{"keep": "newest", "count": 3}"#)
            #expect(try await bench.apply()?.outcome.keptCount == 3)
            #expect(
                try await bench.bench.package().find()?.revision == revision, "it is not touched")
            try await bench.set(Self.newest)
            let now = bench.clock.now()
            try await bench.metadata.write { tx in try tx.setCollectionPaused(now) }
            #expect(try await bench.apply() == nil)
            #expect(try await bench.tags().count == 3)
            try await bench.metadata.write { tx in try tx.setCollectionPaused(nil) }
            #expect(try await bench.apply()?.outcome.removedCount == 1)
        }
    }

    @Test(
        "a project takes its group's policy until it has its own", arguments: DatabaseKind.allCases)
    func groupAndProject(kind: DatabaseKind) async throws {
        try await RetentionBench.run(on: kind) { bench in
            try await bench.push(["v1", "v2", "v3", "v4", "v5"])
            try await bench.set(#"{"keep": "newest", "count": 1}"#, of: bench.group)
            try await bench.set(#"{"keep": "newest", "count": 4}"#)
            _ = try await bench.apply()
            #expect(try await bench.tags() == ["v2", "v3", "v4", "v5"])
            let (project, now) = (bench.project, bench.clock.now())
            try await bench.metadata.write { tx in
                try tx.setRetention(RetentionSettings(), of: project, at: now)
            }
            #expect(try await bench.record()?.nextRunAt != nil, "the group's policy is enabled")
            _ = try await bench.apply()
            #expect(try await bench.tags() == ["v5"])
        }
    }

    @Test("servers share the projects of a group", arguments: DatabaseKind.allCases)
    func twoServers(kind: DatabaseKind) async throws {
        try await RetentionBench.run(on: kind) { bench in
            try await bench.push(["v1", "v2", "v3"])
            let (group, now) = (bench.group, bench.clock.now())
            let ids = try await bench.metadata.write { tx in
                try (0..<12).map { number in
                    try tx.insertNamespace(
                        NamespaceDraft(
                            kind: .project, path: try NamespacePath(parsing: "acme/p\(number)"),
                            parentID: group.id, name: "p\(number)"), at: now
                    ).id
                } + [bench.project.id]
            }
            try await bench.set(Self.newest, of: group)
            let runners = [bench.runner(replica: 0), bench.runner(replica: 1)]
            for runner in runners { try await runner.schedule() }
            #expect(try await runners[0].runNext() == nil, "nothing is due yet")
            bench.clock.advance(bySeconds: 2 * RetentionBench.day)
            async let one = Self.drain(runners[0])
            async let two = Self.drain(runners[1])
            let reports = try await one + two
            #expect(reports.map(\.projectID).sorted() == ids.sorted())
            #expect(reports.reduce(0) { $0 + $1.outcome.removedCount } == 1)
            #expect(try await bench.tags() == ["v2", "v3"])
        }
    }

    private static func drain(_ runner: RetentionRunner) async throws -> [RetentionReport] {
        var reports: [RetentionReport] = []
        while let report = try await runner.runNext() { reports.append(report) }
        return reports
    }

    @Test("a server schedules and applies what is due by itself")
    func service() async throws {
        try await RetentionBench.run(on: .sqlite) { bench in
            try await bench.push(["v1", "v2", "v3"])
            try await bench.set(Self.newest, of: bench.group)
            let (ends, continuation) = AsyncStream.makeStream(of: Void.self)
            let store = HookedStore(bench.metadata) { number, isAfter in
                guard isAfter else { return }
                // Scheduled: a day goes by. Claimed, removed, finished.
                if number == 1 { bench.clock.advance(bySeconds: 2 * RetentionBench.day) }
                if number == 4 { continuation.yield() }
            }
            let service = RetentionService(
                runner: bench.runner(on: store), interval: .milliseconds(1),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { try await service.run() }
            var iterator = ends.makeAsyncIterator()
            await iterator.next()
            running.cancel()
            try await running.value
            #expect(try await bench.tags() == ["v2", "v3"])
            #expect(try await bench.record()?.removedCount == 1)
        }
    }

    // MARK: Meanwhile

    /// What somebody does between the decision and the removal of the tag `v1`.
    enum Meanwhile: CaseIterable {
        case pushed
        case pulled
        case protected
        case switchedOff
        case removed
    }

    @Test(
        "what happens between the decision and the removal counts",
        arguments: Meanwhile.allCases, DatabaseKind.allCases)
    func meanwhile(_ what: Meanwhile, kind: DatabaseKind) async throws {
        try await RetentionBench.run(on: kind) { bench in
            try await bench.push(["v1", "v2"])
            bench.clock.advance(bySeconds: 30 * RetentionBench.day)
            try await bench.set(
                """
                {"keep": "pushed_within", "period": "7d"}, {"keep": "pulled_within", "period": "7d"},
                {"keep": "matching", "pattern": "v2"}
                """)
            #expect(try await bench.explain().gone == ["api v1"])
            // The first write claims the run, the second removes.
            let store = HookedStore(bench.metadata) { number, isAfter in
                guard number == 2, !isAfter else { return }
                try await Self.interfere(what, bench)
            }
            let report = try #require(try await bench.apply(bench.runner(on: store)))
            #expect(report.failure == nil && report.outcome.removedCount == 0)
            #expect(store.writeCount >= 3)
            #expect(try await bench.tags() == (what == .removed ? ["v2"] : ["v1", "v2"]))
            if what == .switchedOff { #expect(report.interruption == .disabled) }
        }
    }

    private static func interfere(_ what: Meanwhile, _ bench: RetentionBench) async throws {
        let (id, now) = (bench.project.id, bench.clock.now())
        switch what {
        case .pushed: try await bench.bench.publish("api v1", tags: ["v1"])
        case .pulled:
            let found = try await bench.bench.package().findFile(.tag("v1"), path: "manifest")
            let services = bench.bench.scopes.replicas[0]
            if let found { services.pulls.record(found.version.id, at: now) }
            try await services.flushPulls()
        case .protected:
            let draft = TagRuleDraft(pattern: try NamePattern("v1"), isImmutable: true)
            try await bench.metadata.write { tx in
                _ = try tx.insertTagRule(draft, projectID: id, format: "oci", at: now)
            }
        case .switchedOff: try await bench.set("", enabled: false)
        case .removed: #expect(try await bench.bench.package().removeTag("v1"))
        }
    }

    @Test("a package that changes while it is worked on is judged anew")
    func changesWithinAPackage() async throws {
        try await RetentionBench.run(on: .sqlite) { bench in
            try await bench.push(["v1", "v2", "v3", "v4", "v5"])
            try await bench.set(Self.newest)
            // After v3 has gone, somebody removes v5: then v4 and v2 are the newest.
            let store = HookedStore(bench.metadata) { number, isAfter in
                guard number == 2, isAfter else { return }
                let tags = try await bench.tags()
                #expect(tags == ["v1", "v2", "v4", "v5"])
                let wasThere = try await bench.bench.package().removeTag("v5")
                #expect(wasThere)
            }
            let report = try await bench.apply(bench.runner(on: store) { $0.removedCount = 1 })
            #expect(report?.outcome == RetentionOutcome(keptCount: 2, removedCount: 2))
            #expect(try await bench.tags() == ["v2", "v4"])
        }
    }

    @Test("a package that never rests is done in one go")
    func busyPackage() async throws {
        try await RetentionBench.run(on: .sqlite) { bench in
            try await bench.push((0..<30).map { "v\($0)" })
            try await bench.set(#"{"keep": "newest", "count": 25, "names": "v.*"}"#)
            let store = HookedStore(bench.metadata) { number, isAfter in
                guard isAfter, number > 1 else { return }
                try await bench.bench.publish("busy \(number)", tags: ["x\(number)"])
            }
            let report = try #require(
                try await bench.apply(bench.runner(on: store) { $0.examinedCount = 2 }))
            #expect(report.outcome.removedCount == 5)
            #expect(store.writeCount < 15)
        }
    }

    @Test("a publisher in his transaction is waited for, and counts")
    func publisherFirst() async throws {
        try await RetentionBench.run(on: .postgres) { bench in
            try await bench.push(["v1", "v2"])
            bench.clock.advance(bySeconds: 30 * RetentionBench.day)
            try await bench.set(#"{"keep": "pushed_within", "period": "7d", "names": "v1"}"#)
            let found = try #require(
                try await bench.bench.package().findFile(.tag("v1"), path: "manifest"))
            let (version, now) = (found.version, bench.clock.now())
            let (hasWritten, mayEnd) = (
                DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
            )
            async let pushed: Void = bench.metadata.write { tx in
                try tx.touchPackage(version.package.id, at: now)
                try tx.setTag("v1", version: version, at: now)
                hasWritten.signal()
                // Until the run has surely begun to wait for the package's row.
                _ = mayEnd.wait(timeout: .now() + .milliseconds(700))
            }
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    hasWritten.wait()
                    continuation.resume()
                }
            }
            let report = try await bench.apply()
            try await pushed
            #expect(report?.failure == nil && report?.outcome.removedCount == 0)
            #expect(try await bench.tags() == ["v1", "v2"])
        }
    }

    /// Whatever the rules are, a run removes what the dry run said, and nothing else.
    @Test func whateverTheRules() async throws {
        var generator = SeededGenerator.announced()
        let rules = [
            #"{"keep": "newest", "count": 2}"#, #"{"keep": "newest", "count": 1, "names": "v.*"}"#,
            #"{"keep": "pushed_within", "period": "4d"}"#,
            #"{"keep": "matching", "pattern": ".*1"}"#,
            #"{"keep": "newest", "count": 1, "stage": "prerelease"}"#,
            #"{"keep": "protected", "format": "oci"}"#,
            #"{"keep": "newest", "count": 1, "packages": "tool", "format": "generic"}"#,
        ]
        for _ in 0..<12 {
            let names = (1...8).map { "v\($0)" } + ["1.0-rc.1", "2.0-rc.1"]
            let tags = names.shuffled(using: &generator).prefix(7)
            let versions = names.shuffled(using: &generator).prefix(6)
            let chosen = rules.shuffled(using: &generator)
                .prefix(Int.random(in: 0...3, using: &generator)).joined(separator: ", ")
            let cut = Int.random(in: 1...4, using: &generator)
            try await RetentionBench.run(on: .sqlite) { bench in
                try await bench.push(Array(tags))
                try await bench.publish(Array(versions))
                try await bench.set(chosen)
                let said = try await bench.explain()
                let report = try #require(
                    try await bench.apply(
                        bench.runner {
                            $0.removedCount = cut
                            $0.examinedCount = cut + 1
                            $0.rowCount = cut
                        }))
                #expect(Int(report.outcome.removedCount) == said.gone.count, "\(chosen)")
                #expect(Int(report.outcome.keptCount) == said.kept.count, "\(chosen)")
                let left =
                    try await bench.tags().map { "api \($0)" }
                    + (try await bench.versions().map { "tool \($0)" })
                let all = tags.map { "api \($0)" } + versions.map { "tool \($0)" }
                #expect(Set(left) == Set(all).subtracting(said.gone), "\(chosen)")
                #expect(try await bench.explain().gone == [])
            }
        }
    }

    // MARK: Failures

    private struct Crash: Error {}

    @Test("wherever a server dies, the next one brings it to its end", arguments: [true, false])
    func crashes(isAfter: Bool) async throws {
        for number in 1...9 {
            try await RetentionBench.run(on: .sqlite) { bench in
                try await bench.push(["v1", "v2", "v3", "v4", "v5", "v6"])
                try await bench.publish(["1", "2", "3", "4"])
                try await bench.set(Self.newest)
                let store = HookedStore(bench.metadata) { write, after in
                    // From here on the process does nothing any more.
                    if write > number || (write == number && after == isAfter) { throw Crash() }
                }
                _ = try? await bench.apply(bench.runner(on: store) { $0.removedCount = 1 })
                bench.clock.advance(bySeconds: 61)
                var reports = 0
                while try await bench.runner(replica: 1).runNext() != nil { reports += 1 }
                let neverBegan = number == 1 && !isAfter
                #expect(reports == (neverBegan ? 0 : 1), "write \(number)")
                if neverBegan { _ = try await bench.apply() }
                #expect(try await bench.tags() == ["v5", "v6"], "write \(number)")
                #expect(try await bench.versions() == ["3", "4"], "write \(number)")
                #expect(try await bench.record()?.leasedUntil == nil)
            }
        }
    }

    @Test(
        "a run that fails is put off, longer each time, and says why",
        arguments: DatabaseKind.allCases)
    func failures(kind: DatabaseKind) async throws {
        try await RetentionBench.run(on: kind) { bench in
            try await bench.push(["v1", "v2", "v3"])
            try await bench.set(Self.newest)
            bench.clock.advance(bySeconds: 2 * RetentionBench.day)
            var delays: [Int64] = []
            for _ in 0..<3 {
                let store = HookedStore(bench.metadata) { number, isAfter in
                    guard number == 2, !isAfter else { return }
                    throw RegistryError(.internalError, "a fault of the test")
                }
                let report = try #require(try await bench.runner(on: store).runNext())
                #expect(report.failure?.message == "a fault of the test")
                let record = try #require(try await bench.record())
                #expect(record.failure == "a fault of the test" && record.leasedUntil == nil)
                let now = bench.clock.now()
                delays.append(try #require(record.nextRunAt).seconds - now.seconds)
                #expect(try await bench.runner().runNext() == nil)
                bench.clock.advance(bySeconds: delays.last ?? 0)
            }
            #expect(delays.map { $0 / 60 } == [1, 2, 4])
            #expect(try await bench.runner().runNext()?.outcome.removedCount == 1)
            let record = try #require(try await bench.record())
            #expect(record.failure == nil && record.removedCount == 1)
        }
    }
}
