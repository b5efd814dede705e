import ArgumentParser
import Foundation

extension Option where Value == String? {
    /// The flag of a setting, with the setting's own words as its help.
    init(_ setting: Setting) {
        let standard = setting.defaultText.map { " (default: \($0))" } ?? ""
        self.init(
            name: .customLong(setting.name),
            help: ArgumentHelp(
                setting.help + standard + " [\(setting.environmentName)]",
                valueName: setting.valueName))
    }
}

/// The settings that every command needs: where the data is.
struct StoreOptions: ParsableArguments {
    @Option(.config) var config: String?
    @Option(.data) var data: String?
    @Option(.databaseURL) var databaseURL: String?

    /// What was given on the command line.
    var flags: [Setting: String] {
        [Setting.config: config, .data: data, .databaseURL: databaseURL].compactMapValues { $0 }
    }

    /// The effective settings of a command that takes only these flags.
    func load() throws -> Settings {
        try Settings(
            EffectiveSettings(flags: flags, environment: ProcessInfo.processInfo.environment))
    }
}

/// Every setting that has a flag.
struct ServeOptions: ParsableArguments {
    @OptionGroup(title: "Storage") var store: StoreOptions
    @Option(.blobs) var blobs: String?
    @Option(.databaseConnections) var databaseConnections: String?
    @Option(.listen) var listen: String?
    @Option(.externalURL) var externalURL: String?
    @Option(.tlsCert) var tlsCert: String?
    @Option(.tlsKey) var tlsKey: String?
    @Option(.trustedProxies) var trustedProxies: String?
    @Option(.logFormat) var logFormat: String?
    @Option(.logLevel) var logLevel: String?
    @Option(.idleTimeoutSeconds) var idleTimeoutSeconds: String?
    @Option(.drainTimeoutSeconds) var drainTimeoutSeconds: String?
    @Option(.orphanSweepIntervalSeconds) var orphanSweepIntervalSeconds: String?
    @Option(.collectorRate) var collectorRate: String?
    @Option(.collectorWindow) var collectorWindow: String?
    @Option(.metricsAllow) var metricsAllow: String?
    @Option(.trashPeriod) var trashPeriod: String?
    @Option(.untaggedPeriod) var untaggedPeriod: String?
    @Option(.unreferencedPeriod) var unreferencedPeriod: String?
    @Option(.scrubBandwidth) var scrubBandwidth: String?
    @Option(.registryTokenLifetime) var registryTokenLifetime: String?

    /// What was given on the command line.
    var flags: [Setting: String] {
        let own: [Setting: String?] = [
            .blobs: blobs, .databaseConnections: databaseConnections, .listen: listen,
            .externalURL: externalURL, .tlsCert: tlsCert, .tlsKey: tlsKey,
            .trustedProxies: trustedProxies, .logFormat: logFormat, .logLevel: logLevel,
            .idleTimeoutSeconds: idleTimeoutSeconds, .drainTimeoutSeconds: drainTimeoutSeconds,
            .orphanSweepIntervalSeconds: orphanSweepIntervalSeconds,
            .collectorRate: collectorRate, .collectorWindow: collectorWindow,
            .trashPeriod: trashPeriod, .untaggedPeriod: untaggedPeriod,
            .unreferencedPeriod: unreferencedPeriod,
            .metricsAllow: metricsAllow, .scrubBandwidth: scrubBandwidth,
            .registryTokenLifetime: registryTokenLifetime,
        ]
        return store.flags.merging(own.compactMapValues { $0 }) { _, new in new }
    }

    /// All settings with their sources.
    func loadEffective() throws -> EffectiveSettings {
        try EffectiveSettings(flags: flags, environment: ProcessInfo.processInfo.environment)
    }
}
