import ArgumentParser

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print the effective settings and where each comes from.",
        discussion: """
            Takes the same flags as 'serve', checks every value as 'serve' would, and masks secrets.
            """)

    @OptionGroup(title: "Settings") var options: ServeOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let effective = try options.loadEffective()
        let settings = try Settings(effective)
        try output.write(
            Setting.all.map { setting in
                guard let value = effective[setting] else {
                    return SettingRow(
                        name: setting.name, value: settings.derivedText(setting), from: "default")
                }
                let from =
                    switch value.source {
                    case .flag: "--\(setting.name)"
                    case .environment: setting.environmentName
                    case .file(let path): path
                    case .builtIn: "default"
                    }
                return SettingRow(
                    name: setting.name, value: setting.shown(value.text), from: from)
            })
    }
}

extension Settings {
    /// The value of a setting that nobody set and that follows from others; `nil` where it has none.
    fileprivate func derivedText(_ setting: Setting) -> String? {
        switch setting {
        case .blobs: blobsFolder
        case .logFormat: logFormat.rawValue
        default: nil
        }
    }
}
