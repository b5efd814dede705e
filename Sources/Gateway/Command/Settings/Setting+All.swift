extension Setting {
    static let config = Setting(
        "config", "FILE", isKey: false,
        help: "a YAML file with settings; keys are the names of the flags")
    static let data = Setting(
        "data", "DIR", default: "./packhouse-data",
        help: "the folder for everything that is kept on this machine")
    static let blobs = Setting(
        "blobs", "DIR",
        help: "the folder for the bytes of packages, where it is not the data folder")
    static let databaseURL = Setting(
        "database-url", "URL", secrecy: .hasPassword,
        help: "postgres://USER:PASSWORD@HOST/DATABASE; without it, SQLite in the data folder")
    static let databaseConnections = Setting(
        "database-connections", "COUNT", kind: .number(2...500), default: "16",
        help: "the most connections to the database that one process holds")
    static let listen = Setting(
        "listen", "HOST:PORT", default: "127.0.0.1:8080",
        help: "the address to accept connections on; port 0 takes any that is free")
    static let externalURL = Setting(
        "external-url", "URL",
        help: "the address that clients use, where it is not the one in their requests")
    static let tlsCert = Setting(
        "tls-cert", "FILE",
        help: "certificate chain in PEM; serves HTTPS with HTTP/2, and is read again on change")
    static let tlsKey = Setting(
        "tls-key", "FILE",
        help: "private key of the certificate in PEM")
    static let trustedProxies = Setting(
        "trusted-proxies", "CIDR,…",
        help: "addresses of proxies whose X-Forwarded-* headers are believed")
    static let logFormat = Setting(
        "log-format", "json|text", kind: .choice(["json", "text"]),
        help: "one JSON object a line, or text; text on a terminal and json elsewhere unless set")
    static let logLevel = Setting(
        "log-level", "LEVEL",
        kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
        default: "info",
        help: "the least important messages that are logged")
    static let idleTimeoutSeconds = Setting(
        "idle-timeout-seconds", "SECONDS", kind: .number(1...86_400), default: "60",
        help: "how long a connection may be silent; a transfer that goes on has no limit")
    static let drainTimeoutSeconds = Setting(
        "drain-timeout-seconds", "SECONDS", kind: .number(0...86_400), default: "30",
        help: "how long running requests may go on after SIGTERM")
    static let orphanSweepIntervalSeconds = Setting(
        "orphan-sweep-interval-seconds", "SECONDS", kind: .number(60...2_592_000),
        default: "21600",
        help: "how often the blob store is searched for bytes that no row names")
    static let collectorRate = Setting(
        "collector-rate", "COUNT", kind: .number(0...1_000_000), default: "2000",
        help: "how many things a second this process looks at to collect garbage; 0 for none")
    static let collectorWindow = Setting(
        "collector-window", "HH:MM-HH:MM",
        help: "the hours, in UTC, in which this process collects garbage by itself; all unless set")
    static let metricsAllow = Setting(
        "metrics-allow", "CIDR,…",
        help: "addresses that may read /metrics without an administrator's token")
    static let trashPeriod = Setting(
        "trash-period", "PERIOD", default: "7d",
        help: "how long what was deleted can be restored where no project or group says: 7d, 12h, "
            + "0, never")
    static let untaggedPeriod = Setting(
        "untagged-period", "PERIOD", default: "7d",
        help: "how long an image is kept that no tag names, where no project or group says")
    static let unreferencedPeriod = Setting(
        "unreferenced-period", "PERIOD", default: "1d",
        help: "how long the bytes of a file are kept that no version has any more, at least 1m")
    static let scrubBandwidth = Setting(
        "scrub-bandwidth", "BYTES", kind: .number(0...1_000_000_000_000), default: "4194304",
        help: "how many bytes a second are read to find damaged blobs, over all processes; 0 for "
            + "none")
    static let registryTokenLifetime = Setting(
        "registry-token-lifetime", "SECONDS", kind: .number(60...86_400), default: "300",
        help: "how long the tokens count that container clients fetch to pull and push")
    static let initialAdminToken = Setting(
        "initial-admin-token", "TOKEN", secrecy: .secret, isFlag: false, isKey: false,
        help: "at the very first start, the access token of the administrator root, "
            + "20 characters or more")

    /// Every setting there is, in the order in which people are shown them.
    static let all: [Setting] = [
        config, data, blobs, databaseURL, databaseConnections, listen, externalURL, tlsCert,
        tlsKey, trustedProxies, logFormat, logLevel, idleTimeoutSeconds, drainTimeoutSeconds,
        orphanSweepIntervalSeconds, collectorRate, collectorWindow, trashPeriod, untaggedPeriod,
        unreferencedPeriod,
        metricsAllow, scrubBandwidth,
        registryTokenLifetime, initialAdminToken,
    ]
}
