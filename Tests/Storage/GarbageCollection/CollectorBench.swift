import GarbageCollection
import NIOCore
import Registry
import TestSupport

/// A project whose clients push images in words, and collectors beside it.
struct CollectorBench {
    static let format: FormatID = "oci"

    let scopes: StoredScopes
    let clock: ManualClock

    /// Runs `body` on a fresh database and folder, at a moment that the test decides.
    ///
    /// - Parameter formats: those whose files may be replaced.
    static func run(
        on kind: DatabaseKind, replacing formats: [FormatID] = [], inMemory: Bool = false,
        _ body: (CollectorBench) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        try await StoredScopes.run(
            on: kind, replacing: formats, clock: clock, inMemory: inMemory
        ) { scopes in
            try await body(CollectorBench(scopes: scopes, clock: clock))
        }
    }

    var metadata: any MetadataStore { scopes.replicas[0].metadata }

    func package(
        _ name: String = "api", replica: Int = 0, format: FormatID = Self.format,
        project: NamespaceRecord? = nil, metadata: (any MetadataStore)? = nil
    ) throws(RegistryError) -> HostedPackage {
        try scopes.package(
            name, format: format, replica: replica, project: project, metadata: metadata)
    }

    func collector(
        replica: Int = 0, metadata: (any MetadataStore)? = nil, blobs: (any BlobStore)? = nil,
        clock: ManualClock? = nil,
        _ change: (inout Collector.Settings) -> Void = { _ in },
        onEvent: @escaping @Sendable (CollectionEvent) -> Void = { _ in }
    ) -> Collector {
        var settings = Collector.Settings()
        change(&settings)
        let services = scopes.replicas[replica]
        return Collector(
            metadata: metadata ?? services.metadata, blobs: blobs ?? services.blobs,
            clock: clock ?? self.clock, settings: settings, onEvent: onEvent)
    }

    /// What waits, and what was done.
    func summary() async throws -> CollectionSummary {
        let now = clock.now()
        return try await metadata.read { try $0.summarizeCollection(at: now) }
    }

    static func body(_ text: String) -> RequestBody {
        RequestBody(source: ScriptedBody(Array(text.utf8)), limitBytes: .max)
    }

    static func digest(_ text: String) -> Digest {
        InMemoryBlobs.digests(of: Array(text.utf8), []).sha256
    }

    @discardableResult
    func upload(_ text: String, to package: HostedPackage? = nil) async throws -> BlobRecord {
        try await (try package ?? self.package()).storeBlob(
            Self.body(text), expecting: Self.digest(text), size: nil)
    }

    /// Publishes a manifest with these words, which names the layers.
    @discardableResult
    func publish(
        _ text: String, layers: [String] = [], children: [String] = [], subject: String? = nil,
        tags: [String] = [], to package: HostedPackage? = nil
    ) async throws -> VersionRecord {
        let package = try package ?? self.package()
        var upload = try await scopes.blobs.beginUpload(hashes: [])
        try await upload.append(body: Self.body(text))
        let blob = try await upload.commit()
        let names = children.map { Self.digest($0).description }
        return try await package.publish(
            PublishDraft(
                package: package.name, version: blob.digest.description,
                files: [FileDraft(path: "manifest", blob: blob)],
                references: layers.map {
                    BlobReference(digest: Self.digest($0), path: Self.digest($0).description)
                },
                links: names.map { VersionLink(.child, target: $0) }
                    + [subject].compactMap(\.self).map {
                        VersionLink(.subject, target: Self.digest($0).description)
                    },
                requiredVersions: names, lifetime: .referenced, tags: tags)
        ).version
    }

    /// Brings the tag back that was removed last.
    func restoreTag(
        _ name: String, of package: HostedPackage? = nil, _ policy: RestorePolicy = .refusing
    ) async throws(RegistryError) -> TagRecord {
        let now = clock.now()
        let record = try await findRecord(of: package)
        return try await metadata.write { tx in
            try tx.touchPackage(record.id, at: now)
            guard let removed = try tx.findRemovedTag(name, packageID: record.id) else {
                throw RegistryError(.notFound, "there is no such tag", reason: "tag_unknown")
            }
            return try tx.restore(removed, policy, by: Authority(.owner), at: now)
        }
    }

    /// Brings a version back.
    func restore(
        _ versionID: Int64, of package: HostedPackage? = nil, _ policy: RestorePolicy = .refusing
    ) async throws(RegistryError) {
        let now = clock.now()
        let record = try await findRecord(of: package)
        try await metadata.write { tx in
            try tx.touchPackage(record.id, at: now)
            guard let version = try tx.findVersion(versionID), version.deletedAt != nil else {
                throw RegistryError(.notFound, "it is not in the trash", reason: "gone")
            }
            _ = try tx.restore(version, policy, by: Authority(.owner), at: now)
        }
    }

    private func findRecord(
        of given: HostedPackage?
    ) async throws(RegistryError) -> PackageRecord {
        let package = if let given { given } else { try package() }
        guard let record = try await package.find() else {
            throw RegistryError(.notFound, "there is no such package")
        }
        return record
    }

    /// Changes the settings of the project or of the group around it.
    func set(
        _ change: @escaping @Sendable (inout NamespaceSettings) -> Void, onGroup: Bool = false
    ) async throws {
        let path = onGroup ? "acme" : "acme/web"
        try await metadata.write { tx in
            guard let namespace = try tx.findNamespace(.path(path, nil)) else { return }
            var settings = namespace.settings
            change(&settings)
            _ = try tx.updateNamespace(namespace.id, NamespaceChange(settings: settings))
        }
    }

    /// What the package serves under the digest of these words; `nil` when it has nothing.
    func served(_ text: String, from package: HostedPackage? = nil) async throws -> String? {
        let package = try package ?? self.package()
        guard let blob = try await package.findBlob(Self.digest(text)) else { return nil }
        let reader = try await package.open(blob)
        return String(buffer: try await reader.read(at: 0, limitBytes: Int(blob.size)))
    }

    func hasManifest(_ text: String) async throws -> Bool {
        try await package().findFile(.name(Self.digest(text).description), path: "manifest") != nil
    }

    /// The digests of all blobs whose bytes lie in the store.
    func storedDigests() async throws -> [String] {
        let found = SendableBox<[String]>([])
        let later = clock.now().advanced(bySeconds: 100 * 365 * 86_400)
        try await scopes.blobs.listEntries(writtenBefore: later) { page in
            for case .blob(let key, _) in page {
                let name = key.description.split(separator: "/").last ?? ""
                found.withValue { $0.append(String(name.prefix { $0 != "-" })) }
            }
        }
        return found.withValue { $0.sorted() }
    }
}
