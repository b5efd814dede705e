/// A file of a version, with the version and the package it belongs to.
public struct PublishedFile: Hashable, Sendable {
    public let version: VersionRecord
    public let file: FileRecord

    public init(version: VersionRecord, file: FileRecord) {
        self.version = version
        self.file = file
    }
}

/// How an address names a version of a package.
public enum VersionReference: Hashable, Sendable, CustomStringConvertible {
    /// By its own name.
    case name(String)
    /// By a tag that names it now.
    case tag(String)

    /// The name or the tag.
    public var description: String {
        switch self {
        case .name(let text), .tag(let text): text
        }
    }
}

/// The name of a file, from the format down.
public struct FileAddress: Hashable, Sendable {
    public let format: FormatID
    public let package: String
    public let version: VersionReference
    public let path: String

    public init(format: FormatID, package: String, version: VersionReference, path: String) {
        self.format = format
        self.package = package
        self.version = version
        self.path = path
    }

    /// The address of a file in the version of this name.
    public init(format: FormatID, package: String, version: String, path: String) {
        self.init(format: format, package: package, version: .name(version), path: path)
    }
}

/// Queries on `packages`, `versions`, `files` and `tags`. What is in the trash is found only where
/// it is said; a version in a trashed package is in the trash as well.
public protocol PackageReading {
    func findPackage(projectID: Int64, format: FormatID, name: String) throws -> PackageRecord?
    /// The newest first; several only where `projects` covers several that have the version.
    func findVersions(
        format: FormatID, package: String, version: String, in projects: ProjectSet,
        readableBy reader: PackageReader, limit: Int
    ) throws -> [VersionRecord]
    /// By id, in the trash or not.
    func findVersion(_ id: Int64) throws -> VersionRecord?
    /// The file of this name in each project that has it, the newest first.
    func findFiles(
        _ address: FileAddress, in projects: ProjectSet, readableBy reader: PackageReader,
        limit: Int
    ) throws -> [PublishedFile]
    /// By id, in the trash or not.
    func findFile(_ id: Int64) throws -> PublishedFile?
    /// The file of this path that is not in the trash.
    func findFile(versionID: Int64, path: String) throws -> FileRecord?
    /// In bytewise order of their paths.
    func listFiles(
        versionID: Int64, isDeleted: Bool, page: PageRequest
    ) throws -> Page<FileRecord>
    func listVersions(
        _ filter: VersionFilter, in projects: ProjectSet, readableBy reader: PackageReader,
        page: PageRequest
    ) throws -> Page<VersionRecord>
    /// The addresses of packages of a format that have a version that is not in the trash, in bytewise order,
    /// from the first behind `last`.
    func listPackageAddresses(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        after last: String?, limit: Int
    ) throws -> [String]
    /// The same packages with numbered pages, for people: in order of their ids.
    func listPackages(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        page: PageRequest
    ) throws -> Page<PackageListing>
    /// By id; `nil` too when its project was removed.
    func findPackage(_ id: Int64) throws -> PackageListing?
    /// Bytes of all blobs that packages with addresses equal to `address` or below it name, each
    /// blob once.
    func measureBlobs(format: FormatID, atOrBelow address: String) throws -> Int64
    /// Of `names`, those of which the package has a version that is not in the trash.
    func filterKnownVersions(_ names: [String], packageID: Int64) throws -> Set<String>
    /// The names of versions not in the trash that have a link of `kind` to `target`, in bytewise
    /// order.
    func listLinkingVersions(
        packageID: Int64, kind: VersionLink.Kind, target: String, limit: Int
    ) throws -> [String]
    /// The files of path `path` of the versions that have a link of `kind` to `target`, in bytewise
    /// order of the versions' names, from the first behind `last`; with `label`, only links that
    /// carry it.
    func listLinkedFiles(
        packageID: Int64, kind: VersionLink.Kind, target: String, label: String?, path: String,
        after last: String?, limit: Int
    ) throws -> [PublishedFile]
    /// The version of this name that went to the trash last.
    func findDeletedVersion(packageID: Int64, name: String) throws -> VersionRecord?
    /// The version of this name that is not in the trash, and how long it lives.
    func findLiveVersion(
        _ name: String, of package: PackageRecord
    ) throws -> (version: VersionRecord, lifetime: VersionLifetime)?
    /// Packages of which everything is in the trash, the last one that went there first.
    func listDeletedPackages(
        format: FormatID, in projects: ProjectSet, readableBy reader: PackageReader,
        page: PageRequest
    ) throws -> Page<DeletedPackage>
    /// Files in the trash whose versions are not, the last ones that went there first.
    func listDeletedFiles(
        projectID: Int64, packageID: Int64?, page: PageRequest
    ) throws -> Page<PublishedFile>
    /// When a version of the package went to the trash last; `nil` when none is there.
    func findLastDeletion(packageID: Int64) throws -> Timestamp?
    /// Versions of lifetime `explicit` that have names of those that went to the trash at a moment.
    func listTakenVersions(packageID: Int64, deletedAt: Timestamp) throws -> [VersionRecord]
    /// Versions of a project that are in the trash, or have files or removed tags there, deleted at
    /// `moment` or before; in order of their ids, from the first behind `last`.
    func listVersionsWithTrash(
        projectID: Int64, packageID: Int64?, deletedBefore moment: Timestamp, after last: Int64,
        limit: Int
    ) throws -> [Int64]
}

/// Changes of `packages`, `versions`, `files` and `tags`. Each change of anything in a package goes
/// through `touchPackage` or `upsertPackage` first, which locks the package's row and so puts the
/// changes of one package in order.
public protocol PackageWriting: PackageReading {
    /// Inserts the package, or raises the revision of the one that is there.
    func upsertPackage(
        projectID: Int64, format: FormatID, name: String, at now: Timestamp
    ) throws -> PackageRecord
    /// Raises the revision of a package that is there.
    func touchPackage(_ id: Int64, at now: Timestamp) throws
    /// Inserts the version, or finds the one that is there.
    ///
    /// - Returns: the version, and whether it was inserted now.
    func insertVersion(
        package: PackageRecord, name: String, status: VersionStatus, lifetime: VersionLifetime,
        attributes: String, actor: Actor, at now: Timestamp
    ) throws -> (version: VersionRecord, isNew: Bool)
    /// What is `nil` stays.
    func updateVersion(
        _ id: Int64, status: VersionStatus?, attributes: String?
    ) throws
    /// - Throws: `conflict` when the path is taken.
    func insertFile(
        _ draft: FileDraft, version: VersionRecord, at now: Timestamp
    ) throws -> FileRecord
    /// Inserts many files whose blobs are there already, none of which the version has.
    ///
    /// - Throws: `conflict` when a path is taken or a blob is gone.
    func insertFiles(
        _ references: [BlobReference], version: VersionRecord, at now: Timestamp
    ) throws
    /// Inserts those links of the version that it does not have.
    func insertLinks(_ links: [VersionLink], versionID: Int64) throws
    /// Moves a file to the trash.
    func trashFile(_ id: Int64, at now: Timestamp) throws -> Bool
    /// - Throws: `conflict` when the path is taken meanwhile.
    func restoreFile(_ id: Int64) throws -> Bool
    /// Moves a version to the trash, with its files and tags.
    func trashVersion(_ id: Int64, at now: Timestamp) throws -> Bool
    /// - Throws: `conflict` when the name is taken meanwhile.
    func restoreVersion(_ id: Int64) throws -> Bool
    /// Moves every version of the package to the trash, each with a review after `moment`; without
    /// one where that is `nil`.
    ///
    /// - Returns: how many there were.
    func trashVersions(
        packageID: Int64, at now: Timestamp, reviewAfter moment: Timestamp?
    ) throws -> Int
    /// Brings back the versions that went to the trash at `deletedAt`, with the tags that still name
    /// them. Where a version of the same name is there, it gets the tags instead.
    ///
    /// - Returns: how many came back.
    func restoreVersions(
        packageID: Int64, deletedAt: Timestamp, at now: Timestamp
    ) throws -> (versions: Int, tags: Int)
    /// Asks for a look, after `moment`, at each version of lifetime `referenced` without a tag.
    func reviewUntaggedVersions(packageID: Int64, after moment: Timestamp) throws
    /// Remembers that the version was needed at `moment`; never an earlier one than before.
    func noteNeed(ofVersion id: Int64, at moment: Timestamp) throws
    /// Finds the package or inserts it, without raising its revision: for what is not yet visible.
    func ensurePackage(
        projectID: Int64, format: FormatID, name: String, at now: Timestamp
    ) throws -> PackageRecord
}

/// Queries on `tags`. A tag of a version in the trash is found by none of them.
public protocol TagReading {
    /// The names of the tags of each of these versions, in bytewise order.
    func listTags(versionIDs: [Int64]) throws -> [Int64: [String]]
    func findTag(_ name: String, packageID: Int64) throws -> TagRecord?
    /// In bytewise order, from the first behind `last`.
    func listTagNames(packageID: Int64, after last: String?, limit: Int) throws -> [String]
    /// In the filter's order, from the first behind the tag named `last` or, with `isBackward`, the
    /// ones before it; always in the filter's order.
    func listTags(
        packageID: Int64, _ filter: TagFilter, after last: String?, isBackward: Bool, limit: Int
    ) throws -> [TagRecord]
    /// With numbered pages, in the filter's order.
    func listTags(
        packageID: Int64, _ filter: TagFilter, page: PageRequest
    ) throws -> Page<TagRecord>
    /// The tag of this name that was removed last, of a version in the trash perhaps.
    func findRemovedTag(_ name: String, packageID: Int64) throws -> RemovedTagRecord?
    /// By id, if it was removed in this project.
    func findRemovedTag(_ id: Int64, projectID: Int64) throws -> RemovedTagRecord?
    /// The last ones that were removed first.
    func listRemovedTags(
        projectID: Int64, packageID: Int64?, page: PageRequest
    ) throws -> Page<RemovedTagRecord>
}

/// Changes of `tags` and `removed_tags`.
public protocol TagWriting: TagReading {
    /// Makes `name` name the version, and no other of its package.
    func setTag(_ name: String, version: VersionRecord, at now: Timestamp) throws
    /// Whether there was such a tag. It cannot be restored.
    func removeTag(_ name: String, packageID: Int64) throws -> Bool
    /// Moves the tag of a version that is not in the trash to the trash.
    func trashTag(
        _ name: String, packageID: Int64, actor: Actor, at now: Timestamp
    ) throws -> Bool
    /// Whether there was such a removed tag.
    func forgetRemovedTag(_ id: Int64) throws -> Bool
}
