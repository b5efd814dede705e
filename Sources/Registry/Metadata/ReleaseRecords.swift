/// A version with what derived documents are made of: its files and the tags that name it.
public struct Release: Hashable, Sendable {
    public let version: VersionRecord
    /// In bytewise order of their paths.
    public let files: [FileRecord]
    /// In bytewise order.
    public let tags: [String]

    public init(version: VersionRecord, files: [FileRecord], tags: [String]) {
        self.version = version
        self.files = files
        self.tags = tags
    }
}

/// What a scope has under one name at one moment: in a union, of several projects.
public struct PackageContents: Hashable, Sendable {
    /// In order of their ids. Their revisions are those of this moment.
    public let packages: [PackageRecord]
    /// The oldest first.
    public let releases: [Release]

    public init(packages: [PackageRecord], releases: [Release]) {
        self.packages = packages
        self.releases = releases
    }
}

/// The name of a package in a project: the question of every derived document.
public struct PackageAddress: Hashable, Sendable {
    public let format: FormatID
    public let name: String

    public init(format: FormatID, name: String) {
        self.format = format
        self.name = name
    }
}

/// One change of a package by its format, beside publishing.
public enum PackageChange: Hashable, Sendable {
    /// Makes the tag name the version.
    case setTag(String, version: String)
    case removeTag(String)
    /// What is `nil` stays.
    case updateVersion(String, status: VersionStatus?, attributes: String?)
    case updatePackage(attributes: String)
    case trashVersion(String)
    case trashFile(version: String, path: String)
}

/// Queries for documents that are derived from all versions of a package. What is in the trash is
/// found by none of them.
public protocol ReleaseReading {
    /// The packages of this name that have a version, in order of their ids; several only where
    /// `projects` covers several.
    func findPackages(
        _ address: PackageAddress, in projects: ProjectSet, readableBy reader: PackageReader
    ) throws -> [PackageRecord]
    /// Every version of these packages, with its files and tags, the oldest first.
    func listReleases(packageIDs: [Int64]) throws -> [Release]
    /// The names of packages of a format that have a version, each once, in bytewise order, from the
    /// first behind `last`.
    func listPackageNames(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        after last: String?, limit: Int
    ) throws -> [String]
    /// The packages of a format that have a version, and all of `terms` in what can be searched in,
    /// in order of their names. `terms` are in lower case.
    func searchPackages(
        format: FormatID, terms: [String], in projects: ProjectSet,
        readableBy reader: PackageReader, page: PageRequest
    ) throws -> Page<PackageRecord>
    /// The newest file of this content and path in any version of a package of the format.
    func findFile(
        format: FormatID, digest: Digest, path: String, in projects: ProjectSet,
        readableBy reader: PackageReader
    ) throws -> PublishedFile?
}

/// Changes of what a format keeps about a whole package.
public protocol ReleaseWriting: ReleaseReading {
    /// Replaces the attributes of the package, and what can be searched in; what is `nil` stays.
    func updatePackage(_ id: Int64, attributes: String?, searchText: String?) throws
}
