import FormatKit
import HTTPTypes
import Registry

extension OCIFormat {
    /// Answers GET and HEAD of a repository, with its size where that is asked for.
    ///
    /// *Source*: GitLab, "Container registry HTTP API V1: Get repository details".
    func showRepository(
        _ name: OCIRepositoryName, _ size: GitLabSize?, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        let listing = try await package.describe()
        var members: [(name: String, value: JSONValue)] = [
            ("name", .string(name.segments.last ?? "")), ("path", .string(name.description)),
        ]
        var sizeBytes = listing?.sizeBytes ?? 0
        if size == .selfWithDescendants {
            sizeBytes = try await scope.measureBlobs(Self.id, atOrBelow: package.address)
        }
        // The root of a tree of repositories need not be one itself.
        guard listing != nil || sizeBytes > 0 else { throw Self.nameUnknown(name) }
        if size != nil {
            members.append(("size_bytes", .integer(sizeBytes)))
            members.append(("size_precision", "default"))
        }
        if let row = listing?.package {
            members.append(("created_at", .string(row.createdAt.iso8601)))
            members.append(("updated_at", .string(row.updatedAt.iso8601)))
        }
        return .json(.object(members))
    }

    /// Answers GET and HEAD of the names of a repository and of those below it.
    ///
    /// *Source*: GitLab, "Container registry HTTP API V1: List sub repositories".
    func listDescendants(
        _ name: OCIRepositoryName, _ page: OCIPage, _ head: RequestHead,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        let below = package.address + "/"
        var addresses: [String] = []
        if page.last == nil, try await package.find() != nil { addresses.append(package.address) }
        let start = page.last.flatMap { $0.hasPrefix(below) ? $0 : nil } ?? below
        addresses += try await scope.listPackageAddresses(
            Self.id, after: start, limit: page.size + 1
        ).prefix { $0.hasPrefix(below) }
        let shown = addresses.prefix(page.size)
        let rows = shown.map { address -> JSONValue in
            let name = address.split(separator: "/").last.map(String.init) ?? address
            return ["name": .string(name), "path": .string(address)]
        }
        return answer(
            OCIDocument(
                bytes: JSONValue.array(rows).bytes,
                last: addresses.count > page.size ? shown.last : nil), page, head)
    }
}
