import ArgumentParser
import Registry

struct ProtectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protection",
        abstract: "Say who may publish and delete which packages of a project.",
        discussion: """
            A pattern is a name in which '*' stands for any text. It is compared with the names of \
            packages; with --format oci, with the whole path of repositories: 'acme/web/api*'.
            """,
        subcommands: [Add.self, List.self, Remove.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a rule for the packages that a pattern matches.")

        @Argument(help: "The pattern, such as '@acme/*'.") var pattern: String
        @OptionGroup var project: TagRuleCommand.ProjectOptions
        @Option(help: "Only packages of this format; every format if absent.") var format: String?
        @Option(help: "The least role that may publish: developer, maintainer or owner.")
        var publish: Role?
        @Option(help: "The least role that may delete.") var delete: Role?
        @Option(
            parsing: .upToNextOption,
            help: "Tokens that may publish as well, by number, or deploy tokens by username.")
        var publishToken: [String] = []
        @Option(parsing: .upToNextOption, help: "Tokens that may delete as well, by number.")
        var deleteToken: [String] = []
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            for role in [publish, delete].compactMap(\.self) where role < .developer {
                throw ValidationError(
                    "somebody with the role '\(role.name)' may not publish anyway")
            }
            if let format, Formats.find(format) == nil {
                throw ValidationError(Formats.unknown(format))
            }
            for token in publishToken + deleteToken where !RuleRequirement.isToken(token) {
                throw ValidationError("'\(token)' is no number or username of a token")
            }
            let limit = RuleRequirement.tokenLimitCount
            guard publishToken.count <= limit, deleteToken.count <= limit else {
                throw ValidationError("a rule names at most \(limit) tokens for one thing")
            }
            guard
                publish != nil || delete != nil || !publishToken.isEmpty || !deleteToken.isEmpty
            else {
                throw ValidationError(
                    "a rule needs --publish, --delete, --publish-token or --delete-token")
            }
        }

        func run() async throws {
            let (path, text) = (project.project, pattern)
            let kind = format.flatMap(Formats.find).map { type(of: $0) }
            let terms = PackageRuleTerms(
                pattern: try WildcardPattern(text), subject: kind?.ruleSubject ?? .name,
                format: kind?.id,
                publish: RuleRequirement(role: publish, tokens: publishToken),
                delete: RuleRequirement(role: delete, tokens: deleteToken))
            try await Console.run(store) { console in
                let rule = try await console.change("package_rule.create") { tx, now in
                    let project = try tx.requireNamespace(path, .project)
                    let prefix = project.path.description.lowercased()
                    guard terms.subject == .name || text.lowercased().hasPrefix(prefix) else {
                        throw RegistryError(
                            .malformed,
                            "the pattern of a repository begins with the project's path: "
                                + "'\(project.path)/\(text)'")
                    }
                    let rule = try tx.insertPackageRule(terms, projectID: project.id, at: now)
                    return (rule, project.id, "package_rule:\(rule.id)")
                }
                try output.write(one: PackageRuleRow(rule))
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the rules of a project.")

        @OptionGroup var project: TagRuleCommand.ProjectOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = project.project
            try await Console.run(store) { console in
                let rules = try await console.metadata.read { tx in
                    let project = try tx.requireNamespace(path, .project)
                    return try tx.listPackageRules(projectID: project.id)
                }
                try output.write(rules.map(PackageRuleRow.init))
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a rule.")

        @Argument(help: "The number of the rule.") var id: Int64
        @OptionGroup var project: TagRuleCommand.ProjectOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (path, id) = (project.project, id)
            try await Console.run(store) { console in
                let rule = try await console.change("package_rule.delete") { tx, _ in
                    let project = try tx.requireNamespace(path, .project)
                    let rules = try tx.listPackageRules(projectID: project.id)
                    guard let rule = rules.first(where: { $0.id == id }),
                        try tx.removePackageRule(id, projectID: project.id)
                    else {
                        throw RegistryError(.notFound, "'\(path)' has no rule \(id)")
                    }
                    return (rule, project.id, "package_rule:\(id)")
                }
                try output.write(one: PackageRuleRow(rule))
            }
        }
    }
}

/// A rule about packages as commands print it.
struct PackageRuleRow: OutputRow {
    static let headings = [
        "ID", "FORMAT", "PATTERN", "PUBLISH", "PUBLISH TOKENS", "DELETE", "DELETE TOKENS",
    ]

    let id: Int64
    /// `nil` for every format.
    let format: String?
    let pattern: String
    let publish: String?
    let publishTokens: [String]
    let delete: String?
    let deleteTokens: [String]

    init(_ rule: PackageRule) {
        id = rule.id
        format = rule.terms.format?.name
        pattern = rule.terms.pattern.description
        publish = rule.terms.publish.role?.name
        publishTokens = rule.terms.publish.tokens
        delete = rule.terms.delete.role?.name
        deleteTokens = rule.terms.delete.tokens
    }

    var cells: [String] {
        [
            "\(id)", format ?? "all", pattern, publish ?? "-", publishTokens.joined(separator: ","),
            delete ?? "-", deleteTokens.joined(separator: ","),
        ]
    }
}
