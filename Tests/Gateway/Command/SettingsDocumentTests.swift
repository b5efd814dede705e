import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import packhouse

@Suite struct SettingsDocumentTests {
    /// The table of docs/CONFIGURATION.md as the settings themselves would write it.
    private var table: String {
        let rows = Setting.all.map { setting in
            let flag = setting.isFlag ? "`--\(setting.name)` \(setting.valueName)" : "(no flag)"
            return "| \(flag.replacing("|", with: "\\|")) | `\(setting.environmentName)` | "
                + (setting.defaultText.map { "`\($0)`" } ?? "") + " | \(setting.help) |"
        }
        return (["| Flag | Variable | Default | What it is |", "|---|---|---|---|"] + rows)
            .joined(separator: "\n")
    }

    @Test func theDocumentNamesTheSameSettings() throws {
        let document = try String(
            contentsOf: RepositoryRoot.url.appendingPathComponent("docs/CONFIGURATION.md"),
            encoding: .utf8)
        let parts = document.split(separator: /<!-- \/?settings -->/)
        try #require(parts.count == 3)
        #expect(
            parts[1].trimmingCharacters(in: .whitespacesAndNewlines) == table,
            "the table between the markers has to read:\n\(table)")
    }

    @Test func theExampleIsValid() throws {
        let document = try String(
            contentsOf: RepositoryRoot.url.appendingPathComponent("docs/CONFIGURATION.md"),
            encoding: .utf8)
        let example = try #require(document.firstMatch(of: /(?s)```yaml\n(.*?)```/)).output.1
        let folder = try TemporaryFolder()
        let file = try folder.write(String(example), to: "example.yaml")
        let settings = try EffectiveSettings(flags: [.config: file], environment: [:])
        #expect(settings[.logFormat]?.text == "json")
    }

    @Test func everyFlagIsPassedOn() throws {
        let flags = Setting.all.filter(\.isFlag)
        let options = try ServeOptions.parse(flags.flatMap { ["--\($0.name)", "value"] })
        #expect(options.flags == Dictionary(uniqueKeysWithValues: flags.map { ($0, "value") }))
    }

    @Test func theHelpNamesEverySetting() {
        let help = ServeCommand.helpMessage(columns: 400)
        for setting in Setting.all where setting.isFlag {
            #expect(help.contains("--\(setting.name) <\(setting.valueName)>"))
            #expect(help.contains(setting.help))
            #expect(help.contains(setting.environmentName))
        }
    }

    @Test func everyCommandHasAHelp() {
        var commands = [Packhouse.configuration]
        while let command = commands.popLast() {
            #expect(!command.abstract.isEmpty, "\(command.commandName ?? "")")
            commands += command.subcommands.map { $0.configuration }
        }
    }
}
