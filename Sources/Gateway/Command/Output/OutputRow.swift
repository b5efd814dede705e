import ArgumentParser
import Foundation

/// What a command prints about one thing: a row of a table, or an object of JSON.
protocol OutputRow: Encodable {
    static var headings: [String] { get }
    /// As many as there are headings.
    var cells: [String] { get }
}

/// How a command prints.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON instead of a table.")
    var json = false

    /// Prints all of `rows`, as a table or as an array.
    func write<Row: OutputRow>(_ rows: [Row]) throws {
        if json {
            try writeJSON(rows)
        } else {
            let table = TextTable(headings: Row.headings, rows: rows.map(\.cells))
            print(table.lines.joined(separator: "\n"))
        }
    }

    /// Prints one thing: a line for each heading, or an object.
    func write<Row: OutputRow>(one row: Row) throws {
        if json {
            try writeJSON(row)
        } else {
            let width = (Row.headings.map(\.count).max() ?? 0) + TextTable.gapCount
            for (heading, cell) in zip(Row.headings, row.cells) where !cell.isEmpty {
                print(heading.padding(toLength: width, withPad: " ", startingAt: 0) + cell)
            }
        }
    }

    private func writeJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
