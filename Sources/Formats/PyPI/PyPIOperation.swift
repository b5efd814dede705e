public import Registry

/// One request to the PyPI format.
public enum PyPIOperation: FormatOperation, Hashable {
    case upload
    /// GET and HEAD of what is found at another address: behind the mount, with its first slash.
    case redirect(String)
    /// GET and HEAD of the names of all projects.
    case listProjects
    /// GET and HEAD of the page of a project, by its normalized name.
    case showProject(String)
    /// GET and HEAD of a file, or of what is served beside it.
    case download(PyPIFileReference)
    /// GET and HEAD of the attestations of a file.
    case showProvenance(FileAddress)
    /// GET and HEAD of the description of a release; of the newest for `nil`.
    case describe(String, version: String?)
    /// PUT of the status of a project.
    case changeStatus(String)

    public var label: String {
        switch self {
        case .upload: "pypi.file.upload"
        case .redirect: "pypi.redirect"
        case .listProjects: "pypi.project.list"
        case .showProject: "pypi.project.show"
        case .download: "pypi.file.download"
        case .showProvenance: "pypi.provenance.show"
        case .describe: "pypi.release.show"
        case .changeStatus: "pypi.project.change"
        }
    }

    public var access: [AccessRequirement] {
        switch self {
        case .upload: [AccessRequirement(.publishPackages)]
        case .redirect, .listProjects, .download: [AccessRequirement(.readPackages)]
        case .showProject(let name), .describe(let name, _):
            [AccessRequirement(.readPackages, package: name)]
        case .showProvenance(let address):
            [AccessRequirement(.readPackages, package: address.package)]
        case .changeStatus(let name): [AccessRequirement(.deletePackages, package: name)]
        }
    }

    public var bodyLimitBytes: Int64 {
        switch self {
        case .upload: PyPIFormat.uploadLimitBytes
        case .changeStatus: Int64(PyPIFormat.statusLimitBytes)
        case .redirect, .listProjects, .showProject, .download, .showProvenance, .describe: 0
        }
    }
}

/// A file as the index names it: by its content, and its name.
public struct PyPIFileReference: Hashable, Sendable {
    public let digest: Digest
    public let filename: String
    /// Whether the metadata beside the file is asked for, and not the file.
    public let isMetadata: Bool

    public init(digest: Digest, filename: String, isMetadata: Bool = false) {
        self.digest = digest
        self.filename = filename
        self.isMetadata = isMetadata
    }
}
