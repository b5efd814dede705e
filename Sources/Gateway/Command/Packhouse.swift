import ArgumentParser

/// The program. Commands other than `serve` work directly on the configured database, whether a
/// server runs on it or not.
@main
struct Packhouse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packhouse",
        abstract: "A registry for packages of every kind, in one program.",
        discussion: """
            'packhouse serve' needs no configuration: it keeps everything in ./packhouse-data and \
            listens on 127.0.0.1:8080. Every flag can also be given as an environment variable \
            PACKHOUSE_… or as a line of the YAML file that --config names; 'packhouse config' shows \
            which value counts and where it comes from.
            """,
        version: PackhouseVersion.current,
        groupedSubcommands: [
            CommandGroup(name: "Serving", subcommands: [ServeCommand.self, MigrateCommand.self]),
            CommandGroup(
                name: "Administration",
                subcommands: [
                    UserCommand.self, GroupCommand.self, ProjectCommand.self, TokenCommand.self,
                    PackageCommand.self, TagRuleCommand.self, ProtectionCommand.self,
                    TrashCommand.self, RetentionCommand.self, FeaturesCommand.self,
                    GCCommand.self, FsckCommand.self, ImportCommand.self,
                ]),
            CommandGroup(
                name: "About", subcommands: [ConfigCommand.self, VersionCommand.self]),
        ])
}
