import Foundation

/// A policy as JSON, as people write it, as the API gives it and as it is stored.
///
/// What is not understood is refused with its place: a rule that was misread could remove too much.
private struct RetentionDocument: Codable {
    struct Rule: Codable {
        var keep: String
        var count: Int?
        var period: String?
        var pattern: String?
        var format: String?
        var packages: String?
        var names: String?
        var stage: String?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case keep, count, period, pattern, format, packages, names, stage
        }
    }

    var enabled: Bool?
    var cadence: String?
    var rules: [Rule]

    enum CodingKeys: String, CodingKey, CaseIterable {
        case enabled, cadence, rules
    }
}

extension RetentionDocument {
    init(from decoder: any Decoder) throws {
        try decoder.refuseOthers(than: CodingKeys.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: CodingKeys.self)
        enabled = try container.decodeIfPresent(Bool.self, forKey: .enabled)
        cadence = try container.decodeIfPresent(String.self, forKey: .cadence)
        rules = try container.decode([Rule].self, forKey: .rules)
    }
}

extension RetentionDocument.Rule {
    init(from decoder: any Decoder) throws {
        try decoder.refuseOthers(than: CodingKeys.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: CodingKeys.self)
        keep = try container.decode(String.self, forKey: .keep)
        count = try container.decodeIfPresent(Int.self, forKey: .count)
        period = try container.decodeIfPresent(String.self, forKey: .period)
        pattern = try container.decodeIfPresent(String.self, forKey: .pattern)
        format = try container.decodeIfPresent(String.self, forKey: .format)
        packages = try container.decodeIfPresent(String.self, forKey: .packages)
        names = try container.decodeIfPresent(String.self, forKey: .names)
        stage = try container.decodeIfPresent(String.self, forKey: .stage)
    }
}

extension RetentionPolicy {
    /// Reads `{"enabled": true, "cadence": "1d", "rules": [{"keep": "newest", "count": 5}]}`.
    ///
    /// - Throws: `malformed` with the place and what is wrong there.
    public init(parsing text: String) throws(RegistryError) {
        let document: RetentionDocument
        do {
            document = try JSONDecoder().decode(RetentionDocument.self, from: Data(text.utf8))
        } catch {
            throw Self.refusal(of: error)
        }
        guard document.rules.count <= Self.ruleLimitCount else {
            throw RegistryError.retention(
                "rules", "are more than \(Self.ruleLimitCount)")
        }
        var rules: [RetentionRule] = []
        for (index, rule) in document.rules.enumerated() {
            rules.append(try rule.rule(at: "rules[\(index)]"))
        }
        var cadence = RetentionCadence.daily
        if let text = document.cadence {
            cadence = try RegistryError.at("cadence") { () throws(RegistryError) in
                try RetentionCadence(parsing: text)
            }
        }
        self.init(isEnabled: document.enabled ?? false, cadence: cadence, rules: rules)
    }

    /// The policy as JSON whose members are in the order of their names.
    ///
    /// - Throws: `internalError`, which no value here leads to.
    public func encode() throws(RegistryError) -> String {
        let document = RetentionDocument(
            enabled: isEnabled, cadence: cadence.description,
            rules: rules.map(RetentionDocument.Rule.init))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(document), as: UTF8.self)
        } catch {
            throw RegistryError(.internalError, "the policy cannot be written", cause: error)
        }
    }

    private static func refusal(of error: any Error) -> RegistryError {
        switch error {
        case let error as RegistryError: error
        case DecodingError.keyNotFound(let key, let context):
            .retention((context.codingPath + [key]).place, "is missing")
        case DecodingError.valueNotFound(_, let context):
            .retention(context.codingPath.place, "is missing")
        case DecodingError.typeMismatch(_, let context):
            .retention(context.codingPath.place, "is of the wrong kind")
        case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
            .retention(context.codingPath.place, "is of the wrong kind")
        default: .retention("the policy", "is no JSON")
        }
    }
}

extension RetentionDocument.Rule {
    init(_ rule: RetentionRule) {
        self.init(
            keep: "", format: rule.scope.format?.name,
            packages: rule.scope.packages?.description, names: rule.scope.names?.description,
            stage: rule.scope.stage?.rawValue)
        switch rule.condition {
        case .newest(let count): (keep, self.count) = ("newest", count)
        case .pushedWithin(let period): (keep, self.period) = ("pushed_within", period.description)
        case .pulledWithin(let period): (keep, self.period) = ("pulled_within", period.description)
        case .matching(let pattern): (keep, self.pattern) = ("matching", pattern.description)
        case .protected: keep = "protected"
        }
    }

    private init(
        keep: String, format: String?, packages: String?, names: String?, stage: String?
    ) {
        self.keep = keep
        self.format = format
        self.packages = packages
        self.names = names
        self.stage = stage
    }

    func rule(at place: String) throws(RegistryError) -> RetentionRule {
        let given = [
            ("count", count != nil), ("period", period != nil), ("pattern", pattern != nil),
        ]
        guard let member = Self.members[keep] else {
            throw RegistryError.retention(
                "\(place).keep",
                "is none of \(Self.members.keys.sorted().joined(separator: ", "))")
        }
        if let extra = given.first(where: { $0.1 && $0.0 != member }) {
            throw RegistryError.retention("\(place).\(extra.0)", "has no meaning with '\(keep)'")
        }
        if !member.isEmpty, !given.contains(where: { $0.1 && $0.0 == member }) {
            throw RegistryError.retention("\(place).\(member)", "is missing")
        }
        return RetentionRule(try condition(at: place), of: try scope(at: place))
    }

    /// What each kind of rule needs beside its scope.
    private static let members = [
        "newest": "count", "pushed_within": "period", "pulled_within": "period",
        "matching": "pattern", "protected": "",
    ]

    private func condition(at place: String) throws(RegistryError) -> RetentionRule.Condition {
        switch keep {
        case "newest":
            guard let count, (1...RetentionRule.countLimit).contains(count) else {
                throw RegistryError.retention(
                    "\(place).count", "is not between 1 and \(RetentionRule.countLimit)")
            }
            return .newest(count)
        case "matching":
            let text = pattern ?? ""
            return .matching(
                try RegistryError.at("\(place).pattern") { () throws(RegistryError) in
                    try NamePattern(text)
                })
        case "protected":
            return .protected
        default:
            let text = period ?? ""
            let period = try RegistryError.at("\(place).period") { () throws(RegistryError) in
                try NamedPeriod(parsing: text)
            }
            return keep == "pushed_within" ? .pushedWithin(period) : .pulledWithin(period)
        }
    }

    private func scope(at place: String) throws(RegistryError) -> RetentionRule.Scope {
        var scope = RetentionRule.Scope(format: format.map(FormatID.init(stored:)))
        scope.packages = try Self.pattern(packages, at: "\(place).packages")
        scope.names = try Self.pattern(names, at: "\(place).names")
        if let stage {
            guard let known = RetentionRule.Stage(rawValue: stage) else {
                throw RegistryError.retention(
                    "\(place).stage", "is none of release, prerelease")
            }
            scope.stage = known
        }
        return scope
    }

    private static func pattern(
        _ text: String?, at place: String
    ) throws(RegistryError) -> NamePattern? {
        guard let text else { return nil }
        return try RegistryError.at(place) { () throws(RegistryError) in try NamePattern(text) }
    }
}

extension RegistryError {
    /// What is wrong with a policy, and where: `rules[2].count is missing`.
    public static func retention(_ place: String, _ problem: String) -> RegistryError {
        RegistryError(.malformed, "\(place) \(problem)", reason: "retention_invalid")
    }

    /// Runs `body`, whose failure is about this place of a policy.
    fileprivate static func at<Value>(
        _ place: String, _ body: () throws(RegistryError) -> Value
    ) throws(RegistryError) -> Value {
        do throws(RegistryError) {
            return try body()
        } catch {
            throw retention(place, "is invalid: \(error.message)")
        }
    }
}

/// The name of any member.
private struct MemberName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) { nil }
}

extension Decoder {
    fileprivate func refuseOthers(than known: [String]) throws {
        let names = try container(keyedBy: MemberName.self).allKeys.map(\.stringValue)
        guard let unknown = names.sorted().first(where: { !known.contains($0) }) else { return }
        let place = (codingPath + [MemberName(stringValue: unknown)]).place
        throw RegistryError.retention(
            place, "is not known; there are \(known.joined(separator: ", "))")
    }
}

extension [any CodingKey] {
    /// `rules[2].count`.
    fileprivate var place: String {
        guard !isEmpty else { return "the policy" }
        return reduce("") { place, key in
            if let index = key.intValue { return "\(place)[\(index)]" }
            return place.isEmpty ? key.stringValue : "\(place).\(key.stringValue)"
        }
    }
}
