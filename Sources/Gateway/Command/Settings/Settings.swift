import Foundation
import GarbageCollection
import GatewayServer
import Logging
import Registry

/// The settings as values that were checked.
struct Settings: Sendable {
    /// Which database holds the facts.
    enum Database: Hashable, Sendable {
        case sqlite(path: String)
        case postgres(url: String)
    }

    /// Where connections are accepted.
    struct Listen: Hashable, Sendable {
        /// A name or an address, without brackets.
        let host: String
        /// 0 for any that is free.
        let port: Int
    }

    /// Certificate and key, as paths of PEM files.
    struct TLS: Hashable, Sendable {
        let certificatePath: String
        let keyPath: String
    }

    enum LogFormat: String, Sendable {
        case json
        case text
    }

    let dataFolder: String
    let blobsFolder: String
    let database: Database
    let databaseConnections: Int
    let listen: Listen
    let externalURL: PublicOrigin?
    let tls: TLS?
    let trustedProxies: [CIDRBlock]
    let logFormat: LogFormat
    let logLevel: Logger.Level
    let idleTimeoutSeconds: Int
    let drainTimeoutSeconds: Int
    let orphanSweepIntervalSeconds: Int
    /// Things that the collector of this process looks at in a second; 0 for none.
    let collectorRate: Int
    /// The hours in which it works; `nil` for all.
    let collectorWindow: CollectionWindow?
    /// Who may read metrics without a credential.
    let metricsAllowed: [CIDRBlock]
    /// What counts where no project or group has periods of its own.
    let periods: CollectionPeriods
    /// Bytes a second that the scrub reads; 0 for none.
    let scrubBandwidth: Int
    let registryTokenLifetimeSeconds: Int
    let initialAdminToken: String?

    /// Checks every value.
    ///
    /// - Throws: `CommandError` that names the setting, its value and what it should be.
    init(_ effective: EffectiveSettings) throws {
        let reading = SettingReading(effective: effective)
        dataFolder = try reading.requireText(.data)
        blobsFolder = try reading.findText(.blobs) ?? dataFolder
        if let url = try reading.findText(.databaseURL) {
            database = .postgres(url: try reading.checkDatabaseURL(url))
        } else {
            database = .sqlite(path: dataFolder + "/packhouse.sqlite3")
        }
        databaseConnections = try reading.requireNumber(.databaseConnections)
        listen = try reading.requireListen()
        externalURL = try reading.findExternalURL()
        tls = try reading.findTLS()
        trustedProxies = try reading.listAddresses(.trustedProxies)
        metricsAllowed = try reading.listAddresses(.metricsAllow)
        let format = try reading.findChoice(.logFormat) ?? (isatty(2) == 1 ? "text" : "json")
        logFormat = LogFormat(rawValue: format) ?? .json
        logLevel = Logger.Level(rawValue: try reading.findChoice(.logLevel) ?? "info") ?? .info
        idleTimeoutSeconds = try reading.requireNumber(.idleTimeoutSeconds)
        drainTimeoutSeconds = try reading.requireNumber(.drainTimeoutSeconds)
        orphanSweepIntervalSeconds = try reading.requireNumber(.orphanSweepIntervalSeconds)
        collectorRate = try reading.requireNumber(.collectorRate)
        collectorWindow = try reading.findCollectorWindow()
        var periods = CollectionPeriods()
        periods.trash = try reading.requirePeriod(.trashPeriod)
        periods.untagged = try reading.requirePeriod(.untaggedPeriod)
        periods.unreferencedBlob = try reading.requireUnreferencedSeconds()
        self.periods = periods
        scrubBandwidth = try reading.requireNumber(.scrubBandwidth)
        registryTokenLifetimeSeconds = try reading.requireNumber(.registryTokenLifetime)
        initialAdminToken = try reading.findInitialAdminToken()
    }
}

/// Reads single values out of the effective settings and checks them.
private struct SettingReading {
    /// The shortest secret that may become the first administrator's token, in characters.
    static let tokenMinimumCharacters = 20

    let effective: EffectiveSettings

    func findText(_ setting: Setting) throws -> String? {
        guard let value = effective[setting] else { return nil }
        guard !value.text.isEmpty else { throw refusal(setting, "is empty") }
        return value.text
    }

    func requireText(_ setting: Setting) throws -> String {
        guard let text = try findText(setting) else { throw refusal(setting, "is not set") }
        return text
    }

    func requireNumber(_ setting: Setting) throws -> Int {
        let text = try requireText(setting)
        guard case .number(let range) = setting.kind, let number = Int(text),
            range.contains(number)
        else {
            throw refusal(setting, "'\(text)' is not a whole number" + bounds(setting))
        }
        return number
    }

    func requirePeriod(_ setting: Setting) throws -> KeepingPeriod {
        let text = try requireText(setting)
        do throws(RegistryError) {
            return try KeepingPeriod(parsing: text)
        } catch {
            throw refusal(setting, "cannot be used: \(error.message)")
        }
    }

    /// A run of the collector would not end if what it releases were due at once.
    func requireUnreferencedSeconds() throws -> Int64 {
        let period = try requirePeriod(.unreferencedPeriod)
        let minimum = CollectionPeriods.unreferencedMinimumSeconds
        guard let seconds = period.seconds, seconds >= minimum else {
            throw refusal(
                .unreferencedPeriod,
                "cannot be used: '\(period)' is not at least \(KeepingPeriod(seconds: minimum)), "
                    + "and not never")
        }
        return seconds
    }

    func findChoice(_ setting: Setting) throws -> String? {
        guard let text = try findText(setting) else { return nil }
        guard case .choice(let choices) = setting.kind, choices.contains(text) else {
            throw refusal(setting, "'\(text)' is none of " + choices(setting))
        }
        return text
    }

    func checkDatabaseURL(_ url: String) throws -> String {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw refusal(
                .databaseURL,
                "'\(Setting.databaseURL.shown(url))' does not begin with postgres://; leave it "
                    + "out to use SQLite in the data folder")
        }
        return url
    }

    func requireListen() throws -> Settings.Listen {
        let text = try requireText(.listen)
        let wrong = refusal(
            .listen, "'\(text)' is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { throw wrong }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw wrong
        }
        guard !host.isEmpty else { throw wrong }
        return Settings.Listen(host: host, port: Int(port))
    }

    func findExternalURL() throws -> PublicOrigin? {
        guard let text = try findText(.externalURL) else { return nil }
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = url.host, !host.isEmpty,
            url.query == nil, url.fragment == nil, url.user == nil
        else {
            throw refusal(
                .externalURL, "'\(text)' is not an address such as https://packages.example.com")
        }
        var prefix = url.percentEncodedPath
        while prefix.hasSuffix("/") { prefix.removeLast() }
        let port = url.port.map { ":\($0)" } ?? ""
        let isDefaultPort = port == (scheme == "https" ? ":443" : ":80")
        return PublicOrigin(
            scheme: scheme, authority: host + (isDefaultPort ? "" : port), pathPrefix: prefix)
    }

    func findTLS() throws -> Settings.TLS? {
        switch (try findText(.tlsCert), try findText(.tlsKey)) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            for (setting, path) in [(Setting.tlsCert, certificate), (.tlsKey, key)]
            where !FileManager.default.isReadableFile(atPath: path) {
                throw refusal(setting, "cannot read the file '\(path)'")
            }
            return Settings.TLS(certificatePath: certificate, keyPath: key)
        case (_?, nil): throw refusal(.tlsKey, "is missing beside --tls-cert")
        case (nil, _?): throw refusal(.tlsCert, "is missing beside --tls-key")
        }
    }

    func findCollectorWindow() throws -> CollectionWindow? {
        guard let text = try findText(.collectorWindow) else { return nil }
        guard let window = CollectionWindow(parsing: text) else {
            throw refusal(
                .collectorWindow, "'\(text)' are no hours such as 01:00-05:00 or 22:00-04:00")
        }
        return window
    }

    func listAddresses(_ setting: Setting) throws -> [CIDRBlock] {
        let text = try findText(setting) ?? ""
        return try text.split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
            .map { item in
                guard let block = CIDRBlock(parsing: item) else {
                    throw refusal(
                        setting,
                        "'\(item)' is not an address or a range such as 10.0.0.0/8")
                }
                return block
            }
    }

    func findInitialAdminToken() throws -> String? {
        guard let token = try findText(.initialAdminToken) else { return nil }
        guard token.count >= Self.tokenMinimumCharacters else {
            throw refusal(
                .initialAdminToken, "needs \(Self.tokenMinimumCharacters) characters or more")
        }
        return token
    }

    /// An error that begins with the setting's name where its value came from.
    func refusal(_ setting: Setting, _ what: String) -> CommandError {
        CommandError("\(effective.label(of: setting)) \(what)")
    }

    private func bounds(_ setting: Setting) -> String {
        guard case .number(let range) = setting.kind else { return "" }
        return " from \(range.lowerBound) to \(range.upperBound)"
    }

    private func choices(_ setting: Setting) -> String {
        guard case .choice(let choices) = setting.kind else { return "" }
        return choices.joined(separator: ", ")
    }
}
