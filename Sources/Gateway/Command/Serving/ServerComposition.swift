import BlobStorage
import Database
import GarbageCollection
import GatewayServer
import Logging
import MetadataStorage
import Metrics
import NIOCore
import NIOPosix
import Registry
import ServiceLifecycle
import UnixSignals

/// Puts the parts together and runs them until the process is told to end.
struct ServerComposition: Sendable {
    /// Threads for calls on files, which block.
    static let fileThreadCount = 16
    /// Seconds after the drain timeout until whatever still runs is cancelled.
    static let shutdownReserveSeconds = 5

    let settings: Settings
    let logger: Logger

    /// Serves until SIGTERM or SIGINT.
    ///
    /// - Throws: `CommandError` for what the person who starts the server can put right.
    func run() async throws {
        let database = try await OpenedDatabase.open(settings, mayCreate: true, logger: logger)
        try await database.closing {
            let status = try await database.migrate()
            logger.debug("the schema is up to date", metadata: ["steps": "\(status.applied.count)"])
            do {
                let administrator = FirstAdministrator(
                    metadata: database.metadata, clock: SystemClock())
                let periods = settings.periods
                try await database.metadata.write { tx in
                    try tx.adoptPeriods(periods, at: SystemClock().now())
                }
                FirstAdministrator.announce(
                    try await administrator.create(token: settings.initialAdminToken))
                try await serve(database)
            } catch let error as RegistryError {
                throw CommandError(Console.describe(error))
            }
        }
    }

    private func serve(_ database: OpenedDatabase) async throws {
        let threads = NIOThreadPool(numberOfThreads: Self.fileThreadCount)
        threads.start()
        let result = await Result.capturing {
            let blobs = try FileBlobStore(root: settings.blobsFolder, threadPool: threads)
            let signer = await TokenSigner(
                key: try loadSigningKey(),
                lifetimeSeconds: Int64(settings.registryTokenLifetimeSeconds))
            do {
                try await serviceGroup(database, blobs, signer).run()
            } catch {
                throw StartFailure.explain(error, settings)
            }
        }
        try await threads.shutdownGracefully()
        try result.get()
    }

    private func loadSigningKey() throws -> SigningKey {
        try OpenedDatabase.makeDataFolder(settings)
        do {
            return try SigningKey.load(fromFolder: settings.dataFolder)
        } catch {
            throw CommandError(error.description)
        }
    }

    private func serviceGroup(
        _ database: OpenedDatabase, _ blobs: some RepairableBlobStore, _ signer: TokenSigner
    ) throws -> ServiceGroup {
        let blobs = CachedBlobStore(blobs)
        let services = RegistryServices(metadata: database.metadata, blobs: blobs)
        let listening = ListeningAnnouncement(settings: settings, logger: logger)
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        let collector = makeCollector(database, blobs, metrics)
        let gateway = Gateway(
            formats: Formats.all, version: PackhouseVersion.current, services: services,
            hasher: PasswordHasher(), signer: signer,
            origins: OriginResolver(
                externalOrigin: settings.externalURL, trustedProxies: settings.trustedProxies),
            collector: collector, metrics: metrics, metricsAllowed: settings.metricsAllowed,
            logger: logger)
        // The announcement says where it listens; the library's own line would say it again.
        var serverLogger = logger
        if settings.logLevel == .info { serverLogger.logLevel = .notice }
        let server = GatewayHTTPServer(
            settings: try httpSettings(), responder: gateway, logger: serverLogger,
            accessLogger: logger, metrics: RequestMetrics(factory: metrics),
            onListening: { port in listening.announce(port: port) })
        let sweep = OrphanSweepService(
            sweeper: OrphanSweeper(
                store: blobs, metadata: database.metadata,
                onFailure: { [logger] entry, error in
                    logger.warning(
                        "an orphan cannot be removed",
                        metadata: ["entry": "\(entry)", "error": "\(error)"])
                }),
            intervalSeconds: settings.orphanSweepIntervalSeconds, logger: logger)
        // Services are shut down in reverse order: the announcement, then the server, which drains
        // before anything that requests need ends. What was downloaded is written down last.
        var running: [any Service] = [
            PullFlushService(services: services, logger: logger), gateway.poller, sweep,
        ]
        if settings.collectorRate > 0 {
            running.append(
                CollectorService(
                    collector: collector, worksPerSecond: settings.collectorRate,
                    window: settings.collectorWindow, logger: logger))
        }
        running.append(
            RetentionService(
                runner: RetentionRunner(
                    metadata: database.metadata, clock: SystemClock(),
                    formatRules: FormatRules(Formats.all)),
                logger: logger))
        running += scrub(database, blobs)
        running += [server, DrainAnnouncement(logger: logger)]
        var configuration = ServiceGroupConfiguration(
            services: running,
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = Duration.seconds(
            settings.drainTimeoutSeconds + Self.shutdownReserveSeconds)
        return ServiceGroup(configuration: configuration)
    }

    private func makeCollector(
        _ database: OpenedDatabase, _ blobs: some BlobStore, _ metrics: PrometheusRegistry
    ) -> Collector {
        let log = CollectorLog(logger: logger)
        let counters = CollectorMetrics(factory: metrics)
        var collecting = Collector.Settings()
        collecting.periods = settings.periods
        return Collector(
            metadata: database.metadata, blobs: blobs, settings: collecting,
            onEvent: { event in
                log.record(event)
                counters.record(event)
            })
    }

    private func httpSettings() throws -> HTTPServerSettings {
        HTTPServerSettings(
            host: settings.listen.host, port: settings.listen.port,
            tls: settings.tls.map {
                HTTPServerSettings.TLSFiles(
                    certificatePath: $0.certificatePath, privateKeyPath: $0.keyPath)
            },
            idleTimeoutSeconds: Double(settings.idleTimeoutSeconds),
            drainTimeoutSeconds: Double(settings.drainTimeoutSeconds),
            trustedProxies: settings.trustedProxies)
    }
}

/// Says where the server listens, for people and for programs that start it.
struct ListeningAnnouncement: Sendable {
    let settings: Settings
    let logger: Logger

    /// Logs one line with the address to open, whatever the level: whoever started the server waits
    /// for it.
    func announce(port: Int) {
        var logger = logger
        logger.logLevel = min(logger.logLevel, .notice)
        logger.notice(
            "Packhouse \(PackhouseVersion.current) is listening on \(url(port: port))",
            metadata: ["data": "\(settings.dataFolder)", "database": "\(databaseName)"])
    }

    /// `http://127.0.0.1:8080`; an address that stands for all of them reads `localhost`.
    private func url(port: Int) -> String {
        let scheme = settings.tls == nil ? "http" : "https"
        let host =
            switch settings.listen.host {
            case "0.0.0.0", "::": "localhost"
            case let host where host.contains(":"): "[\(host)]"
            case let host: host
            }
        return "\(scheme)://\(host):\(port)"
    }

    private var databaseName: String {
        switch settings.database {
        case .sqlite: "SQLite"
        case .postgres: "PostgreSQL"
        }
    }
}

/// Says that the server is about to end, and what it waits for.
struct DrainAnnouncement: Service {
    let logger: Logger

    func run() async throws {
        try await gracefulShutdown()
        logger.notice("draining: no new connections, running requests may finish")
    }
}

extension Result where Failure == any Error {
    /// What `body` returns or throws, so that something can be closed before it counts.
    static func capturing(
        _ body: () async throws -> Success
    ) async -> Result<Success, any Error> {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
