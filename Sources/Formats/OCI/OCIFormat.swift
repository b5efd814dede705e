import FormatKit
import HTTPTypes
public import Registry

/// Container images and every other artifact that travels like one.
///
/// Addresses are those that the specification fixes, below `/v2`, and those of GitLab's own registry
/// API, below `/gitlab/v1`.
///
/// *Source*: OCI distribution specification 1.1; GitLab, "Container registry HTTP API V1".
public struct OCIFormat: Sendable {
    public static let id: FormatID = "oci"
    public static let stage = Stage.generalAvailability
    public static let family = ScopeFamily.containerRegistry

    /// The largest blob, in bytes: 64 GiB.
    public static let blobLimitBytes: Int64 = 64 << 30

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

    /// Never `nil`: whatever is below the format's addresses is answered in its own words, as
    /// clients expect of every failure there.
    public func parse(_ head: RequestHead) throws(RegistryError) -> OCIOperation? {
        let operation =
            head.mountPath == "/v2"
            ? try OCIPath(parsing: head.tail.segments)?.operation(for: head)
            : try GitLabPath(parsing: head.tail.segments)?.operation(for: head)
        guard let operation else {
            throw RegistryError(
                .notFound, "the registry has no such address", reason: "address_unknown")
        }
        return operation
    }
}
