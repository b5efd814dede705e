import FormatKit
import HTTPTypes
import Registry

/// Calls on the members of projects and groups.
///
/// *Source*: GitLab, "Group and project members API".
enum MemberEndpoints {
    static let all = endpoints("projects", .project) + endpoints("groups", .group)

    private static func endpoints(
        _ prefix: String, _ kind: NamespaceKind
    ) -> [ManagementEndpoint] {
        let id = NamespaceParameters.id(kind.rawValue)
        let base = "\(prefix)/:id/members"
        let label = "\(kind.rawValue)_member"
        return [
            ManagementEndpoint(
                .get, base, "\(label).list", "List the members, without inherited ones.",
                parameters: [id] + .paging, unsupported: unsupportedFilters,
                success: .page(MemberView.entity.many), access: asking(.readMembers, in: kind),
                handler: { call async throws(RegistryError) in
                    try await list(call, kind, includingInherited: false)
                }),
            ManagementEndpoint(
                .get, "\(base)/all", "\(label).list_all",
                "List the members, with those inherited from above; each with the highest role.",
                parameters: [id] + .paging, unsupported: unsupportedFilters,
                success: .page(MemberView.entity.many), access: asking(.readMembers, in: kind),
                handler: { call async throws(RegistryError) in
                    try await list(call, kind, includingInherited: true)
                }),
            ManagementEndpoint(
                .get, "\(base)/:user_id", "\(label).show", "Show a member.",
                parameters: [id, user], success: .one(MemberView.entity.one),
                access: asking(.readMembers, in: kind),
                handler: { call async throws(RegistryError) in
                    try await show(call, kind, includingInherited: false)
                }),
            ManagementEndpoint(
                .get, "\(base)/all/:user_id", "\(label).show_all",
                "Show a member, or one inherited from above.",
                parameters: [id, user], success: .one(MemberView.entity.one),
                access: asking(.readMembers, in: kind),
                handler: { call async throws(RegistryError) in
                    try await show(call, kind, includingInherited: true)
                }),
            ManagementEndpoint(
                .post, base, "\(label).create", "Add a member.",
                parameters: [
                    id,
                    .optional("user_id", .integer(1...Int64.max), "The number of the user."),
                    .optional(
                        "username",
                        .text(limitCharacters: ManagementLimits.nameCharacters),
                        "The name of the user, in place of the number."), level, expiry,
                ],
                success: .one(MemberView.entity.one, status: .created), failures: [.conflict],
                access: asking(.manageMembers, in: kind),
                handler: { call async throws(RegistryError) in try await create(call, kind) }),
            ManagementEndpoint(
                .put, "\(base)/:user_id", "\(label).update", "Change a member's role.",
                parameters: [id, user, level, expiry], success: .one(MemberView.entity.one),
                access: asking(.manageMembers, in: kind),
                handler: { call async throws(RegistryError) in try await update(call, kind) }),
            ManagementEndpoint(
                .delete, "\(base)/:user_id", "\(label).delete", "Remove a member.",
                parameters: [id, user], success: .noContent,
                access: asking(.manageMembers, in: kind),
                handler: { call async throws(RegistryError) in try await remove(call, kind) }),
        ]
    }

    private static let unsupportedFilters = ["query", "user_ids", "skip_users", "state"]
    private static let user = Parameter.id("user_id", "The number of the user.")
    private static let level = Parameter.required(
        "access_level", .level(Role.allCases.map { Int64($0.rawValue) }),
        "10 guest, 20 reporter, 30 developer, 40 maintainer, 50 owner.")
    private static let expiry = Parameter.optional(
        "expires_at", .moment, "The day on which the membership ends.")

    // MARK: Reading

    private static func list(
        _ call: ManagementCall, _ kind: NamespaceKind, includingInherited: Bool
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let request = try call.page()
        let page = try await call.read { tx in
            try tx.listMembers(
                of: namespace, includingInherited: includingInherited, page: request
            ).map { MemberView.entity.json(call.view(of: $0)) }
        }
        return call.answer(page)
    }

    private static func show(
        _ call: ManagementCall, _ kind: NamespaceKind, includingInherited: Bool
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let id = try call.arguments.requireInteger("user_id")
        let places = includingInherited ? namespace.lineage + [namespace.id] : [namespace.id]
        let member = try await call.read { tx in
            try places.compactMap { try tx.findMember(userID: id, namespaceID: $0) }
                .max { $0.role < $1.role }
        }
        guard let member else { throw RegistryError.missing("Member") }
        return call.answer(MemberView.entity.json(call.view(of: member)))
    }

    // MARK: Changing

    private static func create(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let role = try requestedRole(call)
        let expiresAt = try call.expiry(defaultDays: nil, limitDays: nil)
        guard call.arguments.has("user_id") || call.arguments.has("username") else {
            throw RegistryError.parameters(
                "user_id, username are missing, exactly one parameter must be provided")
        }
        let member = try await call.change("member.create") { tx in
            let user: UserRecord? =
                if let id = call.arguments.findInteger("user_id") {
                    try tx.findUser(id)
                } else {
                    try tx.findUser(username: call.arguments.findText("username") ?? "")
                }
            guard let user else { throw RegistryError.missing("User") }
            if try tx.findMember(userID: user.id, namespaceID: namespace.id) != nil {
                throw RegistryError(.conflict, "Member already exists")
            }
            try requireRight(call, over: role, in: namespace, tx)
            try requireNotBelowInherited(role, user, namespace, call.now, tx)
            let member = try tx.insertMember(
                userID: user.id, namespaceID: namespace.id, role: role, expiresAt: expiresAt,
                at: call.now)
            return Change(member, subject: "user:\(user.username)", in: namespace.id)
        }
        return call.answer(MemberView.entity.json(call.view(of: member)), status: .created)
    }

    private static func update(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let id = try call.arguments.requireInteger("user_id")
        let role = try requestedRole(call)
        let given = try call.expiry(defaultDays: nil, limitDays: nil)
        let member = try await call.change("member.update") { tx in
            guard let current = try tx.findMember(userID: id, namespaceID: namespace.id) else {
                throw RegistryError.missing("Member")
            }
            try requireRight(call, over: max(role, current.role), in: namespace, tx)
            if role < .owner { try requireAnotherOwner(than: current, in: namespace, tx) }
            guard
                let member = try tx.updateMember(
                    userID: id, namespaceID: namespace.id, role: role,
                    expiresAt: given ?? current.expiresAt)
            else { throw RegistryError.missing("Member") }
            return Change(member, subject: "user:\(member.user.username)", in: namespace.id)
        }
        return call.answer(MemberView.entity.json(call.view(of: member)))
    }

    private static func remove(
        _ call: ManagementCall, _ kind: NamespaceKind
    ) async throws(RegistryError) -> FormatResponse {
        let namespace = try call.namespace(kind)
        let id = try call.arguments.requireInteger("user_id")
        try await call.change("member.delete") { tx in
            guard let member = try tx.findMember(userID: id, namespaceID: namespace.id) else {
                throw RegistryError.missing("Member")
            }
            try requireRight(call, over: member.role, in: namespace, tx)
            try requireAnotherOwner(than: member, in: namespace, tx)
            guard try tx.removeMember(userID: id, namespaceID: namespace.id) else {
                throw RegistryError.missing("Member")
            }
            return Change((), subject: "user:\(member.user.username)", in: namespace.id)
        }
        return call.noContent
    }

    // MARK: Rules

    private static func requestedRole(_ call: ManagementCall) throws(RegistryError) -> Role {
        guard
            let role = Role(
                rawValue: Int(clamping: try call.arguments.requireInteger("access_level")))
        else { throw RegistryError.parameters("access_level does not have a valid value") }
        return role
    }

    /// Nobody gives, changes or takes a role above his own.
    private static func requireRight(
        _ call: ManagementCall, over role: Role, in namespace: NamespaceRecord,
        _ tx: any IdentityReading
    ) throws {
        if call.isAdmin { return }
        let own = try call.principal.userID.flatMap {
            try tx.findRole(userID: $0, in: namespace, at: call.now)
        }
        guard let own, own >= role else {
            throw RegistryError(
                .forbidden, "only somebody with the role '\(role.name)' may manage that role")
        }
    }

    /// A group keeps an owner, its own or one from above, or nobody but an administrator could ever
    /// manage it again.
    private static func requireAnotherOwner(
        than member: MemberRecord, in namespace: NamespaceRecord, _ tx: any IdentityReading
    ) throws {
        guard namespace.kind == .group, member.role == .owner else { return }
        var page = PageRequest(size: PageRequest.limitCount)
        while true {
            let members = try tx.listMembers(of: namespace, includingInherited: true, page: page)
            if members.rows.contains(where: {
                $0.role == .owner && $0.user.id != member.user.id && $0.user.state == .active
            }) {
                return
            }
            guard page.offset + members.rows.count < members.totalCount, !members.rows.isEmpty
            else { break }
            page = PageRequest(number: page.number + 1, size: page.size)
        }
        throw RegistryError(.forbidden, "the last owner of a group cannot be removed or demoted")
    }

    private static func requireNotBelowInherited(
        _ role: Role, _ user: UserRecord, _ namespace: NamespaceRecord, _ now: Timestamp,
        _ tx: any IdentityReading
    ) throws {
        if let inherited = try tx.findRole(userID: user.id, in: namespace, at: now),
            inherited > role
        {
            throw RegistryError.invalid(
                "access_level",
                "should be greater than or equal to the inherited role '\(inherited.name)'")
        }
    }
}

extension ManagementCall {
    /// What answers show of `member`.
    func view(of member: MemberRecord) -> MemberView {
        MemberView(member: member, origin: origin)
    }
}
