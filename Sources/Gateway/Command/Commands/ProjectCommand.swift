import ArgumentParser
import Registry

struct ProjectCommand: AsyncParsableCommand, NamespaceCommand {
    static let configuration = CommandConfiguration(
        commandName: "project", abstract: "Create, list, set up and remove projects.",
        subcommands: [
            Create.self, NamespaceList<Self>.self, NamespaceSet<Self>.self,
            NamespaceRevoke<Self>.self,
        ])

    static let kind = NamespaceKind.project
    static let removalSummary = "Remove a project with its packages."
    static let settingSummary =
        "Change settings of a project; without any, show those that count."

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a project in a group, or in the namespace of a user.")

        @Argument(help: "The path, such as acme/web or root/web.") var path: String
        @OptionGroup var namespace: NamespaceOptions
        @Option(
            parsing: .upToNextOption,
            help: "Formats in which published names may be given other bytes.")
        var allowReplacing: [String] = []
        @Flag(help: "Let an image index be pushed before the images that it names.")
        var allowMissingChildren = false
        @OptionGroup(title: "Settings") var settings: NamespaceSettingOptions
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            for name in allowReplacing where Formats.find(name) == nil {
                throw ValidationError(Formats.unknown(name))
            }
        }

        func run() async throws {
            let settings = settings.applied(
                to: NamespaceSettings(
                    allowsReplacing: Dictionary(
                        allowReplacing.map { ($0, true) }, uniquingKeysWith: { first, _ in first }),
                    allowsMissingChildren: allowMissingChildren ? true : nil))
            try await Console.run(store) { console in
                let project = try await NamespaceChanges.create(
                    .project, path, namespace, settings, console)
                try output.write(one: NamespaceRow(project))
            }
        }
    }
}
