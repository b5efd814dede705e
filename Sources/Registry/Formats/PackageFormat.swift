public import HTTPTypes

/// One package format: its addresses, its operations and its words. Everything else, from routing to
/// storage, is shared.
public protocol PackageFormat: Sendable {
    associatedtype Operation: FormatOperation

    /// The name in addresses and flags.
    static var id: FormatID { get }
    /// How far the format has come; decides whether it is on where nobody set a gate.
    static var stage: Stage { get }
    /// Which token scopes apply.
    static var family: ScopeFamily { get }
    /// A request of every kind that the format answers, for tests that go through all of them. Those
    /// of a format that locates its addresses itself are whole paths, where `{project}` stands for
    /// the path of a project.
    static var examples: [ExampleRequest] { get }

    /// Whether a version or tag of this name comes before a release: `1.0.0-rc.1`, `1.0-SNAPSHOT`.
    static func isPrerelease(_ name: String) -> Bool
    /// The name under which a package is kept that people call so: `Flask_Login` is `flask-login` in
    /// PyPI. Total: what is no name of the format's stays as it is.
    static func canonicalName(_ text: String) -> String
    /// The names of which one is that of the version which people call so, the likeliest first; never
    /// empty. Total as well.
    static func versionSpellings(_ text: String) -> [String]
    /// The statuses that a version can be given; none where clients would not know of any.
    static var statuses: [VersionStatus] { get }
    /// What the patterns of rules about packages are compared with.
    static var ruleSubject: PackageRuleTerms.Subject { get }

    /// Where a path leads that the format's own specification fixes, as OCI's `/v2/…`; asked before
    /// any other address is tried. `nil` when the path is none of them.
    static func locate(_ path: RequestPath) -> FormatLocation?
    /// Whether clients of the format fetch tokens at this path of two segments without having been
    /// told the address; the gateway answers there as it does at the realm of its challenge.
    static func isTokenAddress(_ path: RequestPath) -> Bool

    /// The operation that the request means. Pure: no I/O, no clock, no state.
    ///
    /// - Returns: `nil` when the address is none of the format's.
    /// - Throws: `malformed` for a name that the format forbids, `methodNotAllowed` for an address
    ///   that exists and does not take the method.
    func parse(_ head: RequestHead) throws(RegistryError) -> Operation?

    /// Carries out an operation to which access was granted.
    func handle(
        _ operation: Operation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse

    /// A failure in the format's own body. Total, and quick.
    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse
}

extension PackageFormat {
    public static var family: ScopeFamily { .packageRegistry }

    public static func canonicalName(_ text: String) -> String { text }
    public static func versionSpellings(_ text: String) -> [String] { [text] }
    public static var statuses: [VersionStatus] { FormatRules.statuses }
    public static var ruleSubject: PackageRuleTerms.Subject { .name }

    public static func locate(_ path: RequestPath) -> FormatLocation? { nil }
    public static func isTokenAddress(_ path: RequestPath) -> Bool { false }

    /// As `FormatRules.isPrerelease` decides for all that have no rule of their own.
    public static func isPrerelease(_ name: String) -> Bool { FormatRules.isPrerelease(name) }
}

/// Where an address that a format's specification fixes leads.
public struct FormatLocation: Hashable, Sendable {
    /// Segments of the path that are not the format's tail: 1 for `/v2`.
    public let prefixCount: Int
    /// The namespace that the address names; `nil` for the instance. With `longestProject`, what is
    /// left of its segments reaches the format as `ScopeHandle.remainder`.
    public let scope: NamespaceReference?

    public init(prefixCount: Int, scope: NamespaceReference?) {
        self.prefixCount = prefixCount
        self.scope = scope
    }
}

/// One parsed request, as a value.
public protocol FormatOperation: Sendable {
    /// Names the operation in metrics, logs and the audit: `generic.file.upload`. One of few.
    var label: String { get }
    /// Everything that the operation touches, and how.
    var access: [AccessRequirement] { get }
    /// The most bytes that the body may have; 0 when there must be none.
    var bodyLimitBytes: Int64 { get }
    /// Whether the caller is nobody when his credential is not accepted, as somebody who logs in
    /// because of that; every other operation is refused then.
    var judgesCredential: Bool { get }
    /// Whether the last segment of the path is a secret, which no log may show.
    var endsPathWithSecret: Bool { get }
}

extension FormatOperation {
    public var judgesCredential: Bool { false }
    public var endsPathWithSecret: Bool { false }
}

/// A request that a format or the management API answers.
public struct ExampleRequest: Hashable, Sendable {
    public let method: HTTPRequest.Method
    /// What stands behind the mount, with its slash, and the query: `/tool/1.0/bin/tool?status=hidden`.
    /// Of an address that the format locates itself, all of it, with `{project}` where the path of
    /// a project stands: `/v2/{project}/api/tags/list`.
    public let tail: String

    public init(_ method: HTTPRequest.Method, _ tail: String) {
        self.method = method
        self.tail = tail
    }
}
