public import ArgumentParser
public import Registry

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Create, list and revoke access tokens.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List tokens, without their secrets.")

        @Option(help: "Only tokens of this kind.") var kind: TokenKind?
        @Option(help: "Only tokens of this user.") var user: String?
        @Option(help: "Only tokens of this project or group.") var namespace: String?
        @Flag(help: "Only tokens that may be used now.") var active = false
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let now = console.clock.now()
                let (username, path) = (user, namespace)
                let owner = try await console.metadata.read { tx in
                    (
                        user: try username.map { try tx.requireUser($0).id },
                        namespace: try path.map { try tx.requireNamespace($0, nil).id }
                    )
                }
                var rows: [TokenRow] = []
                for kind in kind.map({ [$0] }) ?? TokenKind.allCases {
                    let filter = TokenFilter(
                        kind: kind, userID: owner.user, namespaceID: owner.namespace,
                        activeAt: active ? now : nil)
                    let tokens = try await console.listAll { tx, page in
                        let page = try tx.listTokens(filter, page: page)
                        return try page.map { ($0, try Self.findOwner(of: $0, tx)) }
                    }
                    rows += tokens.map { TokenRow($0.0, of: $0.1, at: now) }
                }
                try output.write(rows)
            }
        }

        private static func findOwner(
            of token: TokenRecord, _ tx: any MetadataReading
        ) throws -> String {
            if let id = token.namespaceID {
                return try tx.findNamespace(.id(id, nil))?.path.description ?? "(removed)"
            }
            return try token.userID.flatMap { try tx.findUser($0)?.username } ?? "-"
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a token; every server refuses it within two seconds.")

        @Argument(help: "The number that 'token list' shows.") var id: Int64
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let id = id
                let now = console.clock.now()
                let token = try await console.change("token.revoke") { tx, now in
                    guard let token = try tx.findToken(id), try tx.revokeToken(id, at: now) else {
                        throw RegistryError(
                            .notFound, "there is no token \(id), or it is revoked already")
                    }
                    return (try tx.findToken(id) ?? token, token.namespaceID, "token:\(id)")
                }
                try output.write(one: TokenRow(token, of: "", at: now))
            }
        }
    }
}

extension TokenKind: ExpressibleByArgument {}
extension TokenScope: ExpressibleByArgument {}
