import ArgumentParser
import Registry

/// What the commands on groups and those on projects say of themselves, where they do the same.
protocol NamespaceCommand {
    static var kind: NamespaceKind { get }
    static var removalSummary: String { get }
    static var settingSummary: String { get }
}

extension NamespaceCommand {
    /// `groups`.
    fileprivate static var plural: String { "\(kind.rawValue)s" }
    /// What a path looks like.
    fileprivate static var pathSummary: ArgumentHelp {
        "The path, such as \(kind == .group ? "acme/tools" : "acme/web")."
    }
}

struct NamespaceList<Command: NamespaceCommand>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "list", abstract: "List \(Command.plural).")
    }

    @Option(help: "Only \(Command.plural) below this group.") var below: String?
    @Option(help: "Only \(Command.plural) with this text in name or path.") var search: String?
    @OptionGroup(title: "Storage") var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await Console.run(store) { console in
            let found = try await NamespaceChanges.list(
                Command.kind, below: below, search: search, console)
            try output.write(found.map(NamespaceRow.init))
        }
    }
}

struct NamespaceSet<Command: NamespaceCommand>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "set", abstract: Command.settingSummary)
    }

    @Argument(help: Command.pathSummary) var path: String
    @OptionGroup(title: "Settings") var settings: NamespaceSettingOptions
    @OptionGroup(title: "Storage") var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await Console.run(store) { console in
            try output.write(
                one: try await NamespaceChanges.set(Command.kind, path, settings, console))
        }
    }
}

struct NamespaceRevoke<Command: NamespaceCommand>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "revoke", abstract: Command.removalSummary, aliases: ["remove"])
    }

    @Argument(help: Command.pathSummary) var path: String
    @OptionGroup(title: "Storage") var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await Console.run(store) { console in
            let removed = try await NamespaceChanges.remove(Command.kind, path, console)
            try output.write(one: NamespaceRow(removed))
        }
    }
}
