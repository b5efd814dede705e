import NIOCore
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension HTTPExchangeHandler {
    /// Writes the head of the answer without flushing, and decides what becomes of the connection.
    func writeHead(_ head: HTTPResponseHead, for exchange: HTTPExchange) {
        guard self.exchange === exchange, phase == .serving, !headWritten, let context else {
            return
        }
        headWritten = true
        lastProgress = .now()
        closesAfterResponse = !survives(head)
        var head = head
        if !link.isStream {
            if closesAfterResponse {
                head.headers.add(name: "connection", value: "close")
            } else if isHTTP10 {
                head.headers.add(name: "connection", value: "keep-alive")
            }
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    /// Whether another request can follow this answer.
    private func survives(_ head: HTTPResponseHead) -> Bool {
        guard keepsAlive, !isQuiescing, !inputFailed else { return false }
        if isHTTP10, head.status.mayHaveResponseBody, !head.headers.contains(name: "content-length")
        {
            return false
        }
        guard !requestEnded else { return true }
        // A client that waits for `100 Continue` may send its body or the next request now: nobody
        // can tell which it is.
        guard !owesContinue, let remainingBodyBytes else { return false }
        return remainingBodyBytes <= Self.keptAliveRefusedBodyBytes
    }

    /// Writes part of the body and flushes; the future says when the connection took it.
    func writeBody(_ part: IOData, for exchange: HTTPExchange) -> EventLoopFuture<Void> {
        write(.body(part), for: exchange)
    }

    /// Writes part of the body without flushing.
    func appendBody(_ body: ByteBuffer, for exchange: HTTPExchange) {
        guard self.exchange === exchange, phase == .serving, let context else { return }
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }

    /// Ends the answer.
    func writeEnd(for exchange: HTTPExchange) -> EventLoopFuture<Void> {
        let written = write(.end(nil), for: exchange)
        guard self.exchange === exchange, phase == .serving else { return written }
        self.exchange = nil
        if requestEnded || inputFailed {
            guard closesAfterResponse || inputFailed, !link.isStream else {
                finishRequest()
                return written
            }
            phase = .lingering
            phaseDeadline = .distantFuture
            written.assumeIsolated().whenComplete { _ in self.closeGently() }
        } else {
            // The client is still sending. Closing now would reset the connection, and the client
            // might never see the answer.
            phase = .draining
            phaseDeadline =
                .now() + .nanoseconds(Int64(settings.refusedBodyLimitSeconds * 1_000_000_000))
            readIfWanted()
        }
        return written
    }

    /// Closes so that a client that is still sending something nobody can read sees the answer.
    func closeGently() {
        guard let context else { return }
        guard inputFailed, !inputClosed, !link.isStream else {
            context.close(promise: nil)
            return
        }
        // Closing now, with bytes unread, would reset the connection and could take the answer
        // along: say that nothing follows and wait for the client to go.
        phase = .lingering
        phaseDeadline = .now() + Self.lingerLimit
        context.close(mode: .output, promise: nil)
        readIfWanted()
    }

    /// Gives up in the middle of an answer, so that the client cannot take it for whole (I9).
    func abort(_ exchange: HTTPExchange) {
        guard self.exchange === exchange, let context else { return }
        if isHTTP10, !link.isStream {
            // The end of the connection could be the end of the body: only a reset tells.
            let reset = linger(l_onoff: 1, l_linger: 0)
            (context.channel as? any SocketOptionProvider)?.setSoLinger(reset).whenFailure { _ in }
        }
        context.close(promise: nil)
    }

    private func write(
        _ part: HTTPServerResponsePart, for exchange: HTTPExchange
    ) -> EventLoopFuture<Void> {
        guard let context else {
            return link.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        guard self.exchange === exchange, phase == .serving else {
            return context.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        unfinishedWrites += 1
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.unfinishedWrites -= 1
            self.lastProgress = .now()
        }
        context.writeAndFlush(wrapOutboundOut(part), promise: promise)
        return promise.futureResult
    }
}
