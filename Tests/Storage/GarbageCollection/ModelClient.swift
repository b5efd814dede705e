import Registry
import TestSupport
import Testing

/// A client with a package of its own, who knows what the package must serve him. Layers are the same
/// bytes for all clients.
struct ModelClient: Sendable {
    let bench: CollectorBench
    let package: HostedPackage
    /// What things are mounted from.
    let source: HostedPackage
    let number: Int
    var generator: SeededGenerator
    var model = RegistryModel()
    /// Blobs of the source, and when the leases of them end that this client knows of.
    var sourceLeases: [String: Timestamp] = [:]
    var counter = 0

    init(bench: CollectorBench, number: Int, generator: SeededGenerator) throws {
        self.bench = bench
        self.number = number
        self.generator = generator
        package = try bench.package("api-\(number)", replica: number % 2)
        source = try bench.package("base", replica: number % 2)
    }

    var now: Timestamp { bench.clock.now() }

    /// Does something.
    mutating func step() async throws {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<24: try await upload()
        case 24..<36: try await head()
        case 36..<44: try await mount()
        case 44..<74: try await publish()
        case 74..<85: try await retag()
        case 85..<93: try await untag()
        default: try await trash()
        }
    }

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
            text: "manifest \(number)/\(counter)", layers: pick(required, atMost: 4),
            children: children, subject: subject, touchedAt: now)
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
        try await untag(tag)
    }

    private mutating func untag(_ tag: String) async throws {
        #expect(try await package.removeTag(tag), "tag \(tag)")
        let moment = now
        if let text = model.tags.removeValue(forKey: tag) {
            model.live[text]?.touchedAt = moment
        }
    }

    /// Removes every tag, so that everything ends in time.
    mutating func untagAll() async throws {
        for tag in model.tags.keys.sorted() { try await untag(tag) }
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

    // MARK: Checks

    /// Everything that must be there is served, byte by byte.
    func checkEverything(_ seed: UInt64) async throws {
        for text in model.requiredBlobs(at: now) {
            let served = try await bench.served(text, from: package)
            #expect(served == text, "\(text) is lost: PACKHOUSE_GC_SEED=\(seed)")
        }
        for (tag, text) in model.tags {
            let file = try await package.findFile(.tag(tag), path: "manifest")
            #expect(
                file?.version.name == CollectorBench.digest(text).description,
                "tag \(tag): PACKHOUSE_GC_SEED=\(seed)")
        }
    }

    /// Forgets what collectors that have nothing left to do must have deleted, and looks whether
    /// they did.
    mutating func settle(_ seed: UInt64) async throws {
        let before = Set(model.live.keys)
        model.settle(at: now)
        for text in before {
            let name = CollectorBench.digest(text).description
            let isThere = try await package.findFile(.name(name), path: "manifest") != nil
            #expect(
                isThere == (model.live[text] != nil),
                "\(text) after a collection: PACKHOUSE_GC_SEED=\(seed)")
        }
    }

    // MARK: Chance

    private mutating func pick(_ from: [String], atMost limit: Int) -> [String] {
        Array(from.shuffled(using: &generator).prefix(Int.random(in: 0...limit, using: &generator)))
    }

    private mutating func randomTag() -> String {
        "tag-\(Int.random(in: 0..<8, using: &generator))"
    }
}
