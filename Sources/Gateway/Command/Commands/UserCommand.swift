import ArgumentParser
import GatewayServer
import Registry

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Create, list and block users.",
        subcommands: [Create.self, List.self, Revoke.self, Restore.self, Password.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a user, and the namespace of the same name.",
            discussion: "Without --password-stdin a password is generated and printed once.")

        @Argument(help: "The name to sign in with.") var username: String
        @Option(help: "The name for people; the user name unless given.") var name: String?
        @Option(help: "The e-mail address.") var email: String = ""
        @Flag(help: "Make the user an administrator of the instance.") var admin = false
        @OptionGroup var password: PasswordOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let secret = try password.readOrGenerate()
            try await Console.run(store) { console in
                let draft = UserDraft(
                    username: try NamespacePath(segments: [username]).lastSegment,
                    name: name ?? username, email: email, isAdmin: admin,
                    passwordHash: try await PasswordHasher().hash(secret.password))
                let user = try await console.change("user.create") { tx, now in
                    let user = try tx.insertUser(draft, at: now)
                    return (user, user.namespaceID, "user:\(user.id)")
                }
                try output.write(
                    one: UserSecretRow(
                        id: user.id, username: user.username, password: secret.shown))
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List users.")

        @Option(help: "Only users with this text in a name or address.") var search: String?
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let search = search
                let users = try await console.listAll { tx, page in
                    try tx.listUsers(search: search, page: page)
                }
                try output.write(users.map(UserRow.init))
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Block a user: the password and all tokens stop working at once.",
            discussion: "Nothing is removed; 'packhouse user restore' undoes it.")

        @Argument(help: "The name to sign in with.") var username: String
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await UserCommand.setState(
                .blocked, of: username, "user.block", store, output)
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a blocked user in again.")

        @Argument(help: "The name to sign in with.") var username: String
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await UserCommand.setState(
                .active, of: username, "user.unblock", store, output)
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a user a new password.",
            discussion: "Without --password-stdin a password is generated and printed once.")

        @Argument(help: "The name to sign in with.") var username: String
        @OptionGroup var password: PasswordOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let secret = try password.readOrGenerate()
            try await Console.run(store) { console in
                let hash = try await PasswordHasher().hash(secret.password)
                let username = username
                let user = try await console.change("user.password") { tx, _ in
                    let user = try tx.requireUser(username)
                    _ = try tx.updateUser(user.id, UserChange(passwordHash: hash))
                    return (user, user.namespaceID, "user:\(user.id)")
                }
                try output.write(
                    one: UserSecretRow(
                        id: user.id, username: user.username, password: secret.shown))
            }
        }
    }

    private static func setState(
        _ state: UserRecord.State, of username: String, _ action: String, _ store: StoreOptions,
        _ output: OutputOptions
    ) async throws {
        try await Console.run(store) { console in
            let user = try await console.change(action) { tx, _ in
                let user = try tx.requireUser(username)
                let changed = try tx.updateUser(user.id, UserChange(state: state))
                return (changed, user.namespaceID, "user:\(user.id)")
            }
            try output.write(one: UserRow(user))
        }
    }
}

/// Where a command takes a password from; never from its arguments, which other users can see.
struct PasswordOptions: ParsableArguments {
    @Flag(help: "Read the password from the first line of the input.")
    var passwordStdin = false

    /// The password, and what of it is to be printed.
    func readOrGenerate() throws -> (password: String, shown: String?) {
        guard passwordStdin else {
            let password = SecretToken.generatePassword()
            return (password, password)
        }
        guard let password = readLine(), !password.isEmpty else {
            throw CommandError("the input holds no password")
        }
        return (password, nil)
    }
}
