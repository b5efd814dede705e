import NIOCore
import NIOHTTP1

/// Writes answers as HTTP/1.1, a small one in one piece. The head says all about the framing; this
/// only does what it says.
///
/// *Source*: RFC 9112, sections 4, 6 and 7.1.
final class HTTP1ResponseEncoder: ChannelOutboundHandler {
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = IOData

    /// Bodies up to here are copied behind their head, which costs less than a piece of their own.
    static let copiedBodyLimitBytes = 16 * 1024
    /// Bytes that most heads fit in.
    static let headCapacityBytes = 1024

    /// The head, and perhaps the body, that wait for what follows them.
    private var held: ByteBuffer?
    private var isChunked = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            writeHeld(context)
            held = encode(head, context)
            if let promise { writeHeld(context, promise) }
        case .body(let part):
            writeBody(part, context, promise)
        case .end(let trailers):
            if isChunked { hold("0\r\n", trailers ?? [:], context) }
            if held == nil, promise != nil { held = ByteBuffer() }
            writeHeld(context, promise)
        }
    }

    func flush(context: ChannelHandlerContext) {
        writeHeld(context)
        context.flush()
    }

    private func encode(
        _ head: HTTPResponseHead, _ context: ChannelHandlerContext
    ) -> ByteBuffer {
        var buffer = context.channel.allocator.buffer(capacity: Self.headCapacityBytes)
        buffer.writeStaticString(head.version == .http1_0 ? "HTTP/1.0 " : "HTTP/1.1 ")
        buffer.writeString(String(head.status.code))
        buffer.writeStaticString(" ")
        buffer.writeString(head.status.reasonPhrase)
        buffer.writeStaticString("\r\n")
        isChunked = false
        for (name, value) in head.headers {
            if name == "transfer-encoding" { isChunked = true }
            Self.write(name, value, to: &buffer)
        }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    private static func write(_ name: String, _ value: String, to buffer: inout ByteBuffer) {
        buffer.writeString(name)
        buffer.writeStaticString(": ")
        buffer.writeString(value)
        buffer.writeStaticString("\r\n")
    }

    private func writeBody(
        _ part: IOData, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) {
        if case .byteBuffer(var body) = part, promise == nil, !isChunked, held != nil,
            body.readableBytes <= Self.copiedBodyLimitBytes
        {
            held?.writeBuffer(&body)
            return
        }
        guard isChunked, part.readableBytes > 0 else {
            writeHeld(context)
            context.write(wrapOutboundOut(part), promise: promise)
            return
        }
        hold(String(part.readableBytes, radix: 16) + "\r\n", nil, context)
        writeHeld(context)
        context.write(wrapOutboundOut(part), promise: nil)
        // The end of the chunk says that all of it was written.
        context.write(wrapOutboundOut(.byteBuffer(ByteBuffer(string: "\r\n"))), promise: promise)
    }

    /// Adds a line, and with trailers their lines and an empty one, to what waits.
    private func hold(_ line: String, _ trailers: HTTPHeaders?, _ context: ChannelHandlerContext) {
        var buffer = held ?? context.channel.allocator.buffer(capacity: 32)
        held = nil
        buffer.writeString(line)
        if let trailers {
            for (name, value) in trailers { Self.write(name, value, to: &buffer) }
            buffer.writeStaticString("\r\n")
        }
        held = buffer
    }

    private func writeHeld(
        _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>? = nil
    ) {
        guard let buffer = held else { return }
        held = nil
        context.write(wrapOutboundOut(.byteBuffer(buffer)), promise: promise)
    }
}
