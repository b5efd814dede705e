import FormatKit
import HTTPTypes
import Registry

/// What an address of the generic format names.
enum GenericPath: Hashable {
    case version(GenericVersion)
    case file(FileAddress)

    /// Reads the tail of an address; `nil` when it is none of the format's.
    ///
    /// A `%2F` in the path of a file is a separator like any other, as clients encode a path whole.
    ///
    /// - Throws: `malformed` for a name that `GenericNames` forbids.
    init?(parsing tail: RequestPath) throws(RegistryError) {
        let segments = tail.segments
        guard segments.count >= 2 else { return nil }
        try GenericNames.checkPackage(segments[0])
        try GenericNames.checkVersion(segments[1])
        guard segments.count > 2 else {
            self = .version(GenericVersion(package: segments[0], name: segments[1]))
            return
        }
        guard !tail.hasTrailingSlash else {
            throw RegistryError(
                .malformed, "a file's path cannot end with '/'", reason: "name_invalid")
        }
        let path = try FilePath(parsing: segments[2...].joined(separator: "/"))
        try GenericNames.checkFile(path)
        self = .file(
            FileAddress(
                format: GenericFormat.id, package: segments[0], version: segments[1],
                path: path.description))
    }

    /// What the method asks for here.
    ///
    /// - Throws: `methodNotAllowed` with `Allow`, `malformed` for a query that the operation does
    ///   not take.
    func operation(for head: RequestHead) throws(RegistryError) -> GenericOperation {
        switch (self, head.method) {
        case (.file(let address), .put):
            .uploadFile(address, try GenericUploadOptions(parsing: head.query))
        case (.file(let address), .get), (.file(let address), .head):
            .downloadFile(address)
        case (.file(let address), .delete):
            .deleteFile(address)
        case (.version(let version), .get), (.version(let version), .head):
            .listFiles(version, try Pagination.request(in: head.query))
        case (.version(let version), .delete):
            .deleteVersion(version)
        case (.file, _):
            throw methodNotAllowed(head.method, "a file takes", ["GET", "HEAD", "PUT", "DELETE"])
        case (.version, _):
            throw methodNotAllowed(head.method, "a version takes", ["GET", "HEAD", "DELETE"])
        }
    }

    private func methodNotAllowed(
        _ method: HTTPRequest.Method, _ subject: String, _ allowed: [String]
    ) -> RegistryError {
        let list = allowed.joined(separator: ", ")
        return RegistryError(
            .methodNotAllowed, "\(subject) \(list), not \(method.rawValue)",
            headers: [.allow: list])
    }
}

extension GenericUploadOptions {
    /// *Source*: GitLab, "Generic packages repository: Publish a single file".
    init(parsing query: RequestQuery) throws(RegistryError) {
        let status: VersionStatus?
        switch query["status"] {
        case nil: status = nil
        case "default": status = .default
        case "hidden": status = .hidden
        default:
            throw RegistryError(.malformed, "status is 'default' or 'hidden'")
        }
        let select = query["select"]
        guard select == nil || select == "package_file" else {
            throw RegistryError(.malformed, "select is 'package_file', or absent")
        }
        self.init(status: status, answersWithFile: select != nil)
    }
}
