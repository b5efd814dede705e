public import Registry

/// One request to the generic format.
public enum GenericOperation: FormatOperation, Hashable {
    case uploadFile(FileAddress, GenericUploadOptions)
    /// GET and HEAD.
    case downloadFile(FileAddress)
    case deleteFile(FileAddress)
    /// GET and HEAD of a version.
    case listFiles(GenericVersion, PageRequest)
    case deleteVersion(GenericVersion)

    public var label: String {
        switch self {
        case .uploadFile: "generic.file.upload"
        case .downloadFile: "generic.file.download"
        case .deleteFile: "generic.file.delete"
        case .listFiles: "generic.version.list"
        case .deleteVersion: "generic.version.delete"
        }
    }

    public var access: [AccessRequirement] {
        switch self {
        case .uploadFile(let address, _):
            [
                AccessRequirement(
                    .publishPackages, package: address.package,
                    version: address.version.description)
            ]
        case .downloadFile(let address):
            [AccessRequirement(.readPackages, package: address.package)]
        case .deleteFile(let address):
            [AccessRequirement(.deletePackages, package: address.package)]
        case .listFiles(let version, _):
            [AccessRequirement(.readPackages, package: version.package)]
        case .deleteVersion(let version):
            [AccessRequirement(.deletePackages, package: version.package)]
        }
    }

    public var bodyLimitBytes: Int64 {
        switch self {
        case .uploadFile: GenericFormat.fileLimitBytes
        case .downloadFile, .deleteFile, .listFiles, .deleteVersion: 0
        }
    }
}

/// A version of a generic package.
public struct GenericVersion: Hashable, Sendable {
    public let package: String
    public let name: String

    public init(package: String, name: String) {
        self.package = package
        self.name = name
    }
}

/// What the query of an upload says.
public struct GenericUploadOptions: Hashable, Sendable {
    /// `?status=`: the status of the version; `nil` leaves that of an existing one.
    public let status: VersionStatus?
    /// `?select=package_file`: the answer describes the stored file.
    public let answersWithFile: Bool

    public init(status: VersionStatus? = nil, answersWithFile: Bool = false) {
        self.status = status
        self.answersWithFile = answersWithFile
    }
}
