import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOSSL
import NIOTLS

/// A connection whose requests wait to be answered.
struct ServerConnection: ServerChildChannelValue {
    let channel: any Channel
    let exchanges: AsyncStream<HTTPExchange>
}

/// Builds the pipeline of a new connection, and answers what comes in on it.
struct ConnectionSetup: ServerChildChannel {
    /// Bytes of a body that an HTTP/2 client may send ahead, for each stream.
    static let streamWindowBytes = 1024 * 1024
    /// Bytes of bodies that an HTTP/2 client may send ahead on the whole connection.
    static let connectionWindowBytes = 4 * 1024 * 1024

    let settings: HTTPServerSettings
    /// `nil` for a server in clear.
    let tls: NIOSSLContext?
    /// Answers one exchange.
    let serve: @Sendable (HTTPExchange) async -> Void

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<ServerConnection> {
        let (exchanges, continuation) = AsyncStream.makeStream(of: HTTPExchange.self)
        channel.closeFuture.whenComplete { _ in continuation.finish() }
        return channel.eventLoop.makeCompletedFuture {
            if let tls {
                try addTLS(tls, to: channel, continuation)
            } else {
                try addHTTP1(to: channel, isSecure: false, continuation)
            }
            return ServerConnection(channel: channel, exchanges: exchanges)
        }
    }

    func handle(value: ServerConnection, logger: Logger) async {
        await withTaskCancellationHandler {
            await withTaskExecutorPreference(EventLoopTaskExecutor(value.channel.eventLoop)) {
                await answer(value.exchanges)
            }
        } onCancel: {
            value.channel.close(promise: nil)
        }
    }

    private func answer(_ exchanges: AsyncStream<HTTPExchange>) async {
        await withDiscardingTaskGroup { group in
            for await exchange in exchanges {
                if exchange.isStream {
                    group.addTask { await serve(exchange) }
                } else {
                    await serve(exchange)
                }
            }
        }
    }

    // MARK: Pipelines

    private func addTLS(
        _ tls: NIOSSLContext, to channel: any Channel,
        _ exchanges: AsyncStream<HTTPExchange>.Continuation
    ) throws {
        let timeout = channel.eventLoop.scheduleTask(
            in: .nanoseconds(Int64(settings.idleTimeoutSeconds * 1_000_000_000))
        ) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in timeout.cancel() }
        try channel.pipeline.syncOperations.addHandlers(
            NIOSSLServerHandler(context: tls),
            ApplicationProtocolNegotiationHandler { result, channel in
                timeout.cancel()
                return channel.eventLoop.makeCompletedFuture {
                    switch result {
                    case .negotiated("h2"):
                        try addHTTP2(to: channel, exchanges)
                    case .negotiated("http/1.1"), .fallback:
                        try addHTTP1(to: channel, isSecure: true, exchanges)
                    case .negotiated:
                        throw ChannelError.operationUnsupported
                    }
                }
            })
    }

    private func addHTTP1(
        to channel: any Channel, isSecure: Bool,
        _ exchanges: AsyncStream<HTTPExchange>.Continuation
    ) throws {
        // The exchange handler reads when somebody wants what there is to read.
        try channel.syncOptions?.setOption(.autoRead, value: false)
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = settings.headerLimitBytes
        limits.maxHeaderListSize = settings.headerLimitBytes
        limits.maxHeaderFieldCount = settings.headerLimitCount
        let link = ConnectionLink(
            eventLoop: channel.eventLoop, isStream: false, isSecure: isSecure,
            peerAddress: Self.peerAddress(of: channel))
        try channel.pipeline.syncOperations.addHandlers(
            HTTP1ResponseEncoder(),
            ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits),
                maximumBufferSize: settings.headerLimitBytes),
            HTTPExchangeHandler(settings: settings, link: link, exchanges: exchanges))
    }

    private func addHTTP2(
        to channel: any Channel, _ exchanges: AsyncStream<HTTPExchange>.Continuation
    ) throws {
        let peerAddress = Self.peerAddress(of: channel)
        let settings = settings
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop,
            configuration: .init(
                maxIdleTime: .nanoseconds(Int64(settings.idleTimeoutSeconds * 1_000_000_000)),
                maxAge: nil, maxGraceTime: nil, keepalive: nil))
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: settings.streamLimitCount),
            HTTP2Setting(parameter: .maxHeaderListSize, value: settings.headerLimitBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindowBytes),
        ]
        connection.targetWindowSize = Self.connectionWindowBytes
        var streams = NIOHTTP2Handler.StreamConfiguration()
        streams.targetWindowSize = Self.streamWindowBytes
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: connection,
            streamConfiguration: streams, streamDelegate: manager.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.syncOptions?.setOption(.autoRead, value: false)
                let link = ConnectionLink(
                    eventLoop: stream.eventLoop, isStream: true, isSecure: true,
                    peerAddress: peerAddress)
                try stream.pipeline.syncOperations.addHandlers(
                    HTTP2FramePayloadToHTTP1ServerCodec(),
                    HTTPExchangeHandler(settings: settings, link: link, exchanges: exchanges))
            }
        }
        try channel.pipeline.syncOperations.addHandlers(handler, manager)
    }

    /// The address of the other end, an IPv4 address in its own form.
    private static func peerAddress(of channel: any Channel) -> String {
        guard let text = channel.remoteAddress?.ipAddress else { return "unknown" }
        return NetworkAddress(parsing: text)?.description ?? text
    }
}
