import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// The smallest format of the container family: `/v2/`, `/v2/_catalog` and
/// `/v2/{name…}/items/{item}`, where a POST names a repository to read from as well.
struct RepositoryFormat: PackageFormat {
    static let id: FormatID = "oci"
    static let stage = Stage.generalAvailability
    static let family = ScopeFamily.containerRegistry
    static let examples = [
        ExampleRequest(.get, "/v2/"), ExampleRequest(.get, "/v2/_catalog"),
        ExampleRequest(.get, "/v2/{project}/items/1"),
        ExampleRequest(.get, "/v2/{project}/api/items/1"),
        ExampleRequest(.put, "/v2/{project}/api/items/1"),
        ExampleRequest(.delete, "/v2/{project}/api/items/1"),
        ExampleRequest(.post, "/v2/{project}/api/items/1?from={project}/base"),
        ExampleRequest(.post, "/v2/{project}/api/items/1?from=no/such/project"),
    ]

    static func isTokenAddress(_ path: RequestPath) -> Bool {
        path.segments == ["v2", "token"]
    }

    struct Operation: FormatOperation {
        let label = "oci.item"
        let access: [AccessRequirement]
        let bodyLimitBytes: Int64 = 0
        let source: NamespaceReference?
    }

    static func locate(_ path: RequestPath) -> FormatLocation? {
        guard path.segments.first == "v2" else { return nil }
        let name = path.segments.dropFirst().prefix { $0 != "items" }
        return FormatLocation(
            prefixCount: 1,
            scope: name.count < path.segments.count - 1 ? .longestProject(Array(name)) : nil)
    }

    func parse(_ head: RequestHead) throws(RegistryError) -> Operation? {
        var source: NamespaceReference?
        if head.tail.segments.isEmpty {
            return Operation(
                access: [AccessRequirement(.presentCredential, on: .instance)], source: nil)
        }
        if head.tail.segments == ["_catalog"] {
            return Operation(access: [AccessRequirement(.readPackages, on: .instance)], source: nil)
        }
        var access: [AccessRequirement]
        switch head.method {
        case .get: access = [AccessRequirement(.readPackages)]
        case .put: access = [AccessRequirement(.publishPackages)]
        case .delete: access = [AccessRequirement(.deletePackages)]
        default:
            access = [AccessRequirement(.publishPackages)]
            if let from = head.query["from"] {
                let reference = NamespaceReference.longestProject(
                    from.split(separator: "/").map(String.init))
                source = reference
                access.append(
                    AccessRequirement(
                        .readPackages, on: .namespace(reference), isOptional: true))
            }
        }
        return Operation(access: access, source: source)
    }

    /// Says whether the source may be read.
    func handle(
        _ operation: Operation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        var text = scope.namespace?.path.description ?? ""
        if let source = operation.source, let project = scope as? HostedProject {
            text +=
                project.hostedPackage(at: source, Self.id) == nil
                ? " without source" : " with source"
        }
        return FormatResponse(body: .bytes(ByteBuffer(string: text)))
    }

    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        var headers = failure.headers
        if failure.code == .unauthenticated {
            headers[.wwwAuthenticate] =
                "Bearer " + (failure.detail[RegistryTokens.scopeDetail] ?? "")
        }
        return .json(
            ["message": .string(failure.message), "reason": .optional(failure.reason)],
            status: failure.status, headers: headers)
    }
}
