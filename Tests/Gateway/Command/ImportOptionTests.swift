import Testing

@testable import packhouse

/// What an import works out without a registry.
@Suite struct ImportOptionTests {
    @Test(
        "the first rule that fits names the package",
        arguments: [
            ("team/app", [], "team/app"), ("team/app", ["team/app=app"], "app"),
            ("team/app/deep", ["team/app=app"], "app/deep"),
            ("team/apple", ["team/app=x"], "team/apple"),
            ("team/app", ["team="], "app"), ("team", ["team="], ""),
            ("team/app", ["team/=/new/"], "new/app"),
            ("team/app", ["team=a", "team/app=b"], "a/app"),
            ("team/app", ["team/app=b", "team=a"], "b"),
        ])
    func mapping(name: String, rules: [String], package: String) throws {
        #expect(try RepositoryMapping(parsing: rules).package(for: name) == package)
    }

    @Test(arguments: ["", "=", "=new", "old", "a=b=c"])
    func noRule(text: String) {
        #expect(throws: CommandError.self) { try RepositoryMapping(parsing: [text]) }
    }

    @Test("patterns choose, and one that matches nothing is a mistake")
    func patterns() throws {
        let names = ["a", "team/app", "team/deep/er", "tools/cli"]
        func choose(_ patterns: String...) throws -> [String] {
            var options = ImportOptions()
            options.patterns = patterns
            return try options.choose(names)
        }
        #expect(try choose() == names)
        #expect(try choose("team/*") == ["team/app", "team/deep/er"])
        #expect(try choose("?", "tools/cli") == ["a", "tools/cli"])
        #expect(throws: CommandError.self) { try choose("team/*", "b") }
    }

    @Test("the line says how far it is")
    func line() {
        var state = ImportProgress.State()
        let now = state.begin
        state.phase = "importing"
        (state.totalBytes, state.totalCount) = (4 << 20, 10)
        #expect(
            ImportProgress.line(state, at: now)
                == "importing [>                       ] 0%  0 B of 4.0 MiB  0 of 10")
        (state.doneBytes, state.readBytes, state.doneCount) = (3 << 20, 1 << 20, 5)
        #expect(
            ImportProgress.line(state, at: now + .seconds(2))
                == "importing [==================>     ] 75%  3.0 MiB of 4.0 MiB  5 of 10  "
                + "512.0 KiB/s  0:02 left")
        (state.doneBytes, state.doneCount) = (4 << 20, 10)
        #expect(
            ImportProgress.line(state, at: now + .seconds(2)).hasPrefix(
                "importing [========================] 100%"))
    }
}
