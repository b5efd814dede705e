import HTTPTypes
import Registry

extension GitLabPath {
    /// What a GET or HEAD asks for here.
    ///
    /// - Throws: `malformed` for a name or a query that is none, `methodNotAllowed` with `Allow`.
    func operation(for head: RequestHead) throws(RegistryError) -> OCIOperation {
        guard head.method == .get || head.method == .head else {
            throw RegistryError.methodNotAllowed(head.method, "this address takes", [.get, .head])
        }
        switch self {
        case .root:
            return .checkGitLab
        case .repository(let name):
            return .showRepository(
                try OCIRepositoryName(segments: name), try Self.size(in: head.query))
        case .tags(let name):
            return .listTagDetails(
                try OCIRepositoryName(segments: name), try GitLabTagQuery(parsing: head.query))
        case .tag(let name, let tag):
            return .showTagDetail(
                try OCIRepositoryName(segments: name), try OCITag(parsing: tag))
        case .descendants(let name):
            return .listDescendants(
                try OCIRepositoryName(segments: name), try OCIPage(parsing: head.query))
        }
    }

    private static func size(in query: RequestQuery) throws(RegistryError) -> GitLabSize? {
        guard let text = query["size"] else { return nil }
        guard let size = GitLabSize(rawValue: text) else {
            throw GitLabTagQuery.refusal("size", "size is self or self_with_descendants")
        }
        return size
    }
}
