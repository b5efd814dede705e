import FormatKit
import Registry

/// A project as the index shows it: the one model behind HTML, JSON and the description of releases.
///
/// *Source*: PyPA, "Simple repository API" (PEP 503, 592, 629, 658, 691, 700, 714, 740, 792).
struct SimpleProject: Sendable {
    /// A file that installers can fetch.
    struct File: Sendable {
        let record: FileRecord
        let attributes: PyPIFileAttributes
        let version: VersionRecord
        /// Why it should not be installed; `nil` where it may be.
        let yank: Yank?
        /// The metadata that is served beside it.
        let metadata: FileRecord?
        let hasProvenance: Bool

        var name: String { record.path }
    }

    /// A file that was yanked, with the reason where there is one.
    ///
    /// *Source*: PEP 592.
    struct Yank: Hashable, Sendable {
        let reason: String?
    }

    /// A release with its files.
    struct Release: Sendable {
        let version: PythonVersion
        /// The version's name here, its one spelling.
        let name: String
        let record: VersionRecord
        let yank: Yank?
    }

    /// The normalized name.
    let name: String
    /// The name as the newest file spells it.
    let displayName: String
    let status: ProjectStatus
    /// In order of their names, one of each.
    let files: [File]
    /// In the order of versions, one of each, those with files alone.
    let releases: [Release]

    /// What the scope has under `name`; where several projects have a file of one name, the newest
    /// counts.
    init(name: String, _ contents: PackageContents) throws(RegistryError) {
        self.name = name
        status = try ProjectStatus(of: contents.packages)
        var files: [String: File] = [:]
        var releases: [String: Release] = [:]
        // The oldest first: what comes later takes the place of what came before.
        for release in contents.releases where release.version.status.isListed {
            let found = try Self.files(of: release)
            for file in found {
                if let other = files[file.name], other.record.createdAt > file.record.createdAt {
                    continue
                }
                files[file.name] = file
            }
            guard !found.isEmpty,
                let version = try? PythonVersion(parsing: release.version.name)
            else { continue }
            releases[release.version.name] = Release(
                version: version, name: release.version.name, record: release.version,
                yank: try Yank(release.version))
        }
        if !status.marker.offersFiles { files = [:] }
        self.files = files.values.sorted { $0.name < $1.name }
        self.releases = releases.values.sorted {
            ($0.version, $0.name) < ($1.version, $1.name)
        }
        let newest = files.values.max { $0.record.createdAt < $1.record.createdAt }
        displayName = newest?.attributes.name ?? name
    }

    private static func files(of release: Registry.Release) throws(RegistryError) -> [File] {
        let find = sidecarSearch(of: release)
        let yank = try Yank(release.version)
        var files: [File] = []
        for record in release.files {
            guard let attributes = try PyPIFileAttributes(stored: record.attributes) else {
                continue
            }
            files.append(
                File(
                    record: record, attributes: attributes, version: release.version, yank: yank,
                    metadata: attributes.hasStaticMetadata
                        ? find(Sidecar.metadata.path(of: record.path)) : nil,
                    hasProvenance: find(Sidecar.provenance.path(of: record.path)) != nil))
        }
        return files
    }

    /// Finds a file by its path. Most releases have a few files, for which a table does not pay.
    private static func sidecarSearch(
        of release: Registry.Release
    ) -> (_ path: String) -> FileRecord? {
        guard release.files.count > searchedCount else {
            return { path in release.files.first { $0.path == path } }
        }
        let byPath = Dictionary(
            release.files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        return { path in byPath[path] }
    }

    /// Up to how many files of a release are looked through one by one.
    private static let searchedCount = 16

    /// Whether a document about the project says under which address it was asked for.
    var dependsOnAddress: Bool { files.contains(where: \.hasProvenance) }
}

extension SimpleProject.Yank {
    /// What is kept of it among the attributes of a version; `nil` for one that is not yanked.
    init?(_ version: VersionRecord) throws(RegistryError) {
        guard version.status == .yanked else { return nil }
        var reason: String?
        if version.attributes != "{}" {
            var scanner = JSONScanner(Array(version.attributes.utf8))
            try scanner.readObject { (member, scanner) throws(RegistryError) in
                if member == VersionStatus.reasonMember, try scanner.peek() == .string {
                    reason = try scanner.readString()
                } else {
                    try scanner.skip()
                }
            }
        }
        self.init(reason: reason.flatMap { $0.isEmpty ? nil : $0 })
    }
}

extension VersionStatus {
    /// Whether the index shows the files of a version.
    fileprivate var isListed: Bool { self != .hidden && self != .error }
}

extension ProjectStatus.Marker {
    /// Whether files may be downloaded.
    var offersFiles: Bool { self != .quarantined }
}

/// A file that is served beside another, and stored beside it in its version.
enum Sidecar: String, Sendable, CaseIterable {
    /// The core metadata. *Source*: PEP 658.
    case metadata
    /// Attestations. *Source*: PEP 740.
    case provenance

    /// The path of the sidecar of the file at `path`.
    func path(of path: String) -> String { "\(path).\(rawValue)" }

    /// Where the sidecar of a file is stored.
    func address(of file: FileAddress) -> FileAddress {
        FileAddress(
            format: file.format, package: file.package, version: file.version,
            path: path(of: file.path))
    }
}
