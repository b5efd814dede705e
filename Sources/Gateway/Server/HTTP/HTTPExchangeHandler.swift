import HTTPTypes
import NIOCore
import NIOHTTP1
import Registry

/// What a connection, or a stream of HTTP/2, does between the parser and the tasks that answer.
///
/// One request at a time: what a client sends behind it waits. It reads only what somebody wants,
/// answers what is malformed, keeps the timeouts, and decides whether the connection lives on.
final class HTTPExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// The most unread bytes of a refused body for which a connection is kept for the next request.
    static let keptAliveRefusedBodyBytes: Int64 = 64 * 1024

    /// How long a client may take to notice that it is being closed on.
    static let lingerLimit = TimeAmount.seconds(2)

    enum Phase {
        /// Ready for a request.
        case awaitingHead
        /// A task answers; the body may still come.
        case serving
        /// The answer is sent; what is left of the body is read and thrown away.
        case draining
        /// The last answer is sent; whatever comes is thrown away until the client closes.
        case lingering
        case closed
    }

    /// What all connections share.
    let settings: HTTPServerSettings
    /// What this connection is.
    let link: ConnectionLink
    /// Takes the requests to the tasks that answer.
    let exchanges: AsyncStream<HTTPExchange>.Continuation

    var phase = Phase.awaitingHead
    var context: ChannelHandlerContext?
    var exchange: HTTPExchange?
    /// Parts of requests behind the one that is being answered.
    var backlog = CircularBuffer<HTTPServerRequestPart>()
    /// Whether the request in hand has arrived to its end.
    var requestEnded = false
    /// Whether nothing more can be read: a parse error, a timeout, or the client's end.
    var inputFailed = false
    /// The client has ended its side of the connection.
    var inputClosed = false
    /// The client waits for `100 Continue`.
    var owesContinue = false
    /// Bytes of the body that the client announced and that have not come; `nil` for chunked.
    var remainingBodyBytes: Int64?
    var keepsAlive = true
    var isHTTP10 = false
    var headWritten = false
    /// Whether the head that was written says that the connection ends.
    var closesAfterResponse = false
    var isQuiescing = false
    var isReading = false
    var drainedBytes: Int64 = 0
    /// When the phase, or the last progress in it, was.
    var lastProgress = NIODeadline.now()
    /// When draining or lingering has to be over.
    var phaseDeadline = NIODeadline.distantFuture
    var unfinishedWrites = 0
    var bufferedBytesSeen = 0
    var tick: Scheduled<Void>?

    init(
        settings: HTTPServerSettings, link: ConnectionLink,
        exchanges: AsyncStream<HTTPExchange>.Continuation
    ) {
        self.settings = settings
        self.link = link
        self.exchanges = exchanges
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { start(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard tick == nil else { return }
        lastProgress = .now()
        scheduleTick(context)
        readIfWanted()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if phase == .serving && requestEnded {
            backlog.append(part)
        } else {
            receive(part)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        readIfWanted()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    private func end() {
        phase = .closed
        tick?.cancel()
        tick = nil
        backlog.removeAll()
        exchange?.end(.failure(.bodyEndedEarly))
        exchange = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isQuiescing = true
            if phase == .awaitingHead { context.close(promise: nil) }
        case ChannelEvent.inputClosed:
            noteInputClosed(context)
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func noteInputClosed(_ context: ChannelHandlerContext) {
        inputClosed = true
        switch phase {
        case .awaitingHead, .draining, .lingering:
            context.close(promise: nil)
        case .serving:
            inputFailed = true
            if !requestEnded { exchange?.end(.failure(.bodyEndedEarly)) }
        case .closed:
            break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch phase {
        case .awaitingHead where !link.isStream:
            if let refusal = MalformedRequest(error) {
                refuse(refusal)
            } else {
                context.close(promise: nil)
            }
        case .serving where !requestEnded && MalformedRequest(error) != nil:
            inputFailed = true
            exchange?.end(.failure(.bodyMalformed(error)))
        case .serving where MalformedRequest(error) != nil:
            // What stands behind the request in hand is not HTTP: answer, then close.
            inputFailed = true
        case .lingering:
            // The parser reports every byte that follows what it could not read.
            break
        default:
            context.close(promise: nil)
        }
    }

    // MARK: Reading

    func readIfWanted() {
        guard !isReading, !inputFailed || phase == .lingering, let context else { return }
        let wanted =
            switch phase {
            case .awaitingHead, .draining, .lingering: true
            case .serving where requestEnded:
                // One turn ahead, for the next request: so the interest in reading stays registered
                // from one request to the next.
                !link.isStream && backlog.isEmpty
            case .serving: exchange?.wantsBytes == true
            case .closed: false
            }
        guard wanted else { return }
        isReading = true
        if phase == .serving, !requestEnded { lastProgress = .now() }
        context.read()
    }

    /// The task asked for the body, or has caught up with what was read ahead.
    func resumeReading(for exchange: HTTPExchange) {
        guard self.exchange === exchange, phase == .serving, let context else { return }
        if owesContinue, !headWritten {
            owesContinue = false
            let version = isHTTP10 ? HTTPVersion.http1_0 : .http1_1
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: version, status: .continue))),
                promise: nil)
        }
        readIfWanted()
    }

    private func receive(_ part: HTTPServerRequestPart) {
        switch (phase, part) {
        case (.awaitingHead, .head(let head)):
            begin(head)
        case (.serving, .body(let chunk)):
            lastProgress = .now()
            owesContinue = false
            countBody(chunk)
            exchange?.offer(chunk)
        case (.serving, .end):
            requestEnded = true
            owesContinue = false
            exchange?.end(.success(()))
        case (.draining, .body(let chunk)):
            lastProgress = .now()
            countBody(chunk)
            drainedBytes += Int64(chunk.readableBytes)
            if drainedBytes > settings.refusedBodyLimitBytes { context?.close(promise: nil) }
        case (.draining, .end):
            requestEnded = true
            finishRequest()
        default:
            break
        }
    }

    private func countBody(_ chunk: ByteBuffer) {
        remainingBodyBytes = remainingBodyBytes.map { $0 - Int64(chunk.readableBytes) }
    }

    // MARK: One request

    private func begin(_ head: HTTPRequestHead) {
        phase = .serving
        requestEnded = false
        headWritten = false
        closesAfterResponse = false
        drainedBytes = 0
        lastProgress = .now()
        isHTTP10 = head.version.major == 1 && head.version.minor == 0
        let parsed: ParsedRequestHead
        do {
            parsed = try ParsedRequestHead(head, link: link)
        } catch {
            refuse(error)
            return
        }
        keepsAlive = parsed.keepsAlive
        owesContinue = parsed.expectsContinue
        remainingBodyBytes = parsed.contentLength
        guard let context else { return }
        let exchange = HTTPExchange(
            request: parsed.request, isStream: link.isStream, sendsFiles: link.sendsFiles,
            framesUnknownLength: !isHTTP10, handler: self, eventLoop: context.eventLoop)
        self.exchange = exchange
        exchanges.yield(exchange)
    }

    /// Goes on to what the client sends next, or closes.
    func finishRequest() {
        guard phase != .closed else { return }
        if link.isStream {
            // Both sides have ended; HTTP/2 closes the stream.
            phase = .lingering
            return
        }
        guard !closesAfterResponse, !inputFailed else {
            context?.close(promise: nil)
            return
        }
        phase = .awaitingHead
        exchange = nil
        lastProgress = .now()
        while let part = backlog.popFirst() {
            receive(part)
            if phase == .serving && requestEnded { break }
        }
        if phase == .awaitingHead && isQuiescing {
            context?.close(promise: nil)
            return
        }
        readIfWanted()
    }

    /// Answers what no task has to see, and closes.
    private func refuse(_ refusal: MalformedRequest) {
        guard let context else { return }
        inputFailed = true
        phase = .lingering
        phaseDeadline = .now() + Self.lingerLimit
        let body = ByteBuffer(string: "{\"message\":\"\(refusal.message)\"}\n")
        var head = HTTPResponseHead(version: .http1_1, status: refusal.status)
        head.headers = ResponseHeadFields.refusal(bodyBytes: body.readableBytes)
        if !link.isStream { head.headers.add(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if link.isStream { readIfWanted() } else { closeGently() }
    }
}

extension RegistryError {
    /// The connection ended before the body did.
    static var bodyEndedEarly: RegistryError {
        RegistryError(.malformed, "the connection ended before the whole body arrived")
    }

    /// The framing of the body cannot be read.
    static func bodyMalformed(_ cause: any Error) -> RegistryError {
        RegistryError(.malformed, "the body is not framed as HTTP asks", cause: cause)
    }
}
