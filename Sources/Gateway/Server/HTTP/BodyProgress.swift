import NIOCore
import NIOHTTP1
import Registry
import Synchronization

/// The body of one answer while it is written: sends the head with the first bytes, counts, and
/// insists on the announced length.
final class BodyProgress: ResponseWriter {
    private let exchange: HTTPExchange
    private let head: HTTPResponseHead
    /// The announced length in bytes.
    private let limitBytes: Int64?
    private let state = Mutex(State())

    private struct State {
        var hasBegun = false
        var offeredBytes: Int64 = 0
        var sentBytes: Int64 = 0
    }

    init(exchange: HTTPExchange, head: HTTPResponseHead, limitBytes: Int64?) {
        self.exchange = exchange
        self.head = head
        self.limitBytes = limitBytes
    }

    /// Whether the head was written, so that nothing can be taken back.
    var hasBegun: Bool { state.withLock { $0.hasBegun } }

    /// Bytes that the connection took.
    var sentBytes: Int64 { state.withLock { $0.sentBytes } }

    func write(_ buffer: ByteBuffer) async throws(RegistryError) {
        guard buffer.readableBytes > 0 else { return }
        try await write(.byteBuffer(buffer), bytes: buffer.readableBytes)
    }

    /// Sends part of a file.
    func write(_ region: FileRegion) async throws(RegistryError) {
        try await write(.fileRegion(region), bytes: region.readableBytes)
    }

    /// Ends the body.
    ///
    /// - Throws: `internalError` when it is shorter than announced.
    func finish() async throws(RegistryError) {
        let offered = state.withLock { $0.offeredBytes }
        if let limitBytes, offered != limitBytes {
            throw RegistryError(
                .internalError,
                "the answer has \(offered) bytes, and \(limitBytes) were announced")
        }
        begin()
        do {
            try await exchange.writeEnd()
        } catch {
            throw RegistryError.clientLeft(error)
        }
    }

    private func write(_ part: IOData, bytes: Int) async throws(RegistryError) {
        let fits = state.withLock { state in
            state.offeredBytes += Int64(bytes)
            return limitBytes.map { state.offeredBytes <= $0 } ?? true
        }
        guard fits else {
            throw RegistryError(.internalError, "the answer is longer than was announced")
        }
        begin()
        do {
            try await exchange.writeBody(part)
        } catch {
            throw RegistryError.clientLeft(error)
        }
        state.withLock { $0.sentBytes += Int64(bytes) }
    }

    private func begin() {
        let isFirst = state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
        if isFirst { exchange.writeHead(head) }
    }
}

extension RegistryError {
    /// The connection is gone before the answer was complete.
    static func clientLeft(_ cause: any Error) -> RegistryError {
        RegistryError(
            .malformed, "the connection ended before the whole answer was sent", cause: cause)
    }
}
