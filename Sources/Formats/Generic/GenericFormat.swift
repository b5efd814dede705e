import FormatKit
import HTTPTypes
public import Registry

/// Files of any kind, by package, version and path.
///
/// Addresses below the mount are `/{package}/{version}` and `/{package}/{version}/{path…}`.
///
/// *Source*: GitLab, "Generic packages repository".
public struct GenericFormat: PackageFormat {
    public static let id: FormatID = "generic"
    public static let stage = Stage.generalAvailability

    /// The largest file, in bytes: 64 GiB.
    public static let fileLimitBytes: Int64 = 64 << 30

    public static let examples = [
        ExampleRequest(.put, "/tool/1.0/bin/tool?status=hidden"),
        ExampleRequest(.get, "/tool/1.0/bin/tool"), ExampleRequest(.head, "/tool/1.0/bin/tool"),
        ExampleRequest(.delete, "/tool/1.0/bin/tool"), ExampleRequest(.get, "/tool/1.0"),
        ExampleRequest(.delete, "/tool/1.0"),
    ]

    public init() {}

    public func parse(_ head: RequestHead) throws(RegistryError) -> GenericOperation? {
        try GenericPath(parsing: head.tail)?.operation(for: head)
    }

    public func handle(
        _ operation: GenericOperation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        switch operation {
        case .uploadFile(let address, let options):
            try await upload(address, options, head, body: body, in: scope)
        case .downloadFile(let address):
            try await download(address, head, in: scope)
        case .deleteFile(let address):
            try await deleteFile(address, head, in: scope)
        case .listFiles(let version, let page):
            try await listFiles(version, page, head, in: scope)
        case .deleteVersion(let version):
            try await deleteVersion(version, head, in: scope)
        }
    }

    public func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        var response = FormatResponse.jsonFailure(failure, for: head)
        if failure.code == .methodNotAllowed, response.headers[.allow] == nil {
            // What refused is a scope that can only be read.
            response.headers[.allow] = "GET, HEAD"
        }
        return response
    }
}
