/// Keeps facts in a database. Transactions are synchronous closures: nothing can be awaited inside
/// one (I6), and a closure may run more than once, because a transaction that lost a race is retried.
///
/// What a closure throws undoes its transaction and reaches the caller; a database that cannot be
/// reached is `unavailable`, with a time to retry after.
public protocol MetadataStore: Sendable {
    /// Runs `body` on one consistent state of the database.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value

    /// Runs `body` in one transaction that is durable when this returns.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value

    /// The same, with regard to those who wait for other transactions. A store that cannot tell them
    /// apart treats all as requests.
    func write<Value: Sendable>(
        _ urgency: WriteUrgency, _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value

    /// The file of this name in a project: the question of every download. A store may answer from
    /// memory as long as it knows that nothing was committed since, by any process.
    func findFile(
        _ address: FileAddress, inProject projectID: Int64
    ) async throws(RegistryError) -> PublishedFile?

    /// The blob, where the package names it or holds a lease of it, at `now`. As for `findFile`, a
    /// store may answer from memory.
    func findBlob(
        _ address: BlobAddress, inProject projectID: Int64, at now: Timestamp
    ) async throws(RegistryError) -> HeldBlob?

    /// The package of this name in a project, if it has a version. As for `findFile`, a store may
    /// answer from memory.
    func findPackage(
        _ address: PackageAddress, inProject projectID: Int64
    ) async throws(RegistryError) -> PackageRecord?
}

/// Whom a transaction that writes keeps waiting, and what it waits for.
public enum WriteUrgency: Hashable, Sendable {
    /// Somebody waits for it: it takes its turn, and is durable when it returns.
    case request
    /// Nobody waits for it: what somebody waits for goes first, but for a limited time.
    case background
    /// The same, and it is durable only when the next transaction of another kind is. A loss of power
    /// before that undoes it; nothing that came after it survives without it.
    case deferred
}

extension MetadataStore {
    public func write<Value: Sendable>(
        _ urgency: WriteUrgency, _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await write(body)
    }

    public func findPackage(
        _ address: PackageAddress, inProject projectID: Int64
    ) async throws(RegistryError) -> PackageRecord? {
        try await read { tx in
            try tx.findPackages(
                address, in: .project(projectID), readableBy: .everything
            ).first
        }
    }

    public func findBlob(
        _ address: BlobAddress, inProject projectID: Int64, at now: Timestamp
    ) async throws(RegistryError) -> HeldBlob? {
        let held = try await read { tx in try tx.findBlob(address, projectID: projectID) }
        return held.flatMap { $0.isHeld(at: now) ? $0 : nil }
    }

    public func findFile(
        _ address: FileAddress, inProject projectID: Int64
    ) async throws(RegistryError) -> PublishedFile? {
        try await read { tx in
            try tx.findFiles(
                address, in: .project(projectID), readableBy: .everything, limit: 1
            ).first
        }
    }
}

/// What can be read in a transaction.
public protocol MetadataReading: NamespaceReading, IdentityReading, PackageReading,
    ReleaseReading, PullReading, TagReading, TagRuleReading, PackageRuleReading, BlobReading,
    CollectionReading, FeatureReading, RetentionReading, VerificationReading, PageLoginReading
{}

/// What can be read and written in a transaction.
public protocol MetadataWriting: MetadataReading, NamespaceWriting, IdentityWriting,
    PackageWriting, ReleaseWriting, PullWriting, TagWriting, TagRuleWriting, PackageRuleWriting,
    BlobWriting, CollectionWriting, FeatureWriting, RetentionWriting, VerificationWriting,
    PageLoginWriting
{
    /// Appends to the audit.
    func append(_ event: AuditEvent, at now: Timestamp) throws
}

/// A principal as far as a query can see it: which projects may it read packages of? The answer in
/// SQL is the same as that of `StandardAccessPolicy`; a test compares the two.
public enum PackageReader: Hashable, Sendable {
    /// Everything: an administrator, or the gateway itself.
    case everything
    /// What is public.
    case anonymous
    /// What is public or internal, or where the user's role is reporter or more.
    case user(Int64)
    /// What is public, or in this project or group.
    case namespace(Int64)

    /// What `principal` may read, token scopes aside.
    public init(_ principal: Principal) {
        switch principal {
        case .anonymous: self = .anonymous
        case .user(let user): self = user.isAdmin ? .everything : .user(user.id)
        case .deployToken(let token): self = .namespace(token.namespaceID)
        case .job(let job): self = .user(job.userID)
        case .console, .server: self = .everything
        }
    }
}

/// The projects that a list or a look-up covers.
public enum ProjectSet: Hashable, Sendable {
    case project(Int64)
    /// All projects at or below this namespace.
    case below(Int64)
    case instance
}
