import GatewayServer
import Registry
import TestSupport

/// Projects of every visibility, and somebody of every kind to ask for them.
struct AccessCast: Sendable {
    struct Member: Sendable {
        let name: String
        let principal: Principal
        let headers: [(String, String)]
        /// By namespace id.
        let roles: [Int64: Role]
        /// The namespace that a deploy token belongs to.
        let home: Int64?

        var isAdmin: Bool {
            if case .user(let user) = principal { user.isAdmin } else { false }
        }
        var isDeployToken: Bool {
            if case .deployToken = principal { true } else { false }
        }
    }

    let projects: [NamespaceRecord]
    /// A public group with a private one in it, a private group that nobody is a member of, and the
    /// namespace of one of the users.
    let containers: [NamespaceRecord]
    let members: [Member]

    static func insert(into store: any MetadataStore) async throws -> AccessCast {
        let now = SystemClock().now()
        return try await store.write { tx in
            let group = try tx.insertNamespace(
                NamespaceDraft(
                    kind: .group, path: try NamespacePath(parsing: "acme"), name: "Acme",
                    visibility: .public),
                at: now)
            let other = try tx.insertNamespace(
                NamespaceDraft(
                    kind: .group, path: try NamespacePath(parsing: "other"), name: "Other"),
                at: now)
            let projects = try Visibility.allCases.map { visibility in
                try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: try group.path.appending(visibility.rawValue),
                        parentID: group.id, name: visibility.rawValue, visibility: visibility),
                    at: now)
            }
            let inner = try tx.insertNamespace(
                NamespaceDraft(
                    kind: .group, path: try group.path.appending("inner"), parentID: group.id,
                    name: "Inner"),
                at: now)
            let casting = Casting(tx: tx, now: now, projects: projects, groups: [group, inner])
            var members = [
                Member(
                    name: "anonymous", principal: .anonymous, headers: [], roles: [:], home: nil)
            ]
            members += try casting.users(memberOf: group)
            members += try casting.deployTokens(in: [group, other] + projects)
            members += try casting.jobs(in: projects, memberOf: group)
            let own = try members.lazy.compactMap(\.principal.userID).first.flatMap { userID in
                try tx.findUser(userID).flatMap { try tx.findNamespace(.id($0.namespaceID, .user)) }
            }
            return AccessCast(
                projects: projects, containers: [group, inner, other] + [own].compactMap(\.self),
                members: members)
        }
    }
}

/// Fills an `AccessCast`.
private struct Casting {
    let tx: any MetadataWriting
    let now: Timestamp
    let projects: [NamespaceRecord]
    /// The group that users are members of, and those below it.
    let groups: [NamespaceRecord]

    func users(memberOf group: NamespaceRecord) throws -> [AccessCast.Member] {
        var members: [AccessCast.Member] = []
        for role in Role.allCases.map(Optional.some) + [nil] {
            let user = try insertUser(role?.name ?? "stranger")
            if let role {
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: group.id, role: role, expiresAt: nil, at: now)
            }
            for scope in TokenScope.allCases {
                members.append(try token(of: user, role: role, scope: scope))
            }
        }
        let admin = try insertUser("admin", isAdmin: true)
        members.append(try token(of: admin, role: nil, scope: .api))
        members.append(try token(of: admin, role: nil, scope: .readPackageRegistry))
        return members
    }

    func deployTokens(in namespaces: [NamespaceRecord]) throws -> [AccessCast.Member] {
        var members: [AccessCast.Member] = []
        for namespace in namespaces {
            for scopes: Set<TokenScope> in [
                [.readPackageRegistry], [.writePackageRegistry], [.readRegistry],
                [.readRegistry, .writeRegistry],
            ] {
                let name = "deploy-\(namespace.id)-\(scopes.map(\.rawValue).joined())"
                let secret = SecretToken.generate(.deploy)
                let record = try tx.insertToken(
                    TokenDraft(
                        kind: .deploy, name: name, username: name, namespaceID: namespace.id,
                        scopes: scopes, secretHash: SecretToken.hash(secret)),
                    at: now)
                members.append(
                    AccessCast.Member(
                        name: "\(name) in \(namespace.path)",
                        principal: .deployToken(
                            DeployTokenPrincipal(
                                id: record.id, username: name, namespaceID: namespace.id,
                                scopes: scopes)),
                        headers: [("Deploy-Token", secret)], roles: [:], home: namespace.id))
            }
        }
        return members
    }

    func jobs(
        in projects: [NamespaceRecord], memberOf group: NamespaceRecord
    ) throws -> [AccessCast.Member] {
        var members: [AccessCast.Member] = []
        for role: Role? in [.developer, .maintainer, nil] {
            let user = try insertUser("job-\(role?.name ?? "stranger")")
            if let role {
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: group.id, role: role, expiresAt: nil, at: now)
            }
            for project in projects {
                let secret = SecretToken.generate(.job)
                let record = try tx.insertToken(
                    TokenDraft(
                        kind: .job, name: "job", userID: user.id, namespaceID: project.id,
                        jobID: 42, secretHash: SecretToken.hash(secret)),
                    at: now)
                members.append(
                    AccessCast.Member(
                        name: "job of \(user.username) in \(project.path)",
                        principal: .job(
                            JobPrincipal(
                                id: record.id, jobID: 42, projectID: project.id, userID: user.id,
                                username: user.username, build: BuildRecord())),
                        headers: [("Job-Token", secret)], roles: roles(role, of: user),
                        home: nil))
            }
        }
        return members
    }

    private func insertUser(_ name: String, isAdmin: Bool = false) throws -> UserRecord {
        try tx.insertUser(
            UserDraft(
                username: "cast-\(name)", name: name, email: "\(name)@example.com",
                isAdmin: isAdmin),
            at: now)
    }

    private func token(
        of user: UserRecord, role: Role?, scope: TokenScope
    ) throws -> AccessCast.Member {
        let secret = SecretToken.generate(.personal)
        let record = try tx.insertToken(
            TokenDraft(
                kind: .personal, name: "test", userID: user.id, scopes: [scope],
                secretHash: SecretToken.hash(secret)),
            at: now)
        return AccessCast.Member(
            name: "\(user.username) with \(scope.rawValue)",
            principal: .user(
                UserPrincipal(
                    id: user.id, username: user.username, isAdmin: user.isAdmin, scopes: [scope],
                    tokenID: record.id)),
            headers: [("Private-Token", secret)], roles: roles(role, of: user), home: nil)
    }

    private func roles(_ role: Role?, of user: UserRecord) -> [Int64: Role] {
        var roles = [user.namespaceID: Role.owner]
        for namespace in projects + groups { roles[namespace.id] = role }
        return roles
    }
}

/// A store that reads and refuses to write, so that asking for everything changes nothing.
struct WriteRefusingStore: MetadataStore {
    let base: any MetadataStore

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataReading) throws -> Value
    ) async throws(RegistryError) -> Value {
        try await base.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting) throws -> Value
    ) async throws(RegistryError) -> Value {
        throw RegistryError(.conflict, "this store refuses to write")
    }
}
