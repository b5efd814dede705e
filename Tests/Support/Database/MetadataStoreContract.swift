public import Registry
public import Testing

/// What every `MetadataStore` has to do, whatever it stores in.
///
/// A test runs each of `checks` over a store of its own, which is empty at first.
public struct MetadataStoreContract: Sendable {
    /// One promise of the protocols.
    public struct Check: Sendable, CustomTestStringConvertible {
        public let testDescription: String
        let verify: @Sendable (MetadataStoreContract) async throws -> Void

        init(
            _ name: String,
            _ verify: @escaping @Sendable (MetadataStoreContract) async throws -> Void
        ) {
            testDescription = name
            self.verify = verify
        }
    }

    /// All promises.
    public static var checks: [Check] {
        namespaceChecks + visibilityChecks + identityChecks + tokenChecks + featureChecks
            + packageChecks + fileChecks + listChecks + blobChecks + heldChecks
            + repositoryChecks + pullChecks + retentionChecks + pageLoginChecks + concurrencyChecks
    }

    let store: any MetadataStore
    /// The clock that the store reads.
    let clock: ManualClock

    /// The contract of `store`, which is empty and reads `clock`.
    public init(_ store: any MetadataStore, clock: ManualClock) {
        self.store = store
        self.clock = clock
    }

    /// Verifies one promise.
    public func verify(_ check: Check) async throws {
        try await check.verify(self)
    }
}

// MARK: - What checks are made of

extension MetadataStoreContract {
    /// Runs `body` and gives the failure that it must end in.
    func failure(
        _ code: RegistryError.Code, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Void
    ) async {
        do throws(RegistryError) {
            try await store.write(body)
            Issue.record(
                "nothing failed where \(code) was due", sourceLocation: sourceLocation)
        } catch {
            #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        }
    }

    /// Whether the change made replicas read again what they know about access.
    func raisesEpoch(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Void
    ) async throws -> Bool {
        let before = try await store.read { try $0.findAdministrationEpoch() }
        try await store.write(body)
        return try await store.read { try $0.findAdministrationEpoch() } > before
    }
}

/// What the tests of stores publish and who does it.
public enum Sample {
    /// A moment that every sample is made at.
    public static let now = Timestamp(seconds: 1_800_000_000)
    /// A format that nobody else knows.
    public static let format: FormatID = "generic"
    /// Somebody without rights, for rows that need one.
    public static let actor = Actor(
        principal: .anonymous, requestID: "request", remoteAddress: "127.0.0.1")

    /// A digest of its own for each number.
    public static func digest(_ number: Int) -> Digest {
        Digest(.sha256, bytes: (0..<32).map { UInt8(truncatingIfNeeded: number >> ($0 % 8 * 8)) })
    }

    /// A blob of its own for each number, under a key of its own for each `write`.
    public static func blob(
        _ number: Int, write: Int = 0, md5: String? = nil, sha1: String? = nil
    ) -> CommittedBlob {
        CommittedBlob(
            digests: BlobDigests(sha256: digest(number), md5: md5, sha1: sha1),
            size: Int64(number), key: StorageKey(stored: "sha256/\(number)-\(write)"))
    }
}

extension MetadataWriting {
    /// Inserts the namespace; each of the groups above it must be there.
    @discardableResult
    public func insertSample(
        _ path: String, _ kind: NamespaceKind = .project, _ visibility: Visibility = .private,
        settings: NamespaceSettings = NamespaceSettings()
    ) throws -> NamespaceRecord {
        let path = try NamespacePath(parsing: path)
        var parent: NamespaceRecord?
        if let above = path.parent {
            parent = try findNamespace(.path(above.description, nil))
            if parent == nil { throw RegistryError(.notFound, "'\(above)' does not exist") }
        }
        return try insertNamespace(
            NamespaceDraft(
                kind: kind, path: path, parentID: parent?.id, name: path.lastSegment,
                visibility: visibility, settings: settings), at: Sample.now)
    }

    /// Inserts a user of this name.
    public func insertSampleUser(_ name: String) throws -> UserRecord {
        try insertUser(
            UserDraft(username: name, name: "The \(name)", email: "\(name)@example.com"),
            at: Sample.now)
    }

    /// Publishes one file without any of the rules that a real publish has.
    @discardableResult
    public func insertSampleFile(
        _ project: NamespaceRecord, package: String = "tool", version: String = "1.0",
        path: String = "tool.tar", blob: Int = 1, status: VersionStatus = .default,
        format: FormatID = Sample.format, at now: Timestamp = Sample.now
    ) throws -> PublishedFile {
        let package = try upsertPackage(
            projectID: project.id, format: format, name: package, at: now)
        let version = try insertVersion(
            package: package, name: version, status: status, lifetime: .explicit, attributes: "{}",
            actor: Sample.actor, at: now
        ).version
        let blob = Sample.blob(blob)
        _ = try upsertBlob(blob, at: now)
        let file = try insertFile(FileDraft(path: path, blob: blob), version: version, at: now)
        return PublishedFile(version: version, file: file)
    }
}
