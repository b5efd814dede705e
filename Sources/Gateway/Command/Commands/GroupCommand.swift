import ArgumentParser
import Registry

struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Create, list, set up and remove groups.",
        subcommands: [Create.self, List.self, Set.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a group; the groups above it have to exist.")

        @Argument(help: "The path, such as acme or acme/tools.") var path: String
        @OptionGroup var namespace: NamespaceOptions
        @OptionGroup(title: "Settings") var settings: NamespaceSettingOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let group = try await NamespaceChanges.create(
                    .group, path, namespace, settings.applied(to: NamespaceSettings()), console)
                try output.write(one: NamespaceRow(group))
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List groups.")

        @Option(help: "Only groups below this one.") var below: String?
        @Option(help: "Only groups with this text in name or path.") var search: String?
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let groups = try await NamespaceChanges.list(
                    .group, below: below, search: search, console)
                try output.write(groups.map(NamespaceRow.init))
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Change settings of a group, which count in everything below it that has none "
                + "of its own; without any, show those that count.")

        @Argument(help: "The path, such as acme/tools.") var path: String
        @OptionGroup(title: "Settings") var settings: NamespaceSettingOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                try output.write(
                    one: try await NamespaceChanges.set(.group, path, settings, console))
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a group with everything below it.", aliases: ["remove"])

        @Argument(help: "The path, such as acme/tools.") var path: String
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let group = try await NamespaceChanges.remove(.group, path, console)
                try output.write(one: NamespaceRow(group))
            }
        }
    }
}
