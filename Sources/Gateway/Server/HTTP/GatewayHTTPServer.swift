import HTTPTypes
import HummingbirdCore
public import Logging
import NIOCertificateReloading
public import NIOCore
public import NIOPosix
import NIOSSL
import Registry
public import ServiceLifecycle

/// The HTTP server: HTTP/1.1 in clear, or TLS with HTTP/2 and HTTP/1.1, in front of a responder.
///
/// A graceful shutdown stops accepting, lets requests in flight finish until the drain timeout, and
/// then closes what is left.
public struct GatewayHTTPServer: Service {
    /// The longest queue of connections that nobody accepted yet.
    private static let acceptQueueLimitCount = 1024

    private let settings: HTTPServerSettings
    private let responder: any RequestResponder
    private let logger: Logger
    private let accessLog: AccessLog?
    private let metrics: RequestMetrics?
    private let eventLoopGroup: any EventLoopGroup
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// A server that answers with `responder` once it runs.
    ///
    /// - Parameters:
    ///   - logger: for what happens to the server itself.
    ///   - accessLogger: gets one line a request; `nil` for none.
    ///   - metrics: counts every request; `nil` for none.
    ///   - onListening: called once with the port that the server listens on.
    public init(
        settings: HTTPServerSettings, responder: any RequestResponder, logger: Logger,
        accessLogger: Logger?, metrics: RequestMetrics? = nil,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.responder = responder
        self.logger = logger
        self.accessLog = accessLogger.map { AccessLog(logger: $0) }
        self.metrics = metrics
        self.eventLoopGroup = eventLoopGroup
        self.onListening = onListening
    }

    /// Serves until the task is cancelled or the service is shut down.
    ///
    /// - Throws: when the address cannot be listened on, or the certificate cannot be read.
    public func run() async throws {
        let certificate = try settings.tls.map { try ServerCertificate($0, logger: logger) }
        let responder = responder
        let (accessLog, metrics) = (accessLog, metrics)
        let setup = ConnectionSetup(settings: settings, tls: certificate?.context) { exchange in
            await Self.serve(exchange, with: responder, accessLog, metrics)
        }
        let server = Server(
            childChannelSetup: setup,
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: settings.port),
                backlog: Self.acceptQueueLimitCount,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    settings.connectionLimitCount)),
            onServerRunning: { [onListening] channel in
                await onListening(channel.localAddress?.port ?? 0)
            },
            eventLoopGroup: eventLoopGroup, logger: logger)
        try await run(server, certificate)
    }

    /// What `run` waits for.
    private enum Ended {
        case server
        case certificate
        case drainTimeout
    }

    private func run(_ server: some Service, _ certificate: ServerCertificate?) async throws {
        let drainTimeoutSeconds = settings.drainTimeoutSeconds
        try await withThrowingTaskGroup(of: Ended.self) { group in
            group.addTask {
                try await server.run()
                return .server
            }
            if let certificate {
                group.addTask {
                    try await certificate.reloader.run()
                    return .certificate
                }
            }
            group.addTask { [logger] in
                try await gracefulShutdown()
                try await Task.sleep(for: .seconds(drainTimeoutSeconds))
                logger.warning("requests were still running at the end of the drain timeout")
                return .drainTimeout
            }
            while let ended = try await group.next(), ended == .certificate {}
            // Cancelling closes the connections that are left.
            group.cancelAll()
        }
    }

    private static func serve(
        _ exchange: HTTPExchange, with responder: any RequestResponder, _ accessLog: AccessLog?,
        _ metrics: RequestMetrics?
    ) async {
        let start = ContinuousClock.now
        let sentID = ResponseHeadFields.requestIDName.flatMap { exchange.request.headers[$0] }
        let trace = RequestTrace(requestID: RequestID.choose(sent: sentID))
        let response = await responder.respond(
            to: exchange.request, body: exchange, trace: trace)
        let outcome = await ResponseSender(exchange: exchange, requestID: trace.requestID)
            .send(response)
        if let metrics {
            let takesBody = exchange.request.method != .get && exchange.request.method != .head
            metrics.record(
                trace.operation, status: outcome.status.code,
                duration: ContinuousClock.now - start,
                receivedBytes: takesBody ? exchange.receivedBytes : 0,
                sentBytes: outcome.bodyBytes)
        }
        accessLog?.record(exchange, trace, outcome, since: start)
    }
}
