import FormatKit
import HTTPTypes
import Registry

/// Calls on users.
///
/// *Source*: GitLab, "Users API" and "User moderation API".
enum UserEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "users", "user.list", "List users; administrators see more of each.",
            parameters: [
                .optional("username", name, "Only the user of this name."),
                .optional(
                    "search", .text(limitCharacters: ManagementLimits.searchCharacters),
                    "Part of the user name, name or e-mail address."),
            ] + .paging,
            unsupported: [
                "active", "blocked", "external", "admins", "without_projects", "created_after",
                "created_before",
            ],
            success: .page(UserView.basic.many(or: UserView.full)), access: asking(.readOwnAccount),
            handler: list),
        ManagementEndpoint(
            .get, "user", "user.current", "Show the caller.",
            success: .one(UserView.full.one), access: asking(.readOwnAccount),
            handler: showCurrent),
        ManagementEndpoint(
            .get, "users/:id", "user.show", "Show a user.",
            parameters: [id], success: .one(UserView.basic.one(or: UserView.full)),
            access: asking(.readOwnAccount), handler: show),
        ManagementEndpoint(
            .post, "users", "user.create", "Create a user; for administrators.",
            parameters: [
                .required("email", email, "The e-mail address; no two users share one."),
                .required("name", name, "What people call the user."),
                .required("username", name, "The user's name, and path of the user's namespace."),
                .optional("password", password, "At least 8 characters."),
                .optional(
                    "force_random_password", .boolean,
                    "Whether to set no password: the user signs in with tokens only."),
                .optional("admin", .boolean, "Whether the user administers the instance."),
            ], unsupported: ["reset_password"],
            success: .one(UserView.full.one, status: .created), failures: [.conflict],
            access: asking(.administerInstance), handler: create),
        ManagementEndpoint(
            .put, "users/:id", "user.update", "Change a user; for administrators.",
            parameters: [
                id, .optional("email", email, "The e-mail address; no two users share one."),
                .optional("name", name, "What people call the user."),
                .optional("username", name, "The present user name: it cannot be changed."),
                .optional("password", password, "At least 8 characters."),
                .optional("admin", .boolean, "Whether the user administers the instance."),
            ],
            success: .one(UserView.full.one), failures: [.conflict],
            access: asking(.administerInstance), handler: update),
        ManagementEndpoint(
            .post, "users/:id/block", "user.block",
            "Block a user, who can then do nothing; for administrators.",
            parameters: [id],
            success: .one(.inline(.boolean), status: .created),
            access: asking(.administerInstance),
            handler: { call async throws(RegistryError) in
                _ = try await setState(call, .blocked, "user.block")
                return call.answer(true, status: .created)
            }),
        ManagementEndpoint(
            .post, "users/:id/unblock", "user.unblock", "Unblock a user; for administrators.",
            parameters: [id],
            success: .one(.inline(.boolean), status: .created),
            access: asking(.administerInstance),
            handler: { call async throws(RegistryError) in
                _ = try await setState(call, .active, "user.unblock")
                return call.answer(true, status: .created)
            }),
        ManagementEndpoint(
            .delete, "users/:id", "user.delete",
            "Block a user for good; for administrators. The user's name stays taken, because what "
                + "the user published names it.",
            parameters: [id], success: .noContent, access: asking(.administerInstance),
            handler: { call async throws(RegistryError) in
                try await setState(call, .blocked, "user.delete")
                return call.noContent
            }),
    ]

    private static let id = Parameter.id("id", "The number of the user.")
    private static let name = Parameter.Kind.text(
        limitCharacters: ManagementLimits.nameCharacters)
    private static let email = Parameter.Kind.text(
        limitCharacters: ManagementLimits.emailCharacters)
    private static let password = Parameter.Kind.text(
        limitCharacters: ManagementLimits.passwordCharacters)

    // MARK: Reading

    @Sendable
    private static func list(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let request = try call.page()
        let entity = call.isAdmin ? UserView.full : UserView.basic
        let users = try await call.read { tx -> Page<UserRecord> in
            guard let username = call.arguments.findText("username") else {
                return try tx.listUsers(search: call.searchText, page: request)
            }
            let found = try tx.findUser(username: username).map { [$0] } ?? []
            return Page(
                rows: request.number == 1 ? found : [], totalCount: found.count, request: request)
        }
        return call.answer(users.map { entity.json(call.view(of: $0)) })
    }

    @Sendable
    private static func showCurrent(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let id = try call.requireUser().id
        guard let user = try await call.read({ tx in try tx.findUser(id) }) else {
            throw RegistryError.missing("User")
        }
        return call.answer(UserView.full.json(call.view(of: user)))
    }

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let id = try call.arguments.requireInteger("id")
        guard let user = try await call.read({ tx in try tx.findUser(id) }) else {
            throw RegistryError.missing("User")
        }
        let entity = call.isAdmin ? UserView.full : UserView.basic
        return call.answer(entity.json(call.view(of: user)))
    }

    // MARK: Changing

    @Sendable
    private static func create(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let arguments = call.arguments
        guard arguments.has("password") || arguments.findFlag("force_random_password") == true
        else {
            throw RegistryError.parameters(
                "password, force_random_password are missing, at least one parameter must be "
                    + "provided")
        }
        let username = try arguments.requireText("username")
        _ = try call.path(username, below: nil, field: "username")
        let email = try checked(email: try arguments.requireText("email"))
        let draft = UserDraft(
            username: username, name: try arguments.requireText("name"), email: email,
            isAdmin: arguments.findFlag("admin") ?? false, passwordHash: try await hash(call))
        let user = try await call.change("user.create") { tx in
            try requireFree(email: email, for: nil, tx)
            if try tx.findUser(username: username) != nil {
                throw RegistryError(.conflict, "Username has already been taken")
            }
            let user = try tx.insertUser(draft, at: call.now)
            return Change(user, subject: "user:\(user.username)", in: nil)
        }
        return call.answer(UserView.full.json(call.view(of: user)), status: .created)
    }

    @Sendable
    private static func update(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let id = try call.arguments.requireInteger("id")
        let caller = try call.requireUser()
        let isAdmin = call.arguments.findFlag("admin")
        if caller.id == id, isAdmin == false {
            throw RegistryError(.forbidden, "an administrator cannot take that right from himself")
        }
        var email: String?
        if let given = call.arguments.findText("email") { email = try checked(email: given) }
        if call.arguments.findText("name") == "" {
            throw RegistryError.invalid("name", "can't be blank")
        }
        let change = UserChange(
            name: call.arguments.findText("name"), email: email, isAdmin: isAdmin,
            passwordHash: try await hash(call))
        let user = try await call.change("user.update") { [email] tx in
            guard let current = try tx.findUser(id) else { throw RegistryError.missing("User") }
            if let username = call.arguments.findText("username"), username != current.username {
                throw RegistryError.invalid("username", "cannot be changed")
            }
            if let email { try requireFree(email: email, for: id, tx) }
            let user = try tx.updateUser(id, change)
            return Change(user, subject: "user:\(user.username)", in: nil)
        }
        return call.answer(UserView.full.json(call.view(of: user)))
    }

    @discardableResult
    private static func setState(
        _ call: ManagementCall, _ state: UserRecord.State, _ action: String
    ) async throws(RegistryError) -> UserRecord {
        let id = try call.arguments.requireInteger("id")
        if state == .blocked, try call.requireUser().id == id {
            throw RegistryError(.forbidden, "you cannot block yourself")
        }
        return try await call.change(action) { tx in
            guard let current = try tx.findUser(id) else { throw RegistryError.missing("User") }
            let user = try tx.updateUser(id, UserChange(state: state))
            return Change(
                user, subject: "user:\(user.username)", in: nil,
                happened: current.state != user.state)
        }
    }

    // MARK: Rules

    /// The hash of the argument `password`, or `nil` where there is none.
    private static func hash(_ call: ManagementCall) async throws(RegistryError) -> String? {
        guard let password = call.arguments.findText("password") else { return nil }
        guard password.count >= PasswordHasher.passwordMinimumCharacters else {
            throw RegistryError.invalid(
                "password",
                "is too short (minimum is \(PasswordHasher.passwordMinimumCharacters) characters)")
        }
        return try await call.api.passwords.hash(password)
    }

    private static func checked(email: String) throws(RegistryError) -> String {
        let halves = email.split(separator: "@", omittingEmptySubsequences: false)
        let isPlain = email.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
        guard halves.count == 2, halves.allSatisfy({ !$0.isEmpty }), isPlain else {
            throw RegistryError.invalid("email", "is invalid")
        }
        return email
    }

    private static func requireFree(
        email: String, for id: Int64?, _ tx: any IdentityReading
    ) throws {
        let similar = try tx.listUsers(
            search: email, page: PageRequest(number: 1, size: PageRequest.limitCount))
        let isTaken = similar.rows.contains {
            $0.id != id && $0.email.lowercased() == email.lowercased()
        }
        if isTaken { throw RegistryError(.conflict, "Email has already been taken") }
    }
}

extension ManagementCall {
    /// What answers show of `user`.
    func view(of user: UserRecord) -> UserView { UserView(user: user, origin: origin) }
}
