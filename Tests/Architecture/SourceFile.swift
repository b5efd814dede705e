import Foundation
import TestSupport

/// A file of the repository, by its path from the root.
struct SourceFile: Sendable {
    let path: String
    let text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// Every file below `folder` whose name ends in `suffix`, in order of their paths.
    static func list(_ folder: String, suffix: String = ".swift") throws -> [SourceFile] {
        let root = RepositoryRoot.url
        let paths = try FileManager.default.subpathsOfDirectory(
            atPath: root.appendingPathComponent(folder).path)
        return try paths.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.sorted()
            .map { try read(folder + "/" + $0) }
    }

    static func read(_ path: String) throws -> SourceFile {
        SourceFile(
            path: path,
            text: try String(
                contentsOf: RepositoryRoot.url.appendingPathComponent(path), encoding: .utf8))
    }

    /// The text without comments and without what is inside string literals; line breaks stay.
    var code: String {
        var scanner = CodeScanner(text)
        return scanner.strip()
    }
}

/// Takes comments and the content of string literals out of Swift source.
private struct CodeScanner {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var output = String.UnicodeScalarView()

    init(_ text: String) {
        scalars = Array(text.unicodeScalars)
    }

    mutating func strip() -> String {
        while index < scalars.count {
            if starts(with: "//") {
                skip(until: { $0.starts(with: "\n") })
            } else if starts(with: "/*") {
                skipBlockComment()
            } else if let hashes = literalStart() {
                skipLiteral(hashes)
            } else {
                output.append(scalars[index])
                index += 1
            }
        }
        return String(output)
    }

    private func starts(with text: String) -> Bool {
        scalars[index...].starts(with: text.unicodeScalars)
    }

    private mutating func skip(until isEnd: (CodeScanner) -> Bool) {
        while index < scalars.count, !isEnd(self) { advance() }
    }

    /// Goes on by one; a line break stays in the output.
    private mutating func advance() {
        if scalars[index] == "\n" { output.append("\n") }
        index += 1
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if starts(with: "/*") {
                depth += 1
                index += 2
            } else if starts(with: "*/") {
                depth -= 1
                index += 2
            } else {
                advance()
            }
        } while depth > 0 && index < scalars.count
    }

    /// How many `#` stand before a quote here; `nil` where no literal begins.
    private func literalStart() -> Int? {
        let hashes = scalars[index...].prefix { $0 == "#" }.count
        let quote = index + hashes
        return quote < scalars.count && scalars[quote] == "\"" ? hashes : nil
    }

    private mutating func skipLiteral(_ hashes: Int) {
        index += hashes
        let quotes = starts(with: "\"\"\"") ? "\"\"\"" : "\""
        let fence = String(repeating: "#", count: hashes)
        index += quotes.count
        while index < scalars.count, !starts(with: quotes + fence) {
            if starts(with: "\\" + fence) {
                index += 1 + hashes
                if starts(with: "(") { skipInterpolation() } else { advance() }
            } else {
                advance()
            }
        }
        index += quotes.count + hashes
        output.append(contentsOf: "\"\"".unicodeScalars)
    }

    private mutating func skipInterpolation() {
        var depth = 0
        repeat {
            if let hashes = literalStart() {
                skipLiteral(hashes)
                continue
            }
            if scalars[index] == "(" { depth += 1 }
            if scalars[index] == ")" { depth -= 1 }
            advance()
        } while depth > 0 && index < scalars.count
    }
}
