/// A file of a version, with the version and the package it belongs to.
public struct PublishedFile: Hashable, Sendable {
    public let version: VersionRecord
    public let file: FileRecord

    public init(version: VersionRecord, file: FileRecord) {
        self.version = version
        self.file = file
    }
}

/// The name of a file, from the format down.
public struct FileAddress: Hashable, Sendable {
    public let format: FormatID
    public let package: String
    public let version: String
    public let path: String

    public init(format: FormatID, package: String, version: String, path: String) {
        self.format = format
        self.package = package
        self.version = version
        self.path = path
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
    /// The names of the tags of each of these versions, in bytewise order.
    func listTags(versionIDs: [Int64]) throws -> [Int64: [String]]
    /// A version of this name that is in the trash.
    func findDeletedVersion(packageID: Int64, name: String) throws -> VersionRecord?
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
        package: PackageRecord, name: String, status: VersionStatus, attributes: String,
        actor: Actor, at now: Timestamp
    ) throws -> (version: VersionRecord, isNew: Bool)
    /// What is `nil` stays.
    func updateVersion(
        _ id: Int64, status: VersionStatus?, attributes: String?
    ) throws
    /// - Throws: `conflict` when the path is taken.
    func insertFile(
        _ draft: FileDraft, version: VersionRecord, at now: Timestamp
    ) throws -> FileRecord
    /// Moves a file to the trash.
    func trashFile(_ id: Int64, at now: Timestamp) throws -> Bool
    /// - Throws: `conflict` when the path is taken meanwhile.
    func restoreFile(_ id: Int64) throws -> Bool
    /// Moves a version to the trash, with its files and tags.
    func trashVersion(_ id: Int64, at now: Timestamp) throws -> Bool
    /// - Throws: `conflict` when the name is taken meanwhile.
    func restoreVersion(_ id: Int64) throws -> Bool
    /// Makes `name` name the version, and no other of its package.
    func setTag(_ name: String, version: VersionRecord, at now: Timestamp) throws
}
