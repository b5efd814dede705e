import Testing

@Suite struct ImportFenceTests {
    @Test func everyImportIsInTheTable() throws {
        let breaches = try SourceFile.list("Sources").flatMap(ImportFence.house.findBreaches)
        #expect(breaches == [], "see the table of targets in docs/ARCHITECTURE.md")
    }

    @Test func everyFolderOfTheTableHasSources() throws {
        let files = try SourceFile.list("Sources")
        for row in ImportFence.house.rows {
            #expect(files.contains { $0.path.hasPrefix(row.folder + "/") }, "\(row.folder)")
        }
    }

    @Test(arguments: [
        "import GRDB", "public import GRDB", "  @testable import GRDB",
        "@_spi(Some) internal import struct GRDB.Row", "import Foundation\nimport GRDB",
        "#if os(Linux)\n    import GRDB\n#endif",
    ])
    func aForbiddenEdgeIsSeen(source: String) {
        let file = SourceFile(path: "Sources/Formats/Generic/Bad.swift", text: source)
        #expect(
            ImportFence.house.findBreaches(in: file) == [
                "Sources/Formats/Generic/Bad.swift: GenericFormat may not import GRDB"
            ])
    }

    @Test(arguments: [
        "// import GRDB", "/* import GRDB */", "let text = \"\"\"\n    import GRDB\n    \"\"\"",
        "import Registry", "import NIOCore", "let importance = 1",
    ])
    func whatIsNoForbiddenEdgeIsNotSeen(source: String) {
        let file = SourceFile(path: "Sources/Formats/Generic/Good.swift", text: source)
        #expect(ImportFence.house.findBreaches(in: file) == [])
    }

    @Test func aFileOutsideEveryTargetIsSeen() {
        let file = SourceFile(path: "Sources/Stray/Stray.swift", text: "")
        #expect(ImportFence.house.findBreaches(in: file).count == 1)
    }
}
