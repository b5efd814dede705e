import Registry
import TestSupport
import Testing

/// A client with packages of its own, who knows what they must serve him, and what he can restore.
/// Layers are the same bytes for all clients.
struct ModelClient: Sendable {
    /// The format of the releases, whose files may be replaced.
    static let releaseFormat: FormatID = "generic"

    let bench: CollectorBench
    let number: Int
    /// Where the images are.
    var package: HostedPackage
    /// Where the releases are.
    var releases: HostedPackage
    /// What things are mounted from.
    let source: HostedPackage
    var generator: SeededGenerator
    var model = RegistryModel()
    /// The row of the package of images; `nil` before the first.
    var packageID: Int64?
    /// Blobs of the source, and when the leases of them end that this client knows of.
    var sourceLeases: [String: Timestamp] = [:]
    var counter = 0

    init(bench: CollectorBench, number: Int, generator: SeededGenerator) throws {
        self.bench = bench
        self.number = number
        self.generator = generator
        source = try bench.package("base", replica: number % 2)
        package = try bench.package("api-\(number)", replica: number % 2)
        releases = try bench.package(
            "tool-\(number)", replica: number % 2, format: Self.releaseFormat)
    }

    var now: Timestamp { bench.clock.now() }

    /// Goes on with other settings of the project, as the next request of a client does.
    mutating func adopt(
        _ project: NamespaceRecord, _ periods: CollectionPeriods, isLookedAt: Bool
    ) throws {
        package = try bench.package(package.name, replica: number % 2, project: project)
        releases = try bench.package(
            releases.name, replica: number % 2, format: Self.releaseFormat, project: project)
        model.change(periods, isLookedAt: isLookedAt, at: now)
    }

    /// Does something.
    mutating func step() async throws {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<16: try await upload()
        case 16..<25: try await head()
        case 25..<31: try await mount()
        case 31..<50: try await publish()
        case 50..<57: try await retag()
        case 57..<63: try await untag()
        case 63..<68: try await trashImage()
        case 68..<72: try await restoreImage()
        case 72..<76: try await restoreTag()
        case 76..<78: try await publishTrashed()
        case 78: try await trashPackage()
        case 79..<81: try await restorePackage()
        case 81..<83: try await pull()
        case 83..<90: try await publishRelease()
        case 90..<92: try await trashRelease()
        case 92..<94: try await restoreRelease()
        case 94..<97: try await trashFile()
        default: try await restoreFile()
        }
    }

    // MARK: Blobs

    private mutating func upload() async throws {
        // Now and then something that was there before.
        let text = randomLayer()
        try await bench.upload(text, to: package)
        model.leases[text] = now.advanced(bySeconds: RegistryModel.day)
    }

    private mutating func head() async throws {
        let text = randomLayer()
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

    // MARK: Images

    private mutating func publish() async throws {
        let required = model.requiredBlobs(at: now).filter { !$0.hasPrefix("manifest") }.sorted()
        let manifests = requiredTexts()
        counter += 1
        let children =
            manifests.isEmpty || Int.random(in: 0..<4, using: &generator) > 0
            ? [] : pick(manifests, atMost: 3)
        let subject =
            Int.random(in: 0..<4, using: &generator) > 0
            ? nil
            : manifests.randomElement(using: &generator) ?? "manifest that never comes"
        try await publish(
            "manifest \(number)/\(counter)", layers: pick(required, atMost: 4),
            children: children, subject: subject,
            tag: Bool.random(using: &generator) ? randomTag() : nil)
    }

    private mutating func retag() async throws {
        // What a part is missing of, which was deleted by itself, cannot be published again.
        guard let image = randomRequiredImage(),
            Set(image.children).isSubset(of: requiredTexts())
        else { return }
        try await publish(
            image.text, layers: image.layers, children: image.children, subject: image.subject,
            tag: randomTag())
    }

    /// Publishes what is in the trash once more, where all that it needs is there.
    private mutating func publishTrashed() async throws {
        guard let image = randomTrashedImage(),
            Set(image.layers).isSubset(of: model.requiredBlobs(at: now)),
            Set(image.children).isSubset(of: requiredTexts())
        else { return }
        try await publish(
            image.text, layers: image.layers, children: image.children, subject: image.subject,
            tag: Bool.random(using: &generator) ? randomTag() : nil)
    }

    private mutating func publish(
        _ text: String, layers: [String], children: [String], subject: String?, tag: String?
    ) async throws {
        let moment = now
        let required = model.requiredImages(at: moment)
        let mustStay = model.liveImage(text).map { required.contains($0.id) ? $0.id : nil }
        let version = try await bench.publish(
            text, layers: layers, children: children, subject: subject,
            tags: [tag].compactMap(\.self), to: package)
        packageID = version.package.id
        if let mustStay { #expect(mustStay == nil || mustStay == version.id, "\(text)") }
        if model.images[version.id] == nil {
            // One of this text that a collector took meanwhile.
            if let gone = model.liveImage(text) { model.forgetImage(gone.id) }
            model.images[version.id] = RegistryModel.Image(
                id: version.id, text: text, layers: layers, children: children,
                subject: subject, neededAt: moment, lookedAtBy: moment)
        }
        model.need(version.id, at: moment)
        if let tag { model.setTag(tag, version.id, at: moment) }
        try await forgetLostParts(since: required)
    }

    /// Forgets what a collector took while nothing kept it, and what something that came back or got a
    /// tag would keep by now.
    ///
    /// - Parameter required: what had to stay until then.
    mutating func forgetLostParts(since required: Set<Int64>) async throws {
        let uncertain = model.requiredImages(at: now).subtracting(required)
        guard uncertain.count > 1 else { return }
        let gone = try await bench.metadata.read { tx in
            try uncertain.filter { try tx.findVersion($0) == nil }
        }
        for id in gone { model.forgetImage(id) }
    }

    /// Downloads an image by its digest, which lets its time without a tag begin anew.
    private mutating func pull() async throws {
        guard let image = randomRequiredImage() else { return }
        let services = bench.scopes.replicas[number % 2]
        services.pulls.record(image.id, at: now)
        try await services.flushPulls()
        model.need(image.id, at: now)
    }

    // MARK: Tags

    private mutating func untag() async throws {
        guard let tag = model.visibleTags.keys.sorted().randomElement(using: &generator) else {
            return
        }
        try await untag(tag)
    }

    private mutating func untag(_ tag: String) async throws {
        let moment = now
        #expect(try await package.removeTag(tag), "tag \(tag)")
        guard let id = model.tags.removeValue(forKey: tag) else { return }
        model.removedTags.append(
            RegistryModel.RemovedTag(name: tag, imageID: id, deletedAt: moment))
        model.need(id, at: moment)
    }

    /// Removes everything, so that all of it ends in time.
    mutating func removeAll() async throws {
        for tag in model.visibleTags.keys.sorted() { try await untag(tag) }
        for release in model.liveReleases { try await trashRelease(release) }
    }

    // MARK: Chance

    mutating func pick(_ from: [String], atMost limit: Int) -> [String] {
        Array(from.shuffled(using: &generator).prefix(Int.random(in: 0...limit, using: &generator)))
    }

    mutating func randomTag() -> String {
        "tag-\(Int.random(in: 0..<8, using: &generator))"
    }

    mutating func randomLayer() -> String {
        "layer \(Int.random(in: 0..<40, using: &generator))"
    }

    mutating func randomPolicy() -> RestorePolicy {
        Bool.random(using: &generator) ? .refusing : .overwriting
    }

    mutating func randomRequiredImage() -> RegistryModel.Image? {
        let id = model.requiredImages(at: now).sorted().randomElement(using: &generator)
        return id.flatMap { model.images[$0] }
    }

    mutating func randomTrashedImage() -> RegistryModel.Image? {
        model.images.values.filter { $0.trashedAt != nil }.sorted { $0.id < $1.id }
            .randomElement(using: &generator)
    }

    private func requiredTexts() -> [String] {
        model.requiredImages(at: now).compactMap { model.images[$0]?.text }.sorted()
    }
}
