public import ArgumentParser
import OCIFormat
public import Registry

struct TagRuleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag-rule",
        abstract: "Say who may push and delete which image tags of a project.",
        subcommands: [Add.self, List.self, Remove.self])

    /// The project that a command is about.
    struct ProjectOptions: ParsableArguments {
        @Option(help: "The path of the project, such as acme/web.") var project: String
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a rule for the tags that a regular expression matches as a whole.")

        @Argument(help: "The regular expression, such as 'v[0-9.]+'.") var pattern: String
        @OptionGroup var project: ProjectOptions
        @Option(help: "The least role that may push such a tag: developer, maintainer or owner.")
        var push: Role?
        @Option(help: "The least role that may delete such a tag.") var delete: Role?
        @Flag(help: "Let such a tag be pushed once, and never be moved or deleted.")
        var immutable = false
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            for role in [push, delete].compactMap(\.self) where role < .developer {
                throw ValidationError("somebody with the role '\(role.name)' may not push anyway")
            }
            guard immutable || push != nil || delete != nil else {
                throw ValidationError("a rule needs --push, --delete or --immutable")
            }
        }

        func run() async throws {
            let (path, text) = (project.project, pattern)
            let (push, delete, immutable) = (push, delete, immutable)
            try await Console.run(store) { console in
                let draft = TagRuleDraft(
                    pattern: try NamePattern(text), pushRole: push, deleteRole: delete,
                    isImmutable: immutable)
                let rule = try await console.change("tag_rule.create") { tx, now in
                    let project = try tx.requireNamespace(path, .project)
                    let rule = try tx.insertTagRule(
                        draft, projectID: project.id, format: OCIFormat.id, at: now)
                    return (rule, project.id, "tag_rule:\(rule.id)")
                }
                try output.write(one: TagRuleRow(rule))
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the rules of a project.")

        @OptionGroup var project: ProjectOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = project.project
            try await Console.run(store) { console in
                let rules = try await console.metadata.read { tx in
                    let project = try tx.requireNamespace(path, .project)
                    return try tx.listTagRules(projectID: project.id, format: OCIFormat.id)
                }
                try output.write(rules.map(TagRuleRow.init))
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a rule.")

        @Argument(help: "The number of the rule.") var id: Int64
        @OptionGroup var project: ProjectOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let (path, id) = (project.project, id)
            try await Console.run(store) { console in
                let rule = try await console.change("tag_rule.delete") { tx, _ in
                    let project = try tx.requireNamespace(path, .project)
                    let rules = try tx.listTagRules(projectID: project.id, format: OCIFormat.id)
                    guard let rule = rules.first(where: { $0.id == id }),
                        try tx.removeTagRule(id, projectID: project.id)
                    else {
                        throw RegistryError(.notFound, "'\(path)' has no rule \(id)")
                    }
                    return (rule, project.id, "tag_rule:\(id)")
                }
                try output.write(one: TagRuleRow(rule))
            }
        }
    }
}

extension Role: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }

    public static var allValueStrings: [String] { allCases.map(\.name) }
}
