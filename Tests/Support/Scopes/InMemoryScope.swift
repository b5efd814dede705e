public import Registry
import Synchronization

/// A scope that keeps everything in memory, for tests of handlers: a project, or the read-only union
/// of several. It keeps the promises of `ScopeHandle`, and counts what is begun and never ended.
public final class InMemoryScope: ScopeHandle {
    private struct State {
        var files: [FileAddress: PublishedFile] = [:]
        /// Versions that were deleted: their names stay reserved.
        var trash: Set<String> = []
        var versions: [String: VersionRecord] = [:]
        var lastID: Int64 = 0
        var beforePublish: (@Sendable (InMemoryScope) -> Void)?

        mutating func nextID() -> Int64 {
            lastID += 1
            return lastID
        }
    }

    public let namespace: NamespaceRecord? = nil
    public let remainder: [String] = []
    /// Where uploads write to and files are read from.
    public let blobs = InMemoryBlobs()
    /// Turns when a test turns it.
    public let clock: ManualClock
    private let isUnion: Bool
    private let isReplacingAllowed: Bool
    private let state = Mutex(State())

    /// An empty project, or an empty union.
    public init(
        isUnion: Bool = false, allowsReplacing: Bool = false, clock: ManualClock = ManualClock()
    ) {
        self.isUnion = isUnion
        isReplacingAllowed = allowsReplacing
        self.clock = clock
    }

    public func allowsReplacing(_ format: FormatID) -> Bool { isReplacingAllowed }

    /// Runs `action` once, just before the next publish looks at what is there: somebody else who
    /// is faster.
    public func beforeNextPublish(_ action: @escaping @Sendable (InMemoryScope) -> Void) {
        state.withLock { $0.beforePublish = action }
    }

    /// Puts a file there, past every rule.
    @discardableResult
    public func place(
        _ bytes: [UInt8], at address: FileAddress, mediaType: String? = nil,
        hashes: ExtraHashes = []
    ) -> FileRecord {
        let blob = blobs.store(bytes, hashes: hashes)
        return state.withLock { state in
            let version = insertVersion(address, .default, &state)
            return insert(
                FileDraft(path: address.path, blob: blob, mediaType: mediaType), address, version,
                &state)
        }
    }

    public func findFile(_ address: FileAddress) async throws(RegistryError) -> PublishedFile? {
        state.withLock { $0.files[address] }
    }

    public func findVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> VersionRecord? {
        state.withLock { $0.versions[Self.key(package, version)] }
    }

    public func listFiles(
        of version: VersionRecord, page: PageRequest
    ) async throws(RegistryError) -> Page<FileRecord> {
        let files = state.withLock { $0.files.values.map(\.file) }
            .filter { $0.versionID == version.id }
            .sorted { Array($0.path.utf8).lexicographicallyPrecedes(Array($1.path.utf8)) }
        return Page(
            rows: Array(files.dropFirst(page.offset).prefix(page.size)),
            totalCount: files.count, request: page)
    }

    public func findPackages(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> [PackageRecord] {
        try await loadPackage(name, format: format).packages
    }

    public func loadPackage(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> PackageContents {
        let (files, versions) = state.withLock { (Array($0.files.values), $0.versions.values) }
        let releases =
            versions
            .filter { $0.package.name == name && $0.package.format == format }
            .sorted { $0.id < $1.id }
            .map { version in
                Release(
                    version: version,
                    files: files.map(\.file).filter { $0.versionID == version.id }
                        .sorted { $0.path < $1.path },
                    tags: [])
            }
        return PackageContents(
            packages: releases.first.map { [$0.version.package] } ?? [], releases: releases)
    }

    public func listPackageNames(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String] {
        let names = state.withLock { state in
            Set(state.versions.values.filter { $0.package.format == format }.map(\.package.name))
        }
        return Array(names.filter { $0 > last ?? "" }.sorted().prefix(limit))
    }

    public func searchPackages(
        _ format: FormatID, terms: [String], page: PageRequest
    ) async throws(RegistryError) -> Page<PackageRecord> {
        throw RegistryError(.methodNotAllowed, "what is in memory cannot be searched")
    }

    public func findFile(
        _ format: FormatID, digest: Digest, path: String
    ) async throws(RegistryError) -> PublishedFile? {
        state.withLock { state in
            state.files.values.first {
                $0.file.digests.sha256 == digest && $0.file.path == path
            }
        }
    }

    public func open(_ blob: CommittedBlob) async throws(RegistryError) -> any BlobReader {
        try blobs.open(blob.key)
    }

    public func open(_ file: FileRecord) async throws(RegistryError) -> any BlobReader {
        try blobs.open(file.storageKey)
    }

    public func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        try requireProject()
        return BlobUpload(sink: blobs.beginUpload(hashes: hashes))
    }

    public func publish(
        _ draft: PublishDraft, format: FormatID
    ) async throws(RegistryError) -> PublishOutcome {
        try requireProject()
        let faster = state.withLock { state in
            defer { state.beforePublish = nil }
            return state.beforePublish
        }
        faster?(self)
        return try state.withLock { state throws(RegistryError) in
            try publish(draft, format, &state)
        }
    }

    public func trashFile(
        _ address: FileAddress, ifMatches digests: Set<Digest>?
    ) async throws(RegistryError) -> Bool {
        try requireProject()
        return try state.withLock { state throws(RegistryError) in
            guard let there = state.files[address] else { return false }
            if let digests {
                try FileDraft.Precondition.matches(digests).check(there.file.digests.sha256)
            }
            state.files[address] = nil
            return true
        }
    }

    public func trashVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> Bool {
        try requireProject()
        return state.withLock { state in
            guard let there = state.versions.removeValue(forKey: Self.key(package, version))
            else { return false }
            for (address, file) in state.files where file.version.id == there.id {
                state.files[address] = nil
            }
            state.trash.insert(Self.key(package, version))
            return true
        }
    }

    private func requireProject() throws(RegistryError) {
        guard !isUnion else {
            throw RegistryError.unionIsReadOnly()
        }
    }

    private func publish(
        _ draft: PublishDraft, _ format: FormatID, _ state: inout State
    ) throws(RegistryError) -> PublishOutcome {
        guard !state.trash.contains(Self.key(draft.package, draft.version)) else {
            throw RegistryError(
                .conflict, "the version was deleted and its name stays reserved",
                reason: "name_reserved")
        }
        var outcomes: [FileOutcome] = []
        for file in draft.files {
            let address = FileAddress(
                format: format, package: draft.package, version: draft.version, path: file.path)
            let current = state.files[address]?.file.digests.sha256
            try file.precondition.check(current)
            if current == file.blob.digest {
                outcomes.append(.unchanged)
            } else if current == nil {
                outcomes.append(.created)
            } else if isReplacingAllowed {
                outcomes.append(.replaced)
            } else {
                throw RegistryError.fileExists(file.path, format: format, project: nil)
            }
        }
        var files: [FileRecord] = []
        let address = { (path: String) in
            FileAddress(
                format: format, package: draft.package, version: draft.version, path: path)
        }
        let version = insertVersion(address(""), draft.status, &state)
        for (file, outcome) in zip(draft.files, outcomes) {
            if outcome == .unchanged, let there = state.files[address(file.path)] {
                files.append(there.file)
            } else {
                files.append(insert(file, address(file.path), version, &state))
            }
        }
        return PublishOutcome(version: version, files: files, outcomes: outcomes)
    }

    private func insertVersion(
        _ address: FileAddress, _ status: VersionStatus?, _ state: inout State
    ) -> VersionRecord {
        let key = Self.key(address.package, address.version.description)
        let there = state.versions[key]
        let now = clock.now()
        let package = PackageRecord(
            id: 1, projectID: 1, format: address.format, name: address.package, revision: 1,
            createdAt: now, updatedAt: now)
        let version = VersionRecord(
            id: there?.id ?? state.nextID(), package: package, name: address.version.description,
            status: status ?? there?.status ?? .default, attributes: "{}", creator: "user:root",
            creatorID: 1, build: BuildRecord(), createdAt: there?.createdAt ?? now, deletedAt: nil)
        state.versions[key] = version
        return version
    }

    private func insert(
        _ draft: FileDraft, _ address: FileAddress, _ version: VersionRecord,
        _ state: inout State
    ) -> FileRecord {
        let file = FileRecord(
            id: state.nextID(), packageID: 1, versionID: version.id, path: draft.path,
            digests: draft.blob.digests, size: draft.blob.size, storageKey: draft.blob.key,
            mediaType: draft.mediaType, attributes: draft.attributes, createdAt: clock.now(),
            deletedAt: nil)
        state.files[address] = PublishedFile(version: version, file: file)
        return file
    }

    private static func key(_ package: String, _ version: String) -> String {
        "\(package)/\(version)"
    }
}
