import FormatKit
import HTTPTypes
import Registry

/// What an address of the PyPI format names.
enum PyPIPath: Hashable {
    /// Where files are uploaded to.
    case root
    case index
    case project(PyPIName)
    case projectStatus(PyPIName)
    case file(PyPIFileReference)
    case provenance(FileAddress)
    case release(PyPIName, version: String?)

    /// Reads the tail of an address; `nil` when it is none of the format's.
    ///
    /// - Throws: `malformed` for a name, a version or a digest that is none.
    init?(parsing tail: RequestPath) throws(RegistryError) {
        let segments = tail.segments
        switch (segments.first, segments.count) {
        case (nil, _), ("legacy", 1):
            self = .root
        case ("simple", 1):
            self = .index
        case ("simple", 2):
            self = .project(try PyPIName(parsing: segments[1]))
        case ("simple", 3) where segments[2] == "status":
            self = .projectStatus(try PyPIName(parsing: segments[1]))
        case ("files", 3):
            self = .file(try Self.file(segments[1], segments[2]))
        case ("integrity", 5) where segments[4] == "provenance":
            self = .provenance(
                FileAddress(
                    format: PyPIFormat.id, package: try PyPIName(parsing: segments[1]).normalized,
                    version: try PythonVersion(parsing: segments[2]).description,
                    path: try DistributionFilename(parsing: segments[3]).text))
        case ("pypi", 3) where segments[2] == "json", ("pypi", 4) where segments[3] == "json":
            self = try Self.release(segments.dropFirst())
        case (_, 2) where segments[1] == "json", (_, 3) where segments[2] == "json":
            // For tools that are given what stands before `/pypi/{name}/json`.
            self = try Self.release(segments[...])
        default:
            return nil
        }
    }

    private static func file(
        _ digest: String, _ filename: String
    ) throws(RegistryError) -> PyPIFileReference {
        let digest = try Digest(.sha256, hex: digest.lowercased())
        let ending = "." + Sidecar.metadata.rawValue
        let isMetadata = filename.hasSuffix(ending)
        let name = isMetadata ? String(filename.dropLast(ending.count)) : filename
        return PyPIFileReference(
            digest: digest, filename: try DistributionFilename(parsing: name).text,
            isMetadata: isMetadata)
    }

    private static func release(_ segments: ArraySlice<String>) throws(RegistryError) -> PyPIPath {
        let segments = Array(segments)
        return .release(
            try PyPIName(parsing: segments[0]),
            version: segments.count == 3
                ? try PythonVersion(parsing: segments[1]).description : nil)
    }

    /// What the method asks for here.
    ///
    /// - Throws: `methodNotAllowed` with `Allow`.
    func operation(for head: RequestHead) throws(RegistryError) -> PyPIOperation {
        if case .root = self, head.method == .post { return .upload }
        if case .projectStatus(let name) = self {
            guard head.method == .put else {
                throw methodNotAllowed(head.method, ["PUT"])
            }
            return .changeStatus(name.normalized)
        }
        guard head.method == .get || head.method == .head else {
            let allowed = self == .root ? ["GET", "HEAD", "POST"] : ["GET", "HEAD"]
            throw methodNotAllowed(head.method, allowed)
        }
        switch self {
        case .root:
            return .redirect("/simple/")
        case .index:
            return head.tail.hasTrailingSlash ? .listProjects : .redirect("/simple/")
        case .project(let name):
            guard head.tail.hasTrailingSlash, head.tail.segments[1] == name.normalized else {
                return .redirect("/simple/\(name.normalized)/")
            }
            return .showProject(name.normalized)
        case .file(let file):
            return .download(file)
        case .provenance(let address):
            return .showProvenance(address)
        case .release(let name, let version):
            return .describe(name.normalized, version: version)
        case .projectStatus(let name):
            return .changeStatus(name.normalized)
        }
    }

    private func methodNotAllowed(
        _ method: HTTPRequest.Method, _ allowed: [String]
    ) -> RegistryError {
        let list = allowed.joined(separator: ", ")
        let hint =
            method == .post
            ? "; files are uploaded to the address that ends in /pypi, without /simple" : ""
        return RegistryError(
            .methodNotAllowed, "this address takes \(list), not \(method.rawValue)\(hint)",
            headers: [.allow: list])
    }
}
