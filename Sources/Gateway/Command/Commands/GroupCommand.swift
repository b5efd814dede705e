import ArgumentParser
import Registry

struct GroupCommand: AsyncParsableCommand, NamespaceCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Create, list, set up and remove groups.",
        subcommands: [
            Create.self, NamespaceList<Self>.self, NamespaceSet<Self>.self,
            NamespaceRevoke<Self>.self,
        ])

    static let kind = NamespaceKind.group
    static let removalSummary = "Remove a group with everything below it."
    static let settingSummary =
        "Change settings of a group, which count in everything below it that has none of its own; "
        + "without any, show those that count."

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
}
