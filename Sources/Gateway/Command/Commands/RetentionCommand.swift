import ArgumentParser
import Foundation
import Registry

struct RetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention", abstract: "Say which versions projects and groups keep.",
        discussion: """
            A policy is JSON: {"enabled": true, "cadence": "1d", "rules": [{"keep": "newest", \
            "count": 10}]}. What a rule speaks of and no rule keeps goes to the trash. A project \
            takes the policy of the group above it unless it has one of its own.
            """,
        subcommands: [Show.self, Set.self, DryRun.self, Run.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what is kept, by whose policy, and what came of the last run.")

        @Argument(help: "The path of a project or group, such as acme/web.") var path: String
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = path
            try await Console.run(store) { console in
                let row = try await console.metadata.read { tx in
                    try RetentionRow(of: tx.requireNamespace(path, nil), tx)
                }
                try output.write(one: row)
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set what is kept; the policy is read from a file, or else from the input.")

        @Argument(help: "The path of a project or group, such as acme/web.") var path: String
        @Option(help: "The file with the policy; standard input without it.") var file: String?
        @Flag(help: "Have no policy of its own, and take that of the group above.")
        var inherit = false
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if inherit, file != nil {
                throw ValidationError("--inherit takes no policy, so leave out --file")
            }
        }

        func run() async throws {
            let path = path
            let policy = try inherit ? nil : RetentionCommand.readPolicy(file)
            try await Console.run(store) { console in
                let row = try await console.change("retention.set") { tx, now in
                    let namespace = try tx.requireNamespace(path, nil)
                    var settings = try tx.findRetentionSettings(namespace.id) ?? RetentionSettings()
                    settings.policy = policy
                    try tx.setRetention(settings, of: namespace, at: now)
                    return (
                        try RetentionRow(of: namespace, tx), namespace.id,
                        namespace.path.description
                    )
                }
                try output.write(one: row)
            }
        }
    }

    struct DryRun: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say of every version whether it would go, and why.")

        @Argument(help: "The path of a project or group, such as acme/web.") var path: String
        @Option(help: "A file with a policy to try in place of the one that is set.")
        var file: String?
        @Flag(help: "Print only what would go.") var removedOnly = false
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = path
            let trial = try file.map { try RetentionCommand.readPolicy($0).rules }
            try await Console.run(store) { console in
                var rows: [RetentionVerdictRow] = []
                for project in try await console.listRetentionProjects(path) {
                    rows += try await console.explain(project, trial)
                }
                try output.write(removedOnly ? rows.filter { $0.action == "remove" } : rows)
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Apply the policy now, in a project or in all that take it from a group.",
            discussion: "May run while servers do. What goes can be restored from the trash.")

        @Argument(help: "The path of a project or group, such as acme/web.") var path: String
        @OptionGroup(title: "Storage") var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = path
            try await Console.run(store) { console in
                let reports = try await console.applyRetention(path)
                try output.write(reports)
                guard reports.allSatisfy({ $0.failure == nil }) else { throw ExitCode.failure }
            }
        }
    }

    /// Reads a policy from a file, or from the standard input.
    ///
    /// - Throws: `CommandError` with the place and what is wrong there.
    private static func readPolicy(_ file: String?) throws -> RetentionPolicy {
        let bytes: Data
        do {
            bytes =
                try file.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
                ?? FileHandle.standardInput.readToEnd() ?? Data()
        } catch {
            throw CommandError(
                "cannot read the policy \(file ?? ""): \(error.localizedDescription)")
        }
        let policy: RetentionPolicy
        do throws(RegistryError) {
            policy = try RetentionPolicy(parsing: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw CommandError("\(file ?? "the policy"): \(error.message)")
        }
        for rule in policy.rules {
            guard let format = rule.scope.format, Formats.find(format.name) == nil else { continue }
            throw CommandError(Formats.unknown(format.name))
        }
        return policy
    }
}

extension Console {
    /// Projects, packages or lines that one step takes.
    private static let stepCount = 100

    private var runner: RetentionRunner {
        RetentionRunner(metadata: metadata, clock: clock, formatRules: FormatRules(Formats.all))
    }

    /// The project of this path, or those below the group that take their policy from it.
    fileprivate func listRetentionProjects(_ path: String) async throws -> [NamespaceRecord] {
        var projects: [NamespaceRecord] = []
        while true {
            let last = projects.last?.id ?? 0
            let next = try await metadata.read { tx in
                let namespace = try tx.requireNamespace(path, nil)
                return try tx.listRetentionProjects(
                    below: namespace.id, after: last, limit: Self.stepCount
                ).compactMap { try tx.findNamespace(.id($0, .project)) }
            }
            projects += next
            if next.count < Self.stepCount { return projects }
        }
    }

    /// What the policy of the project, or the one on trial, says of each version.
    fileprivate func explain(
        _ project: NamespaceRecord, _ trial: [RetentionRule]?
    ) async throws -> [RetentionVerdictRow] {
        let rules = try await metadata.read { tx in
            try tx.findEffectiveRetention(of: project).rules(trying: trial)
        }
        var rows: [RetentionVerdictRow] = []
        var last: Int64 = 0
        while !rules.isEmpty {
            let after = last
            let packages = try await metadata.read { tx in
                try tx.listRetentionPackages(
                    projectID: project.id, after: after, limit: Self.stepCount)
            }
            for package in packages {
                let found = try await runner.explain(package, rules, lineLimitCount: .max)
                rows += (found?.lines ?? []).map {
                    RetentionVerdictRow($0, of: package, in: project)
                }
            }
            guard packages.count == Self.stepCount, let id = packages.last?.id else { break }
            last = id
        }
        return rows
    }

    /// Applies the policy of each project.
    fileprivate func applyRetention(_ path: String) async throws -> [RetentionReportRow] {
        var rows: [RetentionReportRow] = []
        let now = clock.now()
        for project in try await listRetentionProjects(path) {
            let isEnabled = try await metadata.read { tx in
                if try tx.summarizeCollection(at: now).pausedAt != nil {
                    throw RegistryError(
                        .conflict,
                        "the collection of garbage is paused; 'packhouse gc resume' ends that")
                }
                return try tx.findEffectiveRetention(of: project).isEnabled
            }
            guard isEnabled else { continue }
            let report = try await runner.runNext(projectID: project.id)
            rows.append(RetentionReportRow(report, of: project))
        }
        guard !rows.isEmpty else {
            throw RegistryError(
                .conflict, "no policy is enabled for '\(path)'; enable one with 'retention set'")
        }
        return rows
    }
}
