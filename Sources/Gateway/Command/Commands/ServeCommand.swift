import ArgumentParser
import GatewayServer
import Logging

struct ServeCommand: AsyncParsableCommand {
    /// Logs go to the error output.
    static let logDescriptor: CInt = 2

    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the registry.",
        discussion: """
            Needs no configuration. The very first start creates the administrator root and prints \
            a generated password once, or gives root the access token that \
            PACKHOUSE_INITIAL_ADMIN_TOKEN holds. SIGTERM and SIGINT let running requests finish. \
            Every flag can also be given as the environment variable in brackets, or as a line of \
            the YAML file that --config names.
            """)

    @OptionGroup(title: "Settings") var options: ServeOptions

    func run() async throws {
        let settings = try Settings(options.loadEffective())
        let writer = DescriptorLogWriter(descriptor: Self.logDescriptor)
        LoggingSystem.bootstrap { label -> any LogHandler in
            switch settings.logFormat {
            case .json:
                JSONLogHandler(label: label, writer: writer, logLevel: settings.logLevel)
            case .text:
                TextLogHandler(writer: writer, logLevel: settings.logLevel)
            }
        }
        try await ServerComposition(settings: settings, logger: Logger(label: "packhouse")).run()
    }
}
