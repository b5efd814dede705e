import Foundation
import GarbageCollection
import Registry
import TestSupport
import Testing

/// Random schedules of clients, clocks, collectors and crashes, against a model that knows only the
/// rules.
///
/// `PACKHOUSE_TEST_SEED` repeats a schedule; `PACKHOUSE_GC_OPERATIONS` says how long it is.
@Suite struct CollectorModelTests {
    @Test("whatever must be there is served, and the rest goes", arguments: DatabaseKind.allCases)
    func randomSchedules(kind: DatabaseKind) async throws {
        let given = ProcessInfo.processInfo.environment["PACKHOUSE_GC_OPERATIONS"].flatMap(Int.init)
        let operationCount = given ?? (kind == .sqlite ? 4000 : 1000)
        let generator = SeededGenerator.announced("CollectorModelTests, \(kind)")
        try await CollectorBench.run(on: kind) { bench in
            var run = try ModelRun(bench: bench, generator: generator)
            for number in 0..<operationCount {
                try await run.step()
                if number.isMultiple(of: 20) { try await run.checkEverything() }
            }
            try await run.finish()
        }
    }
}

/// One schedule.
private struct ModelRun {
    let bench: CollectorBench
    let package: HostedPackage
    let source: HostedPackage
    var generator: SeededGenerator
    var model = RegistryModel()
    /// Blobs of the package that things are mounted from, and when their leases end.
    var sourceLeases: [String: Timestamp] = [:]
    var counter = 0
    let failure = SendableBox(false)

    init(bench: CollectorBench, generator: SeededGenerator) throws {
        self.bench = bench
        self.generator = generator
        package = try bench.package()
        source = try bench.package("base")
    }

    var now: Timestamp { bench.clock.now() }

    mutating func step() async throws {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<18: try await upload()
        case 18..<26: try await head()
        case 26..<32: try await mount()
        case 32..<54: try await publish()
        case 54..<62: try await retag()
        case 62..<68: try await untag()
        case 68..<73: try await trash()
        case 73..<85:
            let limit =
                Bool.random(using: &generator) ? RegistryModel.day / 4 : 3 * RegistryModel.day
            bench.clock.advance(bySeconds: Int64.random(in: 1...limit, using: &generator))
        case 85..<92: try await collectPart()
        case 92..<96: try await crash()
        default: try await collectAll()
        }
    }

    // MARK: Clients

    private mutating func upload() async throws {
        // Now and then something that was there before.
        let text = "layer \(Int.random(in: 0..<40, using: &generator))"
        try await bench.upload(text, to: package)
        model.leases[text] = now.advanced(bySeconds: RegistryModel.day)
    }

    private mutating func head() async throws {
        let text = "layer \(Int.random(in: 0..<40, using: &generator))"
        let isRequired = model.requiredBlobs(at: now).contains(text)
        let held = try await package.holdBlob(CollectorBench.digest(text))
        #expect(held != nil || !isRequired, "HEAD of \(text)")
        guard held != nil else { return }
        let renewal = now.advanced(bySeconds: BlobLease.renewalSeconds)
        if model.leases[text].map({ $0 < renewal }) ?? true {
            model.leases[text] = now.advanced(bySeconds: RegistryModel.day)
        }
    }

    private mutating func mount() async throws {
        let text = "base \(Int.random(in: 0..<10, using: &generator))"
        if sourceLeases[text].map({ $0 <= now }) ?? true {
            try await bench.upload(text, to: source)
            sourceLeases[text] = now.advanced(bySeconds: RegistryModel.day)
        }
        let mounted = try await package.mountBlob(CollectorBench.digest(text), from: source)
        #expect(mounted != nil, "mount of \(text)")
        model.leases[text] = now.advanced(bySeconds: RegistryModel.day)
    }

    private mutating func publish() async throws {
        let required = model.requiredBlobs(at: now).filter { !$0.hasPrefix("manifest") }.sorted()
        let manifests = model.requiredManifests(at: now).sorted()
        counter += 1
        let children =
            manifests.isEmpty || Int.random(in: 0..<4, using: &generator) > 0
            ? [] : pick(manifests, atMost: 3)
        let subject =
            Int.random(in: 0..<4, using: &generator) > 0
            ? nil
            : manifests.randomElement(using: &generator) ?? "manifest that never comes"
        let manifest = RegistryModel.Manifest(
            text: "manifest \(counter)", layers: pick(required, atMost: 4), children: children,
            subject: subject, touchedAt: now)
        try await publish(manifest, tag: Bool.random(using: &generator) ? randomTag() : nil)
    }

    private mutating func retag() async throws {
        let manifests = model.requiredManifests(at: now).sorted()
        guard let text = manifests.randomElement(using: &generator),
            var manifest = model.live[text]
        else { return }
        manifest.touchedAt = now
        try await publish(manifest, tag: randomTag())
    }

    private mutating func publish(
        _ manifest: RegistryModel.Manifest, tag: String?
    ) async throws {
        _ = try await bench.publish(
            manifest.text, layers: manifest.layers, children: manifest.children,
            subject: manifest.subject, tags: [tag].compactMap(\.self), to: package)
        model.live[manifest.text] = manifest
        guard let tag else { return }
        let moment = now
        if let old = model.tags[tag], old != manifest.text {
            model.live[old]?.touchedAt = moment
        }
        model.tags[tag] = manifest.text
    }

    private mutating func untag() async throws {
        guard let tag = model.tags.keys.sorted().randomElement(using: &generator) else { return }
        #expect(try await package.removeTag(tag), "tag \(tag)")
        let moment = now
        if let text = model.tags.removeValue(forKey: tag) {
            model.live[text]?.touchedAt = moment
        }
    }

    private mutating func trash() async throws {
        let manifests = model.requiredManifests(at: now).sorted()
        guard let text = manifests.randomElement(using: &generator),
            var manifest = model.live[text]
        else { return }
        do throws(RegistryError) {
            let wasThere = try await package.trashVersion(CollectorBench.digest(text).description)
            #expect(wasThere)
        } catch {
            #expect(error.reason == "version_referenced", "\(error)")
            return
        }
        model.live[text] = nil
        manifest.trashedAt = now
        model.trash.append(manifest)
        model.tags = model.tags.filter { $0.value != text }
    }

    // MARK: Collectors

    private mutating func collectPart() async throws {
        let batch = Int.random(in: 1...5, using: &generator)
        let collector = bench.collector(replica: Int.random(in: 0...1, using: &generator)) {
            $0.reviewBatchCount = batch
            $0.blobBatchCount = 2
            $0.unlinkBatchCount = batch
        }
        _ = try await collector.runPass()
    }

    /// Work that is claimed and never done, and files that are not removed after their rows.
    private mutating func crash() async throws {
        let (moment, limit) = (now, Int.random(in: 1...10, using: &generator))
        if Bool.random(using: &generator) {
            _ = try await bench.metadata.write { tx in
                try tx.claimReviews(
                    limit: limit, at: moment, until: moment.advanced(bySeconds: 60))
            }
        } else {
            let store = FlakyBlobStore(base: bench.scopes.blobs, failsNext: { true })
            _ = try await bench.collector(blobs: store) { $0.reviewBatchCount = limit }.runPass()
        }
    }

    private mutating func collectAll() async throws {
        // Behind the end of what a crash left claimed.
        bench.clock.advance(bySeconds: 61)
        async let one = bench.collector(replica: 0).runUntilIdle()
        async let two = bench.collector(replica: 1).runUntilIdle()
        _ = try await (one, two)
        // What one of two collectors had claimed may have been the last that was due.
        _ = try await bench.collector().runUntilIdle()
        let before = Set(model.live.keys)
        model.settle(at: now)
        for text in before {
            let isThere = try await bench.hasManifest(text)
            #expect(isThere == (model.live[text] != nil), "\(text) after a collection")
        }
    }

    // MARK: Checks

    mutating func checkEverything() async throws {
        for text in model.requiredBlobs(at: now) {
            let served = try await bench.served(text, from: package)
            #expect(served == text, "\(text) is lost")
        }
        for (tag, text) in model.tags {
            let file = try await package.findFile(.tag(tag), path: "manifest")
            #expect(file?.version.name == CollectorBench.digest(text).description, "tag \(tag)")
        }
    }

    mutating func finish() async throws {
        try await checkEverything()
        while !model.tags.isEmpty { try await untag() }
        for _ in 0..<12 {
            bench.clock.advance(bySeconds: 4 * RegistryModel.week)
            try await collectAll()
        }
        #expect(model.live.isEmpty)
        #expect(try await bench.storedDigests() == [], "what nobody names goes")
        let moment = now
        let summary = try await bench.metadata.read { try $0.summarizeCollection(at: moment) }
        #expect(summary.reviewCount == 0 && summary.unlinkCount == 0)
    }

    // MARK: Chance

    private mutating func pick(_ from: [String], atMost limit: Int) -> [String] {
        Array(from.shuffled(using: &generator).prefix(Int.random(in: 0...limit, using: &generator)))
    }

    private mutating func randomTag() -> String {
        "tag-\(Int.random(in: 0..<8, using: &generator))"
    }
}
