import Foundation
import GatewayServer
import Registry
import TestSupport
import Testing

@testable import packhouse

@Suite struct SettingsTests {
    private func load(
        _ flags: [Setting: String] = [:], _ environment: [String: String] = [:]
    ) throws -> EffectiveSettings {
        try EffectiveSettings(flags: flags, environment: environment)
    }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func flagsComeBeforeTheEnvironmentAndTheFile() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(
            "listen: 1.1.1.1:1\nlog-level: error\ntls-cert: c\nidle-timeout-seconds: 7\n",
            to: "a.yaml")
        let settings = try load(
            [.config: file, .listen: "3.3.3.3:3"],
            ["PACKHOUSE_LISTEN": "2.2.2.2:2", "PACKHOUSE_LOG_LEVEL": "debug"])
        #expect(settings[.listen] == .init(text: "3.3.3.3:3", source: .flag))
        #expect(settings[.logLevel] == .init(text: "debug", source: .environment))
        #expect(settings[.idleTimeoutSeconds] == .init(text: "7", source: .file(file)))
        #expect(
            settings[.drainTimeoutSeconds] == .init(text: "30", source: .builtIn))
        #expect(settings[.databaseURL] == nil)
    }

    @Test func everySettingIsReadFromEveryPlace() throws {
        let folder = try TemporaryFolder()
        for setting in Setting.all where setting.isKey {
            let file = try folder.write("\(setting.name): value\n", to: "\(setting.name).yaml")
            let fromFile = try load([.config: file])
            #expect(fromFile[setting]?.text == "value", "\(setting.name) in the file")
        }
        for setting in Setting.all where setting != .config {
            let found = try load([:], [setting.environmentName: "value"])[setting]
            #expect(found == .init(text: "value", source: .environment), "\(setting.name)")
        }
    }

    @Test func listsInTheFileAreJoined() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(
            "trusted-proxies:\n  - 10.0.0.0/8\n  - '::1'\n", to: "a.yaml")
        let settings = try Settings(load([.config: file]))
        #expect(settings.trustedProxies.map(\.description) == ["10.0.0.0/8", "::1/128"])
    }

    @Test func anEmptyFileAndEmptyVariablesSetNothing() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("# nothing yet\n", to: "a.yaml")
        let settings = try load([:], ["PACKHOUSE_CONFIG": file, "PACKHOUSE_LISTEN": ""])
        #expect(settings[.listen]?.source == .builtIn)
    }

    @Test(arguments: [
        ("PACKHOUSE_LISTEM", "PACKHOUSE_LISTEN"),
        ("PACKHOUSE_DATABSE_URL", "PACKHOUSE_DATABASE_URL"),
        ("PACKHOUSE_TLS_CRET", "PACKHOUSE_TLS_CERT"), ("PACKHOUSE_PORT", nil),
    ])
    func unknownVariablesAreRefused(name: String, nearest: String?) {
        let text = message { _ = try load([:], [name: "1"]) }
        #expect(text.contains("unknown environment variable \(name); did you mean '"))
        if let nearest { #expect(text.contains("'\(nearest)'")) }
    }

    @Test func variablesOfAKubernetesServiceAreIgnored() throws {
        _ = try load(
            [:],
            [
                "PACKHOUSE_PORT": "tcp://10.0.0.11:8080", "PACKHOUSE_SERVICE_HOST": "10.0.0.11",
                "PACKHOUSE_SERVICE_PORT": "8080", "PACKHOUSE_SERVICE_PORT_HTTP": "8080",
                "PACKHOUSE_PORT_8080_TCP": "tcp://10.0.0.11:8080",
                "PACKHOUSE_PORT_8080_TCP_PROTO": "tcp", "PACKHOUSE_PORT_8080_TCP_PORT": "8080",
                "PACKHOUSE_PORT_8080_TCP_ADDR": "10.0.0.11",
            ])
    }

    @Test(arguments: [
        ("listne: x", "a.yaml:1: unknown setting 'listne'; did you mean 'listen'?"),
        (
            "data: d\ndatabase_url: x",
            "a.yaml:2: unknown setting 'database_url'; did you mean "
                + "'database-url'?"
        ),
        ("initial-admin-token: x", "unknown setting 'initial-admin-token'"),
        ("config: b.yaml", "unknown setting 'config'"),
        ("listen:\n  host: x", "'listen' takes one value"),
        ("- a\n- b", "has to hold lines"),
        ("a: [", "is not valid YAML"),
    ])
    func badFilesAreRefused(text: String, expected: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(text, to: "a.yaml")
        #expect(message { _ = try load([.config: file]) }.contains(expected))
    }

    @Test func aMissingFileIsNamed() {
        let text = message { _ = try load([.config: "/nowhere/a.yaml"]) }
        #expect(text.contains("cannot read the configuration file /nowhere/a.yaml"))
    }

    @Test(arguments: [
        (Setting.listen, "8080", "--listen '8080' is not HOST:PORT"),
        (.listen, "::1:80", "is not HOST:PORT"), (.listen, "127.0.0.1:70000", "is not HOST:PORT"),
        (.listen, ":8080", "is not HOST:PORT"),
        (.databaseURL, "mysql://me:pw@h/d", "'mysql://me:***@h/d' does not begin with postgres://"),
        (.externalURL, "packages.example.com", "is not an address such as"),
        (.externalURL, "ftp://x", "is not an address"), (.externalURL, "http://x/?a", "is not"),
        (.tlsCert, "/dev/null", "--tls-key is missing beside --tls-cert"),
        (.tlsKey, "/dev/null", "--tls-cert is missing beside --tls-key"),
        (.trustedProxies, "10.0.0.0/33", "'10.0.0.0/33' is not an address or a range"),
        (.logFormat, "xml", "--log-format 'xml' is none of json, text"),
        (.logLevel, "loud", "--log-level 'loud' is none of trace, debug"),
        (.idleTimeoutSeconds, "0", "'0' is not a whole number from 1 to 86400"),
        (.drainTimeoutSeconds, "1.5", "is not a whole number"),
        (.databaseConnections, "many", "is not a whole number from 2 to 500"),
        (.orphanSweepIntervalSeconds, "1", "is not a whole number from 60"),
        (.unreferencedPeriod, "59s", "'59s' is not at least 1m"),
        (.unreferencedPeriod, "never", "'never' is not at least 1m"),
        (.unreferencedPeriod, "soon", "'soon' is no period"),
        (.data, "", "--data is empty"),
    ])
    func badValuesAreExplained(setting: Setting, value: String, expected: String) throws {
        let text = message { _ = try Settings(load([setting: value])) }
        #expect(text.contains(expected), "\(text)")
    }

    @Test func aBadValueIsNamedAsItsPlaceNamesIt() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("listen: nowhere\n", to: "a.yaml")
        #expect(
            message { _ = try Settings(load([.config: file])) }
                .hasPrefix("\(file): listen 'nowhere'"))
        #expect(
            message { _ = try Settings(load([:], ["PACKHOUSE_LISTEN": "nowhere"])) }
                .hasPrefix("PACKHOUSE_LISTEN 'nowhere'"))
    }

    @Test func shortAdministratorTokensAreRefusedWithoutBeingShown() {
        let text = message {
            _ = try Settings(load([:], ["PACKHOUSE_INITIAL_ADMIN_TOKEN": "too-short-secret"]))
        }
        #expect(text == "PACKHOUSE_INITIAL_ADMIN_TOKEN needs 20 characters or more")
    }

    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:0", "::1", 0),
        ("example.com:443", "example.com", 443),
    ])
    func listenAddressesAreRead(text: String, host: String, port: Int) throws {
        let settings = try Settings(load([.listen: text]))
        #expect(settings.listen == .init(host: host, port: port))
    }

    @Test(arguments: [
        ("https://a.example", "https://a.example"), ("https://a.example:443/", "https://a.example"),
        ("http://a:8080/pkgs/", "http://a:8080/pkgs"), ("http://a:80", "http://a"),
    ])
    func externalAddressesAreRead(text: String, origin: String) throws {
        let settings = try Settings(load([.externalURL: text]))
        #expect(settings.externalURL?.description == origin)
    }

    @Test(arguments: [
        ("postgres://me:secret@h:1/d?x=y", "postgres://me:***@h:1/d?x=y"),
        ("postgres://me@h/d", "postgres://me@h/d"),
        ("postgres://h/d?user=me&password=secret&x=y", "postgres://h/d?user=me&password=***&x=y"),
        ("postgres://me:p@ss:w@h/d", "postgres://me:***@h/d"),
    ])
    func passwordsAreMasked(url: String, shown: String) {
        #expect(Setting.databaseURL.shown(url) == shown)
    }

    @Test(arguments: [
        ("listen", "listen", 0), ("lisen", "listen", 1), ("lsiten", "listen", 1),
        ("", "data", 4), ("kitten", "sitting", 3),
    ])
    func distancesAreCounted(left: String, right: String, distance: Int) {
        #expect(NearestName.distance(left, right) == distance)
        #expect(NearestName.distance(right, left) == distance)
    }
}
