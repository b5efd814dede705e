import FormatKit
import HTTPTypes
public import Registry

/// Projects of Python: wheels and source distributions, for pip, uv, poetry, pdm and their kin.
///
/// Addresses below the mount are `/` to upload, `/simple/…` for the index, `/files/{sha256}/{name}`
/// for files, `/integrity/…/provenance` for attestations and `/pypi/{name}/json`. A package is named
/// by the normalized name of its project, a version by the one spelling of PEP 440.
///
/// *Source*: PyPA, "Simple repository API"; PyPI, "Upload API" and "JSON API"; GitLab, "PyPI packages
/// in the package registry".
public struct PyPIFormat: PackageFormat {
    public static let id: FormatID = "pypi"
    public static let stage = Stage.beta

    /// The largest upload, in bytes: 5 GiB.
    public static let uploadLimitBytes: Int64 = 5 << 30
    /// The largest body that changes the status of a project, in bytes.
    public static let statusLimitBytes = 8192
    /// Pages that are kept in memory, in bytes.
    static let documentLimitBytes = 64 << 20

    public static let examples = [
        ExampleRequest(.post, "/"), ExampleRequest(.get, "/simple/"),
        ExampleRequest(.get, "/simple"), ExampleRequest(.get, "/simple/tool/"),
        ExampleRequest(.head, "/simple/tool/"), ExampleRequest(.put, "/simple/tool/status"),
        ExampleRequest(.get, exampleFile), ExampleRequest(.get, exampleFile + ".metadata"),
        ExampleRequest(.get, "/integrity/tool/1.0/tool-1.0.tar.gz/provenance"),
        ExampleRequest(.get, "/pypi/tool/json"), ExampleRequest(.get, "/pypi/tool/1.0/json"),
    ]

    private static let exampleFile =
        "/files/" + String(repeating: "ab", count: 32) + "/tool-1.0.tar.gz"

    let documents = DocumentCache<PyPIDocument>(limitBytes: documentLimitBytes)

    public init() {}

    public func parse(_ head: RequestHead) throws(RegistryError) -> PyPIOperation? {
        try PyPIPath(parsing: head.tail)?.operation(for: head)
    }

    public func handle(
        _ operation: PyPIOperation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        switch operation {
        case .upload:
            try await upload(head, body: body, in: scope)
        case .redirect(let path):
            redirect(to: path, head)
        case .listProjects:
            try await listProjects(head, in: scope)
        case .showProject(let name):
            try await showProject(name, head, in: scope)
        case .download(let file):
            try await download(file, head, in: scope)
        case .showProvenance(let address):
            try await showProvenance(address, head, in: scope)
        case .describe(let name, let version):
            try await describe(name, version, head, in: scope)
        case .changeStatus(let name):
            try await changeStatus(name, body: body, in: scope)
        }
    }

    public func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        PyPIFailure.response(failure, for: head)
    }

    /// Leads to an address below the mount: on the host that the client used, whatever it is called
    /// there, so that the credential goes along.
    private func redirect(to path: String, _ head: RequestHead) -> FormatResponse {
        FormatResponse(
            status: .movedPermanently,
            headers: [
                .location: "\(head.origin.pathPrefix)\(head.mountPath)\(path)",
                .cacheControl: FileResponse.cacheControl,
            ])
    }
}
