import BlobStorage
import MetadataStorage
import NIOPosix
public import Registry

/// The real scopes of one project and of the group around it, on a fresh database and a folder, with
/// access granted.
public struct StoredScopes: Sendable {
    public let project: any ScopeHandle
    public let group: any ScopeHandle
    /// Where the bytes are.
    public let blobs: any BlobStore
    /// The folder that they lie in.
    public let blobFolder: String
    /// The services of two replicas, on one database and one folder.
    public let replicas: [RegistryServices]
    /// The database, for what no scope does.
    public let database: TestDatabase
    /// The project's row, as it was when it was made.
    public let record: NamespaceRecord
    private let actor: Actor

    /// A package of the project, as the replica of this number sees it.
    ///
    /// - Parameters:
    ///   - project: the project's row as a request finds it, where its settings were changed.
    ///   - metadata: a wrapping of the replica's store to use instead of it.
    public func package(
        _ name: String, format: FormatID, role: Role = .owner, replica: Int = 0,
        project: NamespaceRecord? = nil, metadata: (any MetadataStore)? = nil
    ) throws(RegistryError) -> HostedPackage {
        var services = replicas[replica]
        if let metadata {
            services = RegistryServices(
                metadata: metadata, blobs: services.blobs, clock: services.clock)
        }
        let someone = UserPrincipal(id: 1, username: "zoe", isAdmin: false, scopes: nil)
        return try HostedProject(
            project: project ?? record, remainder: name.split(separator: "/").map(String.init),
            actor: Actor(
                principal: .user(someone), requestID: actor.requestID,
                remoteAddress: actor.remoteAddress),
            role: role, services: services
        ).hostedPackage(format)
    }

    /// Runs `body` with a public project `acme/web`.
    public static func run(
        on kind: DatabaseKind, replacing formats: [FormatID] = [],
        clock: any RegistryClock = SystemClock(), inMemory: Bool = false,
        _ body: (StoredScopes) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder(inMemory: inMemory)
        let database = try await kind.makeDatabase(inMemory: inMemory)
        try await database.withStore { store in
            let replicas = try (0..<2).map { _ in
                RegistryServices(
                    metadata: store,
                    blobs: try FileBlobStore(
                        root: folder.path("blobs"), threadPool: .singleton, clock: clock),
                    clock: clock)
            }
            let services = replicas[0]
            let allowsReplacing = Dictionary(uniqueKeysWithValues: formats.map { ($0.name, true) })
            let now = services.clock.now()
            let groupPath = try NamespacePath(parsing: "acme")
            let projectPath = try NamespacePath(parsing: "acme/web")
            let (group, project) = try await store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: groupPath, name: "Acme", visibility: .public),
                    at: now)
                let project = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: projectPath, parentID: group.id, name: "Web",
                        visibility: .public,
                        settings: NamespaceSettings(allowsReplacing: allowsReplacing)),
                    at: now)
                return (group, project)
            }
            let actor = Actor(
                principal: .console, requestID: "r1", remoteAddress: "127.0.0.1")
            try await body(
                StoredScopes(
                    project: HostedProject(project: project, actor: actor, services: services),
                    group: PackageUnion(group: group, actor: actor, services: services),
                    blobs: services.blobs, blobFolder: folder.path("blobs"), replicas: replicas,
                    database: database, record: project, actor: actor))
        }
    }
}
