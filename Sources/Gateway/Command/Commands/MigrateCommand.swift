import ArgumentParser
import Database
import Foundation
import Registry

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database to the schema of this program.",
        discussion: """
            'packhouse serve' does the same at its start. It can be run while servers run, and \
            several times: what was applied is left alone.
            """)

    @Flag(help: "Only print what was applied and what is pending.") var status = false
    @OptionGroup(title: "Storage") var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try store.load()
        let opened = try await OpenedDatabase.open(settings, mayCreate: !status)
        try await opened.closing {
            let found = status ? try await opened.status() : try await opened.migrate()
            let rows =
                found.applied.map { MigrationRow(number: $0, state: "applied") }
                + found.pending.map { MigrationRow(number: $0, state: "pending") }
            try output.write(rows)
        }
    }
}

/// A step of the schema as `migrate` prints it.
private struct MigrationRow: OutputRow {
    static let headings = ["NUMBER", "STATE"]

    let number: Int
    let state: String

    var cells: [String] { ["\(number)", state] }
}
