import FormatKit
import Foundation
import Registry

/// GitLab's clean-up policy for images, as it is sent and shown.
///
/// *Source*: GitLab, "Projects API", `container_expiration_policy_attributes`.
struct ImageCleanupPolicy: Hashable, Sendable, Codable {
    var enabled = false
    var cadence = RetentionCadence.daily.description
    /// How many of the newest that match are kept.
    var keepCount: Int64? = 10
    var olderThan: String? = "90d"
    /// Which tags may go.
    var nameRegex: String? = ".*"
    /// Which tags are kept whatever else is said.
    var nameRegexKeep: String?

    /// The policy of a project for which nobody said: switched off.
    init() {}

    /// Reads what `encode` wrote.
    init(decoding source: String) throws(RegistryError) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(source.utf8))
        } catch {
            throw RegistryError(
                .internalError, "what is stored about a clean-up policy cannot be read",
                cause: error)
        }
    }

    func encode() throws(RegistryError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw RegistryError(
                .internalError, "the clean-up policy cannot be written", cause: error)
        }
    }

    // MARK: Meaning

    /// The policy in rules, in GitLab's order of questions: `latest`, the pattern to keep, the
    /// newest, the age; rules about tags come last.
    func translate() throws(RegistryError) -> RetentionPolicy {
        let cadence = try Self.about("cadence") { () throws(RegistryError) in
            try RetentionCadence(parsing: self.cadence)
        }
        guard let name = try Self.pattern(nameRegex, "name_regex") else {
            guard !enabled else { throw Self.refusal("name_regex", "can't be blank") }
            return RetentionPolicy(isEnabled: false, cadence: cadence)
        }
        let scope = RetentionRule.Scope(format: .containerImages, names: name)
        var rules = [RetentionRule(.matching(try NamePattern(Self.latest)), of: scope)]
        if let pattern = try Self.pattern(nameRegexKeep, "name_regex_keep") {
            rules.append(RetentionRule(.matching(pattern), of: scope))
        }
        if let keepCount, keepCount > 0 {
            rules.append(RetentionRule(.newest(Int(clamping: keepCount)), of: scope))
        }
        if let olderThan, !olderThan.isEmpty {
            let period = try Self.about("older_than") { () throws(RegistryError) in
                try NamedPeriod(parsing: olderThan)
            }
            rules.append(RetentionRule(.pushedWithin(period), of: scope))
        }
        return RetentionPolicy(isEnabled: enabled, cadence: cadence, rules: rules)
    }

    private static let latest = "latest"

    private static func pattern(
        _ text: String?, _ field: String
    ) throws(RegistryError) -> NamePattern? {
        guard let text, !text.isEmpty else { return nil }
        return try about(field) { () throws(RegistryError) in try NamePattern(text) }
    }

    private static func about<Value>(
        _ field: String, _ body: () throws(RegistryError) -> Value
    ) throws(RegistryError) -> Value {
        do throws(RegistryError) {
            return try body()
        } catch {
            throw refusal(field, "is invalid: \(error.message)")
        }
    }

    private static func refusal(_ field: String, _ problem: String) -> RegistryError {
        .invalid("container_expiration_policy.\(field)", problem)
    }

    // MARK: Changing

    /// Changes what `attributes` name; null clears where there may be nothing.
    ///
    /// - Throws: `malformed` with the attribute that is wrong.
    mutating func apply(_ attributes: JSONValue) throws(RegistryError) {
        guard case .object(let members) = attributes else { return }
        for (name, value) in members {
            switch name {
            case "enabled": enabled = try Self.flag(value)
            case "cadence":
                guard let text = value.stringValue else {
                    throw Self.refusal("cadence", "is invalid")
                }
                cadence = text
            case "keep_n": keepCount = try Self.count(value)
            case "older_than": olderThan = try Self.text(value, name)
            case "name_regex":
                // The newer name counts where both are sent.
                guard attributes["name_regex_delete"] == nil else { continue }
                nameRegex = try Self.text(value, name)
            case "name_regex_delete": nameRegex = try Self.text(value, name)
            case "name_regex_keep": nameRegexKeep = try Self.text(value, name)
            default: throw Self.refusal(name, "is not known")
            }
        }
    }

    private static func flag(_ value: JSONValue) throws(RegistryError) -> Bool {
        switch value {
        case .bool(let flag): flag
        case .string("true"), .string("1"), .integer(1): true
        case .string("false"), .string("0"), .integer(0): false
        default: throw refusal("enabled", "is invalid")
        }
    }

    private static func count(_ value: JSONValue) throws(RegistryError) -> Int64? {
        switch value {
        case .null, .string(""): return nil
        case .integer(let number): return try check(number)
        case .string(let text):
            guard let number = Int64(text) else { throw refusal("keep_n", "is invalid") }
            return try check(number)
        default: throw refusal("keep_n", "is invalid")
        }
    }

    private static func check(_ number: Int64) throws(RegistryError) -> Int64 {
        guard (0...Int64(RetentionRule.countLimit)).contains(number) else {
            throw refusal("keep_n", "does not have a valid value")
        }
        return number
    }

    private static func text(
        _ value: JSONValue, _ name: String
    ) throws(RegistryError) -> String? {
        switch value {
        case .null: nil
        case .string(let text): text
        default: throw refusal(name, "is invalid")
        }
    }

    // MARK: Answers

    /// The schema of the attributes in requests.
    static let attributes = JSONSchema.object(fields, required: [])

    /// The schema in answers.
    static let schema = JSONSchema.object(
        fields + [("next_run_at", JSONSchema.moment.nullable)],
        required: fields.map(\.name) + ["next_run_at"])

    private static let fields: [(name: String, schema: JSONSchema)] = [
        (
            "cadence",
            JSONSchema.string().described(
                "How often: \(RetentionCadence.names.joined(separator: ", ")), or hours: 6h.")
        ),
        ("enabled", .boolean),
        (
            "keep_n",
            JSONSchema.integer().nullable.described("How many of the newest that match stay.")
        ),
        (
            "older_than",
            JSONSchema.string().nullable.described("Only tags that were pushed longer ago go: 90d.")
        ),
        ("name_regex", JSONSchema.string().nullable.described("Which tags may go.")),
        ("name_regex_delete", JSONSchema.string().nullable.described("The same.")),
        (
            "name_regex_keep",
            JSONSchema.string().nullable.described("Which tags stay whatever else is said.")
        ),
    ]

    func json(nextRunAt: Timestamp?) -> JSONValue {
        [
            "cadence": .string(cadence), "enabled": .bool(enabled),
            "keep_n": .optional(keepCount), "older_than": .optional(olderThan),
            "name_regex": .optional(nameRegex), "name_regex_delete": .optional(nameRegex),
            "name_regex_keep": .optional(nameRegexKeep),
            "next_run_at": .optional(enabled ? nextRunAt?.iso8601 : nil),
        ]
    }
}

extension ManagementCall {
    /// Changes the clean-up policy of a project, if the arguments ask for it.
    func changeImageCleanup(
        of project: NamespaceRecord, _ tx: any MetadataWriting
    ) throws {
        guard project.kind == .project,
            let given = arguments.findObject("container_expiration_policy_attributes")
        else { return }
        var settings = try tx.findRetentionSettings(project.id) ?? RetentionSettings()
        var policy =
            try settings.translation.map { try ImageCleanupPolicy(decoding: $0.source) }
            ?? ImageCleanupPolicy()
        try policy.apply(given)
        settings.translation = RetentionSettings.Translation(
            source: try policy.encode(), policy: try policy.translate())
        try tx.setRetention(settings, of: project, at: now)
    }
}
