import HTTPTypes
import NIOCore
import NIOHTTP1
import Registry
import Synchronization

/// One request and the way of its answer: what the connection's event loop and the task that answers
/// share. The task reads the body from it and writes the answer to it; the event loop fills it.
final class HTTPExchange: RequestBodySource {
    /// Bytes of a body that are read ahead of the task that takes them; more arrive only as one read
    /// brings them (I7).
    static let readAheadLimitBytes = 256 * 1024

    let request: IncomingRequest
    /// Whether this is a stream of HTTP/2, which is answered beside others on its connection.
    let isStream: Bool
    /// Whether the kernel can send from a file: HTTP/1.1 in clear.
    let sendsFiles: Bool
    /// Whether a body of unknown length can be framed; else the end of the connection ends it.
    let framesUnknownLength: Bool
    /// Bytes until the answer is written, and the answer's way.
    private let handler: NIOLoopBound<HTTPExchangeHandler>
    private let eventLoop: any EventLoop
    private let inbox = Mutex(Inbox())

    private struct Inbox {
        /// Parts of the body that wait; made with the first one, since most requests have none.
        var chunks: CircularBuffer<ByteBuffer>?
        var bufferedBytes = 0
        var receivedBytes: Int64 = 0
        var end: Result<Void, RegistryError>?
        var waiter: CheckedContinuation<Result<ByteBuffer?, RegistryError>, Never>?
        /// No reading until the task has caught up; at first until it asks at all (I5).
        var isPaused = true

        /// What the next call gets, when that is known already.
        mutating func take() -> Result<ByteBuffer?, RegistryError>? {
            if let chunk = chunks?.popFirst() {
                bufferedBytes -= chunk.readableBytes
                return .success(chunk)
            }
            return end.map { end in end.map { nil } }
        }
    }

    init(
        request: IncomingRequest, isStream: Bool, sendsFiles: Bool, framesUnknownLength: Bool,
        handler: HTTPExchangeHandler, eventLoop: any EventLoop
    ) {
        self.request = request
        self.isStream = isStream
        self.sendsFiles = sendsFiles
        self.framesUnknownLength = framesUnknownLength
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
        self.eventLoop = eventLoop
    }

    /// Bytes of the body that arrived.
    var receivedBytes: Int64 { inbox.withLock { $0.receivedBytes } }

    // MARK: The task's side

    func nextChunk() async throws(RegistryError) -> ByteBuffer? {
        let (ready, resumesReading) = inbox.withLock { inbox in
            let ready = inbox.take()
            let resumes =
                inbox.isPaused && inbox.end == nil
                && inbox.bufferedBytes <= Self.readAheadLimitBytes / 2
            if resumes { inbox.isPaused = false }
            return (ready, resumes)
        }
        if resumesReading {
            onEventLoop { $0.resumeReading(for: self) }
        }
        if let ready { return try ready.get() }
        let result = await withCheckedContinuation { continuation in
            let ready = inbox.withLock { inbox in
                let ready = inbox.take()
                if ready == nil { inbox.waiter = continuation }
                return ready
            }
            if let ready { continuation.resume(returning: ready) }
        }
        return try result.get()
    }

    /// Begins the answer; what is written next sends it.
    func writeHead(_ head: HTTPResponseHead) {
        onEventLoop { $0.writeHead(head, for: self) }
    }

    /// Writes bytes or part of a file, and waits until the connection took them.
    ///
    /// - Throws: a channel error when the connection is gone.
    func writeBody(_ part: IOData) async throws {
        try await submit { $0.writeBody(part, for: self) }
    }

    /// Ends the answer.
    func writeEnd() async throws {
        try await submit { $0.writeEnd(for: self) }
    }

    /// Writes a whole answer at once.
    func writeWhole(_ head: HTTPResponseHead, body: ByteBuffer?) async throws {
        try await submit { handler in
            handler.writeHead(head, for: self)
            if let body { handler.appendBody(body, for: self) }
            return handler.writeEnd(for: self)
        }
    }

    /// Closes the connection, or resets the stream, in the middle of the answer (I9).
    func abort() {
        onEventLoop { $0.abort(self) }
    }

    /// Does `work` now where the task runs on the event loop, as it does in the server.
    private func onEventLoop(_ work: @escaping @Sendable (HTTPExchangeHandler) -> Void) {
        if eventLoop.inEventLoop {
            work(handler.value)
        } else {
            eventLoop.execute { [handler] in work(handler.value) }
        }
    }

    /// Does `work` like `onEventLoop`, and waits for what it began.
    private func submit(
        _ work: @escaping @Sendable (HTTPExchangeHandler) -> EventLoopFuture<Void>
    ) async throws {
        // `EventLoopFuture.get()` would leave the event loop's executor and come back to it.
        try await withCheckedThrowingContinuation { continuation in
            onEventLoop { handler in
                work(handler).assumeIsolated().whenComplete { continuation.resume(with: $0) }
            }
        }
    }

    // MARK: The event loop's side

    /// Whether the task wants more of the body.
    var wantsBytes: Bool { inbox.withLock { !$0.isPaused && $0.end == nil } }

    /// Hands over the next part of the body.
    func offer(_ chunk: ByteBuffer) {
        guard chunk.readableBytes > 0 else { return }
        let waiter = inbox.withLock { inbox in
            inbox.receivedBytes += Int64(chunk.readableBytes)
            let waiter = inbox.waiter
            inbox.waiter = nil
            if waiter == nil {
                inbox.chunks = inbox.chunks ?? CircularBuffer(initialCapacity: 4)
                inbox.chunks?.append(chunk)
                inbox.bufferedBytes += chunk.readableBytes
                if inbox.bufferedBytes >= Self.readAheadLimitBytes { inbox.isPaused = true }
            }
            return waiter
        }
        waiter?.resume(returning: .success(chunk))
    }

    /// Says how the body ended. The first word counts.
    func end(_ result: Result<Void, RegistryError>) {
        let waiter = inbox.withLock { inbox in
            guard inbox.end == nil else {
                return nil as CheckedContinuation<Result<ByteBuffer?, RegistryError>, Never>?
            }
            inbox.end = result
            let waiter = inbox.waiter
            inbox.waiter = nil
            return waiter
        }
        waiter?.resume(returning: result.map { nil })
    }
}
