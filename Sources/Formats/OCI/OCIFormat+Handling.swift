import FormatKit
import HTTPTypes
public import Registry

extension OCIFormat {
    public func handle(
        _ operation: OCIOperation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        var response = try await answer(operation, head, body: body, in: scope)
        response.headers[.dockerAPIVersion] = Self.apiVersion
        if operation.isPull, let namespace = head.mirroredRegistry {
            response.headers[.ociNamespace] = namespace
        }
        return response
    }

    private func answer(
        _ operation: OCIOperation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        switch operation {
        case .checkVersion, .checkGitLab:
            .json([:])
        case .listCatalogue(let page):
            try await listCatalogue(page, head, in: scope)
        case .pullManifest(let reference):
            try await pullManifest(reference, head, in: scope)
        case .pushManifest(let push):
            try await pushManifest(push, head, body: body, in: scope)
        case .deleteManifest(let reference):
            try await deleteManifest(reference, in: scope)
        case .pullBlob(let digest):
            try await pullBlob(digest, head, in: scope)
        case .deleteBlob(let digest):
            try await deleteBlob(digest, in: scope)
        case .beginUpload(let request):
            try await beginUpload(request, head, body: body, in: scope)
        case .showUpload(let id):
            try await showUpload(id, head, in: scope)
        case .appendToUpload(let id, let range):
            try await append(to: id, range, head, body: body, in: scope)
        case .finishUpload(let id, let range, let digest):
            try await finishUpload(id, range, digest, head, body: body, in: scope)
        case .cancelUpload(let id):
            try await cancelUpload(id, in: scope)
        case .listTags(let name, let page):
            try await listTags(name, page, head, in: scope)
        case .listReferrers(let digest, let query):
            try await listReferrers(digest, query, head, in: scope)
        case .showRepository(let name, let size):
            try await showRepository(name, size, in: scope)
        case .listTagDetails(let name, let query):
            try await listTagDetails(name, query, head, in: scope)
        case .showTagDetail(let name, let tag):
            try await showTagDetail(name, tag, in: scope)
        case .listDescendants(let name, let page):
            try await listDescendants(name, page, head, in: scope)
        }
    }
}

extension OCIOperation {
    /// Whether it is one of those that a client may send to a mirror.
    fileprivate var isPull: Bool {
        switch self {
        case .pullManifest, .pullBlob, .listTags, .listReferrers: true
        default: false
        }
    }
}

extension RequestHead {
    /// The name of the repository that the address names, in segments.
    var repository: [String] { OCIPath(parsing: tail.segments)?.repository ?? [] }

    /// The registry that a client meant when it was told to ask here: the value of `?ns=`.
    ///
    /// *Source*: OCI distribution specification, "Registry Proxying".
    fileprivate var mirroredRegistry: String? {
        guard let name = query["ns"], (1...255).contains(name.utf8.count),
            name.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                    UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
                    true
                default: false
                }
            })
        else { return nil }
        return name
    }
}
