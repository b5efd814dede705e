import ArgumentParser
import Registry

struct FeaturesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features", abstract: "Switch package formats on and off.",
        subcommands: [List.self, Set.self])

    enum Switch: String, ExpressibleByArgument, CaseIterable {
        case on
        case off
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the formats with their stage and state.")

        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await Console.run(store) { console in
                let gates = try await console.metadata.read { try $0.listGates() }
                try output.write(Formats.all.map { FeaturesCommand.row(type(of: $0), gates) })
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Switch a format on or off for everyone.",
            discussion: """
                Replaces every gate that the format has. A format that is off answers as if it did \
                not exist, and loses nothing. Running servers follow within five seconds.
                """)

        @Argument(help: "The name of the format, such as generic.") var name: String
        @Argument(help: "on or off.") var state: Switch
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard let format = Formats.find(name) else {
                throw CommandError(Formats.unknown(name))
            }
            let (name, isOn) = (name, state == .on)
            try await Console.run(store) { console in
                try await console.change("feature.set") { tx, _ in
                    _ = try tx.removeGates(feature: name)
                    try tx.upsertGate(FeatureGate(feature: name, condition: .everyone(isOn)))
                    return ((), nil, "\(name) \(isOn ? "on" : "off")")
                }
                let gates = try await console.metadata.read { try $0.listGates() }
                try output.write(one: FeaturesCommand.row(type(of: format), gates))
            }
        }
    }

    private static func row(
        _ format: any PackageFormat.Type, _ gates: [FeatureGate]
    ) -> FeatureRow {
        let name = format.id.name
        let own = gates.filter { $0.feature == name }
        let nobody = FeatureActor(projectID: nil, groupIDs: [], userID: nil)
        let isOn = FeatureSnapshot(own).isOn(name, stage: format.stage, for: nobody)
        let conditions = own.map(\.condition).filter { $0 != .everyone(false) }
        let state = isOn ? "on" : conditions.isEmpty ? "off" : "conditional"
        return FeatureRow(
            name: name, stage: format.stage.rawValue, state: state,
            gates: conditions.map { "\($0)" }.sorted())
    }
}
