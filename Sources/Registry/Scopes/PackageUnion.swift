import HTTPTypes

/// All projects of a group, or of the instance, read as one: the newest file of a name wins.
///
/// Which projects count is decided for each of them: those whose packages the caller may read.
public struct PackageUnion: ScopeHandle {
    public let namespace: NamespaceRecord?
    private let actor: Actor
    private let services: RegistryServices
    public let caller: any CallerHandle

    /// The union of the projects below `group`, or of all projects.
    ///
    /// - Parameter caller: who makes the request, where there is a gateway to log in to.
    public init(
        group: NamespaceRecord?, actor: Actor, services: RegistryServices,
        caller: (any CallerHandle)? = nil
    ) {
        self.namespace = group
        self.actor = actor
        self.services = services
        self.caller = caller ?? PlainCaller(actor.principal)
    }

    public var remainder: [String] { [] }

    public func allowsReplacing(_ format: FormatID) -> Bool { false }

    public func listPackageAddresses(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String] {
        let (projects, reader) = (projects, reader)
        return try await services.metadata.read { tx in
            try tx.listPackageAddresses(
                format: format, in: projects, readableBy: reader, after: last, limit: limit)
        }
    }

    public func findPackages(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> [PackageRecord] {
        let (projects, reader) = (projects, reader)
        let address = PackageAddress(format: format, name: name)
        return try await services.metadata.read { tx in
            try tx.findPackages(address, in: projects, readableBy: reader)
        }
    }

    public func loadPackage(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> PackageContents {
        try await services.loadPackage(
            PackageAddress(format: format, name: name), in: projects, readableBy: reader)
    }

    public func listPackageNames(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String] {
        let (projects, reader) = (projects, reader)
        return try await services.metadata.read { tx in
            try tx.listPackageNames(
                format: format, in: projects, readableBy: reader, after: last, limit: limit)
        }
    }

    public func filterKnownVersions(
        _ names: [String], of packages: [PackageRecord]
    ) async throws(RegistryError) -> Set<String> {
        try await services.metadata.filterKnownVersions(names, of: packages)
    }

    public func searchPackages(
        _ format: FormatID, terms: [String], page: PageRequest
    ) async throws(RegistryError) -> Page<PackageRecord> {
        let (projects, reader) = (projects, reader)
        return try await services.metadata.read { tx in
            try tx.searchPackages(
                format: format, terms: terms, in: projects, readableBy: reader, page: page)
        }
    }

    public func findFile(
        _ format: FormatID, digest: Digest, path: String
    ) async throws(RegistryError) -> PublishedFile? {
        let (projects, reader) = (projects, reader)
        return try await services.metadata.read { tx in
            try tx.findFile(
                format: format, digest: digest, path: path, in: projects, readableBy: reader)
        }
    }

    public func findFile(_ address: FileAddress) async throws(RegistryError) -> PublishedFile? {
        let (projects, reader) = (projects, reader)
        return try await services.metadata.read { tx in
            try tx.findFiles(address, in: projects, readableBy: reader, limit: 1).first
        }
    }

    public func findVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> VersionRecord? {
        let (projects, reader) = (projects, reader)
        return try await services.metadata.read { tx in
            try tx.findVersions(
                format: format, package: package, version: version, in: projects,
                readableBy: reader, limit: 1
            ).first
        }
    }

    public func listFiles(
        of version: VersionRecord, page: PageRequest
    ) async throws(RegistryError) -> Page<FileRecord> {
        try await services.metadata.read { tx in
            try tx.listFiles(versionID: version.id, isDeleted: false, page: page)
        }
    }

    public func open(_ file: FileRecord) async throws(RegistryError) -> any BlobReader {
        try await services.openVerified(file)
    }

    public func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        throw RegistryError.unionIsReadOnly()
    }

    public func publish(
        _ draft: PublishDraft, format: FormatID
    ) async throws(RegistryError) -> PublishOutcome {
        throw RegistryError.unionIsReadOnly()
    }

    public func trashFile(
        _ address: FileAddress, ifMatches digests: Set<Digest>?
    ) async throws(RegistryError) -> Bool {
        throw RegistryError.unionIsReadOnly()
    }

    public func trashVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> Bool {
        throw RegistryError.unionIsReadOnly()
    }

    private var projects: ProjectSet {
        namespace.map { .below($0.id) } ?? .instance
    }

    private var reader: PackageReader { PackageReader(actor.principal) }
}

extension RegistryError {
    /// Groups and the instance can only be read.
    public static func unionIsReadOnly() -> RegistryError {
        RegistryError(
            .methodNotAllowed,
            "a group is a read-only union of its projects: publish and delete in a project",
            headers: [.allow: "GET, HEAD"])
    }
}
