import FormatKit
import HTTPTypes
public import Registry

/// Container images and every other artifact that travels like one.
///
/// Addresses are those that the specification fixes, below `/v2`, and those of GitLab's own registry
/// API, below `/gitlab/v1`.
///
/// *Source*: OCI distribution specification 1.1; GitLab, "Container registry HTTP API V1".
public struct OCIFormat: PackageFormat {
    public static let id: FormatID = "oci"
    public static let stage = Stage.generalAvailability
    public static let family = ScopeFamily.containerRegistry

    /// An image has no status: who pulls it would never hear of it.
    public static let statuses: [VersionStatus] = []
    /// A repository is named as people push to it, with the project.
    public static let ruleSubject = PackageRuleTerms.Subject.address

    /// The largest blob, in bytes: 64 GiB.
    public static let blobLimitBytes: Int64 = 64 << 30

    /// Where the specification's addresses begin.
    static let mountPath = "/v2"
    /// Where GitLab's addresses begin.
    static let gitLabMountPath = "/gitlab/v1"

    /// The most memory that derived lists take, in bytes: 32 MiB.
    static let documentLimitBytes = 32 << 20

    /// Lists that were derived, by the revision of their repository.
    let documents = DocumentCache<OCIDocument>(limitBytes: documentLimitBytes)

    /// Clients that do not read the realm of a challenge ask at `/v2/token`.
    public static func isTokenAddress(_ path: RequestPath) -> Bool {
        path.segments == ["v2", "token"]
    }

    /// Whole paths, since the specification fixes them; `{project}` stands for that of a project.
    public static let examples: [ExampleRequest] = {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        let api = "/v2/{project}/api"
        let gitLab = "/gitlab/v1/repositories/{project}/api"
        return [
            ExampleRequest(.get, "/v2/"), ExampleRequest(.head, "/v2/"),
            ExampleRequest(.get, "/v2/_catalog?n=10"),
            ExampleRequest(.get, "\(api)/manifests/latest"),
            ExampleRequest(.head, "/v2/{project}/manifests/\(digest)"),
            ExampleRequest(.put, "\(api)/manifests/latest"),
            ExampleRequest(.delete, "\(api)/manifests/latest"),
            ExampleRequest(.delete, "\(api)/manifests/\(digest)"),
            ExampleRequest(.get, "\(api)/blobs/\(digest)"),
            ExampleRequest(.head, "\(api)/blobs/\(digest)"),
            ExampleRequest(.delete, "\(api)/blobs/\(digest)"),
            ExampleRequest(.post, "\(api)/blobs/uploads/"),
            ExampleRequest(.post, "\(api)/blobs/uploads/?mount=\(digest)&from={project}/base"),
            ExampleRequest(.post, "\(api)/blobs/uploads/?digest=\(digest)"),
            ExampleRequest(.get, "\(api)/blobs/uploads/1"),
            ExampleRequest(.patch, "\(api)/blobs/uploads/1"),
            ExampleRequest(.put, "\(api)/blobs/uploads/1?digest=\(digest)"),
            ExampleRequest(.delete, "\(api)/blobs/uploads/1"),
            ExampleRequest(.get, "\(api)/tags/list?n=10"),
            ExampleRequest(.get, "\(api)/referrers/\(digest)"),
            ExampleRequest(.get, "/gitlab/v1/"), ExampleRequest(.get, "\(gitLab)/?size=self"),
            ExampleRequest(.get, "\(gitLab)/tags/list/?n=10"),
            ExampleRequest(.get, "\(gitLab)/tags/detail/latest/"),
            ExampleRequest(
                .get, "/gitlab/v1/repository-paths/{project}/repositories/list/"),
        ]
    }()

    public init() {}

    public static func locate(_ path: RequestPath) -> FormatLocation? {
        let segments = path.segments
        if segments.first == "v2" {
            let tail = Array(segments.dropFirst())
            return FormatLocation(
                prefixCount: 1, scope: scope(OCIPath(parsing: tail)?.repository))
        }
        guard segments.count >= 2, segments[0] == "gitlab", segments[1] == "v1" else { return nil }
        let tail = Array(segments.dropFirst(2))
        return FormatLocation(
            prefixCount: 2, scope: scope(GitLabPath(parsing: tail)?.repository))
    }

    private static func scope(_ repository: [String]?) -> NamespaceReference? {
        repository.map(NamespaceReference.longestProject)
    }

    /// Whatever is below the format's own addresses is answered in its own words, as clients expect
    /// of every failure there; it has no others.
    public func parse(_ head: RequestHead) throws(RegistryError) -> OCIOperation? {
        let operation: OCIOperation?
        switch head.mountPath {
        case Self.mountPath:
            operation = try OCIPath(parsing: head.tail.segments)?.operation(for: head)
        case Self.gitLabMountPath:
            operation = try GitLabPath(parsing: head.tail.segments)?.operation(for: head)
        default:
            return nil
        }
        guard let operation else {
            throw RegistryError(
                .notFound, "the registry has no such address", reason: "address_unknown")
        }
        return operation
    }
}
