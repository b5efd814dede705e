import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A TCP client that sends exactly what it is told to, and shows exactly what came.
final class RawClient: Sendable {
    static let deadlineSeconds = 30.0

    private let channel: any Channel
    private let inbox: Inbox

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    deinit { channel.close(promise: nil) }

    static func connect(port: Int, readsBytes: Bool = true) async throws -> RawClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: readsBytes)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.socketOption(.so_rcvbuf), value: 64 * 1024)
            .channelInitializer { channel in
                channel.pipeline.addHandler(InboxHandler(inbox: inbox))
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawClient(channel: channel, inbox: inbox)
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    func send(_ buffer: ByteBuffer) async throws {
        try await channel.writeAndFlush(buffer)
    }

    /// Ends this side of the connection.
    func endSending() async throws {
        try await channel.close(mode: .output)
    }

    func close() async throws {
        try await channel.close()
    }

    /// Begins to read, or goes on.
    func startReading() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    /// Everything that came so far.
    var received: String { inbox.state.withLock { String(buffer: $0.bytes) } }

    var receivedBytes: Int { inbox.state.withLock { $0.bytes.readableBytes } }

    var isClosed: Bool { inbox.state.withLock { $0.isClosed } }

    /// How the connection ended, when it did not just end.
    var failure: (any Error)? { inbox.state.withLock { $0.failure } }

    /// Waits until `text` came `count` times.
    @discardableResult
    func read(until text: String, count: Int = 1) async throws -> String {
        try await wait("'\(text)'") { state in
            String(buffer: state.bytes).components(text) >= count
        }
        return received
    }

    /// Waits until the other end has closed, and gives all that came.
    @discardableResult
    func readToEnd() async throws -> String {
        try await wait("the end of the connection") { $0.isClosed }
        return received
    }

    func readBytes(_ count: Int) async throws {
        try await wait("\(count) bytes") { $0.bytes.readableBytes >= count }
    }

    private func wait(
        _ what: String, until condition: @Sendable (Inbox.State) -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(Self.deadlineSeconds)
        while !inbox.state.withLock({ condition($0) }) {
            guard ContinuousClock.now < deadline else {
                throw TestFailure(
                    "waited in vain for \(what); there came:\n\(received.prefix(2000))")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

final class Inbox: Sendable {
    struct State {
        var bytes = ByteBuffer()
        var isClosed = false
        var failure: (any Error)?
    }

    let state = Mutex(State())
}

private final class InboxHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let inbox: Inbox

    init(inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        inbox.state.withLock { state in
            var buffer = buffer
            state.bytes.writeBuffer(&buffer)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { inbox.state.withLock { $0.isClosed = true } }
    }

    func channelInactive(context: ChannelHandlerContext) {
        inbox.state.withLock { $0.isClosed = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        inbox.state.withLock { $0.failure = error }
        context.close(promise: nil)
    }
}

extension String {
    fileprivate func components(_ text: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
