import Registry

/// Something that answers below a mount: a package format, or the management API. Both pass through
/// the same pipeline, so that no route exists that is not authenticated, authorised and limited.
protocol RequestSurface: Sendable {
    /// The flag that has to be on; `nil` where there is none.
    var feature: (name: String, stage: Stage)? { get }

    /// The operation that the request means, or `nil` when the address is none of the surface's.
    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation?

    /// A failure in the surface's own body.
    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse
}

extension RequestSurface {
    var feature: (name: String, stage: Stage)? { nil }
}

/// A parsed operation of some surface, ready to run once the pipeline agrees.
struct PreparedOperation: Sendable {
    /// `FormatOperation.label`.
    let label: String
    let access: [AccessRequirement]
    let bodyLimitBytes: Int64
    /// Which token scopes apply; `nil` for the management API.
    let family: ScopeFamily?
    /// Whether the operation itself says what comes of a credential that is not accepted: until
    /// then its caller is nobody.
    let judgesCredential: Bool
    /// `FormatOperation.endsPathWithSecret`.
    let endsPathWithSecret: Bool
    let run: Run

    /// Carries the operation out.
    typealias Run =
        @Sendable (_ context: RequestContext, _ body: consuming RequestBody)
        async throws(RegistryError) -> FormatResponse

    init(
        label: String, access: [AccessRequirement], bodyLimitBytes: Int64, family: ScopeFamily?,
        judgesCredential: Bool = false, endsPathWithSecret: Bool = false, run: @escaping Run
    ) {
        self.label = label
        self.access = access
        self.bodyLimitBytes = bodyLimitBytes
        self.family = family
        self.judgesCredential = judgesCredential
        self.endsPathWithSecret = endsPathWithSecret
        self.run = run
    }
}

/// A request that was let through: who asks, where, and what there is to answer with.
struct RequestContext: Sendable {
    let head: RequestHead
    let actor: Actor
    /// What the caller's credential ends with, or why it is not accepted; the latter only where the
    /// operation judges that.
    let credential: Result<CredentialBinding, RegistryError>
    /// The project or group that the address names; `nil` for the instance.
    let namespace: NamespaceRecord?
    /// Segments behind the project's path that belong to the format.
    let remainder: [String]
    /// The namespaces that the operation's requirements name, access to each of them granted: one
    /// of an optional requirement is missing where it was refused.
    let targets: [NamespaceReference: NamespaceRecord]
    /// The roles of the caller's user in these namespaces, inherited ones included, by id.
    let roles: [Int64: Role]
    let services: RegistryServices

    /// The granted namespace that a requirement of this operation names.
    ///
    /// - Throws: `internalError` when the operation declared no such requirement.
    func target(_ reference: NamespaceReference) throws(RegistryError) -> NamespaceRecord {
        guard let namespace = targets[reference] else {
            throw RegistryError(
                .internalError, "the operation used a namespace that it had not asked for")
        }
        return namespace
    }
}
