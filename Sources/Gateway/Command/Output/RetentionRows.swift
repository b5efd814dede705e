import Foundation
import Registry

/// What is kept in a namespace, as commands print it.
struct RetentionRow: OutputRow {
    static let headings = [
        "NAMESPACE", "POLICY OF", "ENABLED", "CADENCE", "RULES", "NEXT RUN", "LAST RUN", "KEPT",
        "REMOVED", "FAILURE",
    ]

    let namespace: String
    /// The path of the namespace whose policy counts.
    let source: String?
    let enabled: Bool
    let cadence: String
    let rules: [[String: RuleValue]]
    let nextRunAt: String?
    let lastRunAt: String?
    let kept: Int64?
    let removed: Int64?
    let failure: String?
    private let words: [String]

    private enum CodingKeys: String, CodingKey {
        case namespace, source, enabled, cadence, rules, nextRunAt, lastRunAt, kept, removed,
            failure
    }

    init(of namespace: NamespaceRecord, _ tx: any MetadataReading) throws {
        let effective = try tx.findEffectiveRetention(of: namespace)
        let policy = effective.policy ?? RetentionPolicy()
        self.namespace = namespace.path.description
        source = try effective.sourceID.flatMap {
            try tx.findNamespace(.id($0, nil))?.path.description
        }
        enabled = policy.isEnabled
        cadence = policy.cadence.description
        rules = try JSONDecoder().decode(Rules.self, from: Data(policy.encode().utf8)).rules
        words = policy.rules.map(\.description)
        let run =
            namespace.kind == .project
            ? try tx.listRetentionRuns([namespace.id])[namespace.id]
            : try tx.summarizeRetentionRuns(below: namespace.id)
        nextRunAt = run?.nextRunAt?.iso8601
        lastRunAt = run?.finishedAt?.iso8601
        kept = run?.startedAt == nil ? nil : run?.keptCount
        removed = run?.startedAt == nil ? nil : run?.removedCount
        failure = run?.failure
    }

    var cells: [String] {
        [
            namespace, source ?? "-", enabled ? "yes" : "no", cadence,
            words.isEmpty ? "-" : words.joined(separator: "; "), nextRunAt ?? "-",
            lastRunAt ?? "never", kept.map(String.init) ?? "-", removed.map(String.init) ?? "-",
            failure ?? "",
        ]
    }

    private struct Rules: Decodable {
        let rules: [[String: RuleValue]]
    }

    /// A number or a text in a rule.
    enum RuleValue: Codable {
        case number(Int)
        case text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            }
        }
    }
}

/// What would become of a version or tag.
struct RetentionVerdictRow: OutputRow {
    static let headings = [
        "PROJECT", "PACKAGE", "KIND", "NAME", "PUSHED", "DOWNLOADED", "ACTION", "WHY",
    ]

    let project: String
    let format: String
    let package: String
    let kind: String
    let name: String
    let pushedAt: String
    let lastDownloadedAt: String?
    let action: String
    let reason: String
    /// The number of the rule that keeps it, from 1.
    let rule: Int?
    let message: String

    init(
        _ line: RetentionExplanation.Line, of package: PackageRecord, in project: NamespaceRecord
    ) {
        self.project = project.path.description
        format = package.format.name
        self.package = package.name
        kind = line.unit.kind.rawValue
        name = line.unit.name
        pushedAt = line.unit.pushedAt.iso8601
        lastDownloadedAt = line.unit.pulledAt?.iso8601
        action = line.verdict.isRemoval ? "remove" : "keep"
        reason = line.verdict.reason.rawValue
        rule = line.verdict.rule
        message = line.verdict.message
    }

    var cells: [String] {
        [
            project, "\(format)/\(package)", kind, name, pushedAt, lastDownloadedAt ?? "never",
            action, message,
        ]
    }
}

/// What came of applying a project's policy.
struct RetentionReportRow: OutputRow {
    static let headings = ["PROJECT", "KEPT", "REMOVED", "FAILURE"]

    let project: String
    let kept: Int64
    let removed: Int64
    let failure: String?

    /// - Parameter report: `nil` when somebody else is at it.
    init(_ report: RetentionReport?, of project: NamespaceRecord) {
        self.project = project.path.description
        kept = report?.outcome.keptCount ?? 0
        removed = report?.outcome.removedCount ?? 0
        failure =
            report == nil
            ? "a server is applying it just now"
            : report?.failure?.message ?? report?.interruption.map { "ended early: \($0)" }
    }

    var cells: [String] { [project, String(kept), String(removed), failure ?? ""] }
}
