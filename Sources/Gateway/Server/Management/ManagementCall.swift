import FormatKit
import HTTPTypes
import Registry

/// A call of the management API that was let through, with its arguments.
struct ManagementCall: Sendable {
    let api: ManagementAPI
    let context: RequestContext
    let address: ManagementAddress
    let arguments: Arguments
    /// The moment at which the call counts as having happened.
    let now: Timestamp

    var services: RegistryServices { context.services }
    var origin: PublicOrigin { context.head.origin }
    var principal: Principal { context.actor.principal }

    /// Whether an administrator calls.
    var isAdmin: Bool {
        if case .user(let user) = principal { user.isAdmin } else { false }
    }

    /// Which packages and namespaces lists may show to the caller.
    var reader: PackageReader { PackageReader(principal) }

    /// The user who calls.
    ///
    /// - Throws: `unauthenticated` for nobody, `forbidden` for a token that is no user's.
    func requireUser() throws(RegistryError) -> UserPrincipal {
        switch principal {
        case .user(let user): return user
        case .anonymous: throw RegistryError(.unauthenticated, "this call needs a user")
        case .deployToken, .job, .console, .server:
            throw RegistryError(.forbidden, "only a user may do this")
        }
    }

    /// The namespace that the path names, access to which was granted.
    ///
    /// - Throws: `internalError` when the endpoint did not ask for it.
    func namespace(_ kind: NamespaceKind?) throws(RegistryError) -> NamespaceRecord {
        try context.target(address.namespace(kind))
    }

    /// What the caller counts as in `namespace` where a rule asks for a role; access to the namespace
    /// was granted.
    func authority(in namespace: NamespaceRecord) -> Role {
        principal.authority(context.roles[namespace.id])
    }

    /// The same, with the token that the caller presented.
    func standing(in namespace: NamespaceRecord) -> Authority {
        Authority(principal, role: context.roles[namespace.id])
    }

    /// The page that the arguments ask for.
    ///
    /// - Throws: `malformed` when it lies deeper than pages may.
    func page() throws(RegistryError) -> PageRequest {
        let number = Int(clamping: arguments.findInteger("page") ?? 1)
        let request = PageRequest(
            number: number, size: Int(clamping: arguments.findInteger("per_page") ?? 20))
        guard request.number == number else {
            throw RegistryError.parameters(
                "Offset pagination has a maximum allowed offset of \(PageRequest.offsetLimitCount)")
        }
        return request
    }

    // MARK: Transactions

    /// Reads on one state of the database.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await services.metadata.read(body)
    }

    /// Changes something, and appends what was done to the audit in the same transaction: there is
    /// no way to change without.
    func change<Value: Sendable>(
        _ action: String,
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Change<Value>
    ) async throws(RegistryError) -> Value {
        let actor = context.actor
        let now = now
        return try await services.metadata.write { tx in
            let change = try body(tx)
            if change.happened {
                try tx.append(
                    AuditEvent(
                        action: action, actor: actor, namespaceID: change.namespaceID,
                        subject: change.subject), at: now)
            }
            return change.value
        }
    }

    // MARK: Answers

    /// An answer with one value.
    func answer(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> FormatResponse {
        FormatResponse.json(value, status: status)
    }

    /// An answer with one page of a list, and the headers that lead to the others.
    func answer(_ page: Page<JSONValue>) -> FormatResponse {
        FormatResponse.json(
            .array(page.rows), headers: Pagination.headers(for: page, of: context.head))
    }

    /// The answer to the removal of something that takes its time.
    var accepted: FormatResponse {
        FormatResponse.json(["message": "202 Accepted"], status: .accepted)
    }

    /// The answer to something that is done, and needs no more words.
    var done: FormatResponse { FormatResponse.json(["message": "200 OK"]) }

    /// An answer without a body.
    var noContent: FormatResponse { FormatResponse(status: .noContent) }
}

/// What a change did.
struct Change<Value: Sendable>: Sendable {
    let value: Value
    /// What it happened to, for the audit.
    let subject: String
    let namespaceID: Int64?
    /// Whether anything is different now.
    let happened: Bool

    init(_ value: Value, subject: String, in namespaceID: Int64?, happened: Bool = true) {
        self.value = value
        self.subject = subject
        self.namespaceID = namespaceID
        self.happened = happened
    }
}
