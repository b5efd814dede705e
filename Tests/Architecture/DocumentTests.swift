import Foundation
import TestSupport
import Testing

/// Documents and the tree name the same things.
@Suite struct DocumentTests {
    @Test func everyInvariantNamesTestsThatExist() throws {
        let rows = try SourceFile.read("docs/INVARIANTS.md").lines.compactMap {
            $0.wholeMatch(of: /\| (I\d+) \| (.+) \| (.+) \|/)?.output
        }
        #expect(rows.map { String($0.1) } == (1...13).map { "I\($0)" })
        let tests = try SourceFile.list("Tests")
        for row in rows {
            let names = row.3.matches(of: /`(\w+)\.(\w+)`/)
            #expect(!names.isEmpty, "\(row.1) names no test")
            for name in names {
                let suite = tests.first { $0.path.hasSuffix("/\(name.output.1).swift") }
                #expect(
                    suite?.code.contains("func \(name.output.2)(") == true,
                    "\(row.1): there is no test \(name.output.0)")
            }
        }
    }

    @Test func everyLinkLeadsSomewhere() throws {
        let documents =
            try SourceFile.list("docs", suffix: ".md")
            + ["README.md", "CHANGELOG.md"].map(SourceFile.read)
        for document in documents {
            let folder = RepositoryRoot.url.appendingPathComponent(document.path)
                .deletingLastPathComponent()
            for match in document.text.matches(of: /\]\(([^)#\s]+)(?:#[^)]*)?\)/) {
                let target = String(match.output.1)
                guard !target.contains("://") else { continue }
                #expect(
                    FileManager.default.fileExists(
                        atPath: folder.appendingPathComponent(target).path),
                    "\(document.path) links to \(target)")
            }
        }
    }

    @Test func theTableOfTargetsIsTheFence() throws {
        let document = try SourceFile.read("docs/ARCHITECTURE.md").text
        for row in ImportFence.house.rows {
            #expect(
                document.contains("| `\(row.target)` | `\(row.folder)` |"),
                "docs/ARCHITECTURE.md has no row for \(row.target)")
        }
    }

    @Test func everyScriptExplainsItselfAndIsStrict() throws {
        for path in ["scripts/serve", "scripts/test", "scripts/format", ".ci/run"] {
            let script = try SourceFile.read(path).text
            #expect(script.hasPrefix("#!/usr/bin/env bash\n"), "\(path)")
            #expect(script.contains("set -euo pipefail"), "\(path)")
            #expect(script.contains("--help"), "\(path)")
            #expect(
                FileManager.default.isExecutableFile(
                    atPath: RepositoryRoot.url.appendingPathComponent(path).path), "\(path)")
        }
    }
}
