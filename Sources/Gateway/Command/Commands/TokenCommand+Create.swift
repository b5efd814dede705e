import ArgumentParser
import GatewayServer
import Registry

extension TokenCommand {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a token; its secret is printed once.",
            subcommands: [Personal.self, Deploy.self, Job.self])
    }
}

extension TokenCommand.Create {
    /// What every kind of token takes.
    struct Common: ParsableArguments {
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions
        @Flag(help: "Print nothing but the token itself, for scripts.") var tokenOnly = false
    }

    struct Personal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a personal access token, which acts for a user.")

        @Argument(help: "The user.") var username: String
        @Option(help: "What the token is called in lists.") var name: String
        @Option(parsing: .upToNextOption, help: "What it may be used for.")
        var scopes: [TokenScope] = [.api]
        @Option(help: "Days until it ends; without it, never.") var expiresInDays: Int64?
        @OptionGroup var common: Common

        func validate() throws { try requirePositive(expiresInDays, "--expires-in-days") }

        func run() async throws {
            let (username, name, scopes) = (username, name, Set(scopes))
            let lifetime = expiresInDays.map { $0 * secondsOfDay }
            try await TokenCommand.Create.create(common) { tx, now, hash in
                TokenDraft(
                    kind: .personal, name: name, userID: try tx.requireUser(username).id,
                    scopes: scopes, expiresAt: lifetime.map(now.advanced), secretHash: hash)
            }
        }
    }

    struct Deploy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a deploy token, which acts in one project or group.")

        @Argument(help: "The path of the project or group.") var path: String
        @Option(help: "What the token is called in lists.") var name: String
        @Option(help: "The user name that it is presented with.") var username: String?
        @Option(parsing: .upToNextOption, help: "What it may be used for.")
        var scopes: [TokenScope] = [.readPackageRegistry, .readRegistry]
        @Option(help: "Days until it ends; without it, never.") var expiresInDays: Int64?
        @OptionGroup var common: Common

        func validate() throws {
            try requirePositive(expiresInDays, "--expires-in-days")
            let allowed: Set<TokenScope> = [
                .readRegistry, .writeRegistry, .readPackageRegistry, .writePackageRegistry,
            ]
            for scope in scopes where !allowed.contains(scope) {
                throw ValidationError(
                    "a deploy token cannot have the scope '\(scope.rawValue)', only "
                        + allowed.map(\.rawValue).sorted().joined(separator: ", "))
            }
        }

        func run() async throws {
            let (path, name, scopes) = (path, name, Set(scopes))
            let username = username ?? "deploy-\(name.lowercased().replacing(" ", with: "-"))"
            let lifetime = expiresInDays.map { $0 * secondsOfDay }
            try await TokenCommand.Create.create(common) { tx, now, hash in
                let namespace = try tx.requireNamespace(path, nil)
                guard namespace.kind != .user else {
                    throw RegistryError(
                        .conflict, "'\(path)' is a user; deploy tokens are for projects and groups")
                }
                return TokenDraft(
                    kind: .deploy, name: name, username: username, namespaceID: namespace.id,
                    scopes: scopes, expiresAt: lifetime.map(now.advanced), secretHash: hash)
            }
        }
    }

    struct Job: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a job token, which acts for one CI job.",
            discussion: """
                It publishes to the project and reads what the user may read. A CI server makes one \
                for each job with POST /api/v4/projects/:id/job_tokens.
                """)

        @Argument(help: "The path of the project.") var path: String
        @Option(help: "The user who started the job.") var user: String
        @Option(help: "The CI server's number of the job.") var job: Int64 = 1
        @Option(help: "The CI server's number of the pipeline.") var pipeline: Int64?
        @Option(help: "The branch or tag that is built.") var ref: String?
        @Option(help: "The commit that is built.") var sha: String?
        @Option(help: "Seconds until it ends.") var lifetimeSeconds: Int64 = 3600
        @OptionGroup var common: Common

        func validate() throws { try requirePositive(lifetimeSeconds, "--lifetime-seconds") }

        func run() async throws {
            let (path, user, job, lifetime) = (path, user, job, lifetimeSeconds)
            let build = BuildRecord(pipelineID: pipeline, ref: ref, sha: sha)
            try await TokenCommand.Create.create(common) { tx, now, hash in
                TokenDraft(
                    kind: .job, name: "job \(job)", userID: try tx.requireUser(user).id,
                    namespaceID: try tx.requireNamespace(path, .project).id, jobID: job,
                    build: build, expiresAt: now.advanced(bySeconds: lifetime), secretHash: hash)
            }
        }
    }

    /// Inserts the token that `draft` describes, and prints it with its secret.
    private static func create(
        _ common: Common,
        _ draft:
            @escaping @Sendable (_ tx: any MetadataReading, _ now: Timestamp, _ hash: String)
            throws -> (TokenDraft)
    ) async throws {
        try await Console.run(common.store) { console in
            let now = console.clock.now()
            let probe = try await console.metadata.read { try draft($0, now, "") }
            let secret = SecretToken.generate(probe.kind)
            let token = try await console.change("token.create") { tx, now in
                let token = try tx.insertToken(
                    try draft(tx, now, SecretToken.hash(secret)), at: now)
                return (token, token.namespaceID, "token:\(token.id)")
            }
            guard !common.tokenOnly else { return print(secret) }
            try common.output.write(
                one: TokenSecretRow(
                    id: token.id, name: token.name, username: token.username,
                    expiresAt: token.expiresAt?.iso8601, token: secret))
        }
    }
}

/// Seconds of a day.
private let secondsOfDay: Int64 = 86_400

/// The longest time that a token may be given, in days or seconds as the flag says: 100 years.
private let lifetimeLimit: Int64 = 3_155_760_000

private func requirePositive(_ value: Int64?, _ flag: String) throws {
    guard let value else { return }
    guard value > 0, value <= lifetimeLimit else {
        throw ValidationError("\(flag) has to be 1 or more")
    }
}
