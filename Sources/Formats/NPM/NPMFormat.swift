import FormatKit
import HTTPTypes
import NIOCore
public import Registry

/// Packages of JavaScript, for npm, yarn, pnpm, bun and deno.
///
/// Addresses below the mount are those of the npm registry: `/{name}`, `/@{scope}/{name}`,
/// `/{name}/-/{tarball}` and everything below `/-/`.
///
/// *Source*: npm/registry, "REGISTRY-API", "Package Metadata"; npm/cli; GitLab, "npm packages in the
/// package registry".
public struct NPMFormat: PackageFormat {
    public static let id: FormatID = "npm"
    public static let stage = Stage.beta

    /// The largest tarball, in bytes: 1 GiB.
    public static let tarballLimitBytes: Int64 = 1 << 30
    /// The largest body of a publish, in bytes: a tarball in base64, and the document around it.
    static let publishLimitBytes =
        tarballLimitBytes / 3 * 4 + Int64(NPMBodySplitter.documentLimitBytes)
    /// The largest list of what is installed somewhere, in bytes: 32 MiB.
    static let auditLimitBytes: Int64 = 32 << 20
    /// The largest body of every other request, in bytes.
    static let smallBodyLimitBytes = 65_536

    /// Documents that were derived, by the revisions of their packages.
    let documents = DocumentCache<ByteBuffer>(limitBytes: documentCacheBytes)

    public static let examples = [
        ExampleRequest(.get, "/tool"), ExampleRequest(.head, "/@acme%2ftool"),
        ExampleRequest(.get, "/@acme/tool/1.0.0"), ExampleRequest(.put, "/@acme%2Ftool"),
        ExampleRequest(.put, "/tool/-rev/1-1"), ExampleRequest(.delete, "/tool/-rev/1-1"),
        ExampleRequest(.get, "/tool/-/tool-1.0.0.tgz"),
        ExampleRequest(.head, "/@acme/tool/-/@acme/tool-1.0.0.tgz"),
        ExampleRequest(.delete, "/tool/-/tool-1.0.0.tgz/-rev/1-1"),
        ExampleRequest(.get, "/-/package/tool/dist-tags"),
        ExampleRequest(.put, "/-/package/@acme%2ftool/dist-tags/next"),
        ExampleRequest(.post, "/-/package/tool/dist-tags/next"),
        ExampleRequest(.delete, "/-/package/tool/dist-tags/next"),
        ExampleRequest(.get, "/-/package/tool/visibility"),
        ExampleRequest(.get, "/-/package/tool/collaborators"),
        ExampleRequest(.post, "/-/package/tool/access"),
        ExampleRequest(.get, "/-/npm/v1/attestations/@acme%2ftool@1.0.0"),
        ExampleRequest(.get, "/-/v1/search?text=tool&size=20"),
        ExampleRequest(.get, "/-/npm/v1/keys"),
        ExampleRequest(.post, "/-/npm/v1/security/advisories/bulk"),
        ExampleRequest(.post, "/-/npm/v1/security/audits/quick"),
        ExampleRequest(.get, "/-/ping"), ExampleRequest(.get, "/-/whoami"),
        ExampleRequest(.get, "/-/npm/v1/user"), ExampleRequest(.post, "/-/npm/v1/user"),
        ExampleRequest(.get, "/-/npm/v1/tokens"), ExampleRequest(.post, "/-/npm/v1/tokens"),
        ExampleRequest(.delete, "/-/npm/v1/tokens/token/00000a"),
        ExampleRequest(.put, "/-/user/org.couchdb.user:zoe"),
        ExampleRequest(.post, "/-/v1/login"), ExampleRequest(.get, "/-/v1/login/r"),
        ExampleRequest(.post, "/-/v1/login/r"), ExampleRequest(.get, "/-/v1/done/r"),
        ExampleRequest(.delete, "/-/user/token/t"),
        ExampleRequest(.get, "/-/org/acme/package"),
    ]

    /// Questions for the token of a login that are waiting.
    let loginWaiters = LoginWaiters()
    /// The longest that such a question waits for somebody to confirm the login, in seconds.
    let loginWaitSeconds: Int

    /// - Parameter loginWaitSeconds: how long a client that asks for the token of a login on a page
    ///   is kept waiting; 0 to answer at once.
    public init(loginWaitSeconds: Int = 10) {
        self.loginWaitSeconds = loginWaitSeconds
    }

    public func parse(_ head: RequestHead) throws(RegistryError) -> NPMOperation? {
        try NPMPath(parsing: head.tail.segments)?.operation(for: head)
    }

    public func handle(
        _ operation: NPMOperation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        switch operation {
        case .showPackage(let name):
            let kind = NPMDocumentKind(accept: head.headers[.accept])
            return try await answer(with: kind, of: name, head, in: scope)
        case .showVersion(let name, let reference):
            return try await answer(with: .version(reference), of: name, head, in: scope)
        case .putPackage(let name):
            return try await put(name, body: body, in: scope)
        case .updatePackage(let name, let revision):
            return try await update(name, revision, body: body, in: scope)
        case .deletePackage(let name, let revision):
            return try await delete(name, revision, in: scope)
        case .downloadTarball(let tarball):
            return try await download(tarball, head, in: scope)
        case .deleteTarball(let tarball, let revision):
            return try await delete(tarball, revision, in: scope)
        case .listTags(let name):
            return try await answer(with: .tags, of: name, head, in: scope)
        case .setTag(let name, let tag):
            return try await setTag(tag, of: name, body: body, in: scope)
        case .removeTag(let name, let tag):
            return try await removeTag(tag, of: name, in: scope)
        case .showAttestations(let name, let version):
            return try await showAttestations(name, version, in: scope)
        case .search(let search):
            return try await self.search(search, head, in: scope)
        case .audit:
            return try await audit(body)
        default:
            return try await handleAccount(operation, head, body: body, in: scope)
        }
    }
}
