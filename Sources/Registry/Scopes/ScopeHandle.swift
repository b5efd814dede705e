/// The part of the registry that a request's address names, as its format sees it: a project, the
/// union of a group's projects, or the union of all.
///
/// A handle exists only after access was granted, and shows only what its caller may read.
public protocol ScopeHandle: Sendable {
    /// The project or group, or `nil` for the instance.
    var namespace: NamespaceRecord? { get }
    /// Segments behind the project's path that belong to the format, as OCI's repository names have.
    var remainder: [String] { get }
    /// Who makes the request.
    var caller: any CallerHandle { get }
    /// Whether published names of `format` may be given other bytes.
    func allowsReplacing(_ format: FormatID) -> Bool

    /// The package of `format` that is named by `remainder`, to be published to in several requests.
    ///
    /// - Throws: `methodNotAllowed` in a union, which is read-only.
    func hostedPackage(_ format: FormatID) throws(RegistryError) -> HostedPackage
    /// The package of `format` in another project, which the operation asked for as well; `nil` when
    /// access to it was not granted.
    func hostedPackage(at reference: NamespaceReference, _ format: FormatID) -> HostedPackage?
    /// The addresses of the packages of a format that the caller may read and that have something,
    /// in bytewise order, from the first behind `last`.
    func listPackageAddresses(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String]
    /// Bytes of all blobs that the packages at `address` and below it name, each blob once.
    func measureBlobs(
        _ format: FormatID, atOrBelow address: String
    ) async throws(RegistryError) -> Int64

    /// The packages of this name that have a version: at most one in a project. Cheap, so that their
    /// revisions can tell whether a document is still right.
    func findPackages(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> [PackageRecord]
    /// Everything under this name, read at one moment.
    func loadPackage(
        _ name: String, format: FormatID
    ) async throws(RegistryError) -> PackageContents
    /// The names of packages that the caller may read and that have a version, each once, in bytewise
    /// order, from the first behind `last`.
    func listPackageNames(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String]
    /// The packages that have all of `terms` in what they can be searched by, in order of their names.
    func searchPackages(
        _ format: FormatID, terms: [String], page: PageRequest
    ) async throws(RegistryError) -> Page<PackageRecord>
    /// Of `names`, those that a version of one of `packages` has.
    func filterKnownVersions(
        _ names: [String], of packages: [PackageRecord]
    ) async throws(RegistryError) -> Set<String>
    /// The newest file of this content and path in any version of a package of the format.
    func findFile(
        _ format: FormatID, digest: Digest, path: String
    ) async throws(RegistryError) -> PublishedFile?
    /// Changes a package in one transaction: all of it or nothing.
    ///
    /// - Parameter revision: what the package's revision must be; `nil` asks nothing.
    /// - Returns: the package as it is then; `nil` when there is none of this name.
    /// - Throws: `conflict` when the revision is another, `notFound` when a version, tag or file that
    ///   a change names is not there, `forbidden` or `conflict` for what a rule about tags refuses,
    ///   `methodNotAllowed` in a union.
    func change(
        _ package: String, format: FormatID, expecting revision: Int64?,
        _ changes: [PackageChange]
    ) async throws(RegistryError) -> PackageRecord?

    /// The file of this name; in a union, the newest.
    func findFile(_ address: FileAddress) async throws(RegistryError) -> PublishedFile?
    /// The version of this name; in a union, the newest.
    func findVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> VersionRecord?
    /// In bytewise order of their paths.
    func listFiles(
        of version: VersionRecord, page: PageRequest
    ) async throws(RegistryError) -> Page<FileRecord>

    /// Opens the bytes of a file, and checks that they have the right size.
    func open(_ file: FileRecord) async throws(RegistryError) -> any BlobReader

    /// Opens bytes that were stored and are not published yet.
    func open(_ blob: CommittedBlob) async throws(RegistryError) -> any BlobReader

    /// Removes bytes that were stored and will not be published.
    func discard(_ blob: CommittedBlob) async throws(RegistryError)

    /// Begins to store bytes.
    ///
    /// - Throws: `methodNotAllowed` in a union, which is read-only.
    func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload

    /// Decides whether anything may be published under this name, for a format whose addresses do not
    /// say what is published: what is refused here need not be stored.
    ///
    /// - Throws: `forbidden` with the rule that refuses, `conflict` when the version's name is
    ///   reserved, `methodNotAllowed` in a union.
    func checkPublishing(
        _ format: FormatID, package: String, version: String
    ) async throws(RegistryError)

    /// Makes stored bytes visible, all of them or none.
    ///
    /// - Throws: `conflict` when a name is taken by other bytes or lies in the trash,
    ///   `preconditionFailed` when a file's precondition does not hold, `forbidden` when the
    ///   caller may not publish this package, `methodNotAllowed` in a union.
    func publish(
        _ draft: PublishDraft, format: FormatID
    ) async throws(RegistryError) -> PublishOutcome

    /// Moves a file to the trash, if it still holds one of `digests`; `nil` asks nothing.
    ///
    /// - Returns: whether there was such a file.
    func trashFile(
        _ address: FileAddress, ifMatches digests: Set<Digest>?
    ) async throws(RegistryError) -> Bool

    /// Moves a version to the trash, with everything in it.
    ///
    /// - Returns: whether there was such a version.
    func trashVersion(
        format: FormatID, package: String, version: String
    ) async throws(RegistryError) -> Bool
}

extension ScopeHandle {
    public var caller: any CallerHandle { PlainCaller(.anonymous) }

    public func change(
        _ package: String, format: FormatID, expecting revision: Int64?,
        _ changes: [PackageChange]
    ) async throws(RegistryError) -> PackageRecord? {
        throw RegistryError.unionIsReadOnly()
    }

    public func filterKnownVersions(
        _ names: [String], of packages: [PackageRecord]
    ) async throws(RegistryError) -> Set<String> {
        throw RegistryError(.methodNotAllowed, "versions cannot be listed here")
    }

    public func checkPublishing(
        _ format: FormatID, package: String, version: String
    ) async throws(RegistryError) {
        throw RegistryError.unionIsReadOnly()
    }

    public func open(_ blob: CommittedBlob) async throws(RegistryError) -> any BlobReader {
        throw RegistryError.unionIsReadOnly()
    }

    public func discard(_ blob: CommittedBlob) async throws(RegistryError) {
        throw RegistryError.unionIsReadOnly()
    }

    public func hostedPackage(_ format: FormatID) throws(RegistryError) -> HostedPackage {
        throw RegistryError.unionIsReadOnly()
    }

    public func hostedPackage(
        at reference: NamespaceReference, _ format: FormatID
    ) -> HostedPackage? { nil }

    public func listPackageAddresses(
        _ format: FormatID, after last: String?, limit: Int
    ) async throws(RegistryError) -> [String] {
        throw RegistryError(.methodNotAllowed, "packages cannot be listed here")
    }

    public func measureBlobs(
        _ format: FormatID, atOrBelow address: String
    ) async throws(RegistryError) -> Int64 {
        throw RegistryError(.methodNotAllowed, "packages cannot be measured here")
    }
}
