import Configuration
import Foundation
import Yams

/// Every setting with the value that counts and where it came from: flags first, then the
/// environment, then the file, then the default.
struct EffectiveSettings: Sendable {
    /// Where a value came from.
    enum Source: Hashable, Sendable {
        case flag
        case environment
        case file(String)
        case builtIn
    }

    /// A value as text, not yet judged.
    struct Value: Hashable, Sendable {
        let text: String
        let source: Source
    }

    private let values: [Setting: Value]

    /// Reads all sources.
    ///
    /// - Parameters:
    ///   - flags: what was given on the command line.
    ///   - environment: all variables of the process.
    /// - Throws: `CommandError` for a file that cannot be read and for a name that nobody knows.
    init(flags: [Setting: String], environment: [String: String]) throws {
        try Self.refuseUnknownVariables(environment)
        // An empty variable is the usual way to unset one in a compose file.
        let variables = environment.filter { !$0.value.isEmpty }
        var layers: [(source: Source, values: any ConfigSnapshot)] = [
            (.flag, Self.provider(flags).snapshot()),
            (
                .environment,
                EnvironmentVariablesProvider(environmentVariables: variables)
                    .prefixKeys(with: "packhouse").snapshot()
            ),
        ]
        let file = flags[.config] ?? variables[Setting.config.environmentName]
        if let file { layers.append((.file(file), try Self.readFile(file))) }
        var values: [Setting: Value] = [:]
        for setting in Setting.all {
            for layer in layers where values[setting] == nil {
                values[setting] = try Self.find(setting, in: layer.values)
                    .map { Value(text: $0, source: layer.source) }
            }
            if values[setting] == nil, let text = setting.defaultText {
                values[setting] = Value(text: text, source: .builtIn)
            }
        }
        self.values = values
    }

    /// The value that counts, or `nil` where nobody set one and there is no default.
    subscript(_ setting: Setting) -> Value? { values[setting] }

    /// What to call the setting where its value came from: `--listen`, `PACKHOUSE_LISTEN`.
    func label(of setting: Setting) -> String {
        switch values[setting]?.source {
        case .environment: setting.environmentName
        case .file(let path): "\(path): \(setting.name)"
        case .flag, .builtIn, nil: setting.isFlag ? "--\(setting.name)" : setting.environmentName
        }
    }

    // MARK: Sources

    private static func provider(_ flags: [Setting: String]) -> InMemoryProvider {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (setting, text) in flags {
            values[key(setting)] = ConfigValue(
                .string(text), isSecret: setting.secrecy != .open)
        }
        return InMemoryProvider(values: values)
    }

    private static func key(_ setting: Setting) -> AbsoluteConfigKey {
        AbsoluteConfigKey([setting.name])
    }

    /// A scalar as it is written; a list as its items with commas between.
    private static func find(
        _ setting: Setting, in values: any ConfigSnapshot
    ) throws -> String? {
        if let list = try? values.value(forKey: key(setting), type: .stringArray).value,
            case .stringArray(let items) = list.content
        {
            return items.joined(separator: ",")
        }
        guard let value = try values.value(forKey: key(setting), type: .string).value,
            case .string(let text) = value.content
        else { return nil }
        return text
    }

    private static func readFile(_ path: String) throws -> any ConfigSnapshot {
        let bytes: [UInt8]
        do {
            bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw CommandError(
                "cannot read the configuration file \(path): \(error.localizedDescription)")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw CommandError("\(path) is not valid YAML: \(error)")
        }
        // A file with nothing but comments sets nothing.
        guard let root, root.null == nil else { return InMemoryProvider(values: [:]).snapshot() }
        guard let mapping = root.mapping else {
            throw CommandError("\(path) has to hold lines such as 'listen: 127.0.0.1:8080'")
        }
        try refuseUnknownKeys(mapping, in: path)
        do {
            return try YAMLSnapshot(
                data: bytes.span.bytes, providerName: path, parsingOptions: .default)
        } catch {
            throw CommandError("cannot use \(path): \(error)")
        }
    }

    // MARK: Unknown names

    private static func refuseUnknownKeys(_ mapping: Node.Mapping, in path: String) throws {
        let known = Setting.all.filter(\.isKey).map(\.name)
        for (key, value) in mapping {
            let name = key.string ?? "\(key)"
            guard known.contains(name) else {
                let line = key.mark.map { ":\($0.line)" } ?? ""
                throw CommandError(
                    "\(path)\(line): unknown setting '\(name)'" + suggestion(name, known))
            }
            guard value.mapping == nil else {
                throw CommandError("\(path): '\(name)' takes one value, not further keys")
            }
        }
    }

    private static func refuseUnknownVariables(_ environment: [String: String]) throws {
        let known = Setting.all.map(\.environmentName)
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(Setting.environmentPrefix) && !known.contains(name)
            && !isServiceLink(name, value)
        {
            throw CommandError(
                "unknown environment variable \(name)" + suggestion(name, known))
        }
    }

    private static func suggestion(_ name: String, _ known: [String]) -> String {
        NearestName.find(name, among: known).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// Whether Kubernetes set the variable because a service is called `packhouse`.
    ///
    /// *Source*: Kubernetes, "Service: Discovering services: Environment variables".
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        let rest = name.dropFirst(Setting.environmentPrefix.count)
        return rest == "SERVICE_HOST" || rest == "SERVICE_PORT" || rest.hasPrefix("SERVICE_PORT_")
            || rest.wholeMatch(of: /PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?/) != nil
            || rest == "PORT" && value.contains("://")
    }
}
