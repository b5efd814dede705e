import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

@testable import GatewayServer

/// Answers on the wire: the bytes, and in how many pieces they are written.
@Suite struct HTTP1ResponseEncoderTests {
    /// A channel whose only handler is an encoder.
    private struct Wire {
        let channel: EmbeddedChannel

        init(_ handler: any ChannelHandler = HTTP1ResponseEncoder()) throws {
            channel = EmbeddedChannel()
            try channel.pipeline.syncOperations.addHandler(handler)
        }

        func write(_ part: HTTPServerResponsePart) {
            channel.write(part, promise: nil)
        }

        /// What was written since the last time, piece by piece.
        func pieces() throws -> [IOData] {
            var pieces: [IOData] = []
            while let piece = try channel.readOutbound(as: IOData.self) { pieces.append(piece) }
            return pieces
        }

        func bytes() throws -> ByteBuffer {
            try pieces().reduce(into: ByteBuffer()) { whole, piece in
                if case .byteBuffer(let buffer) = piece { whole.writeImmutableBuffer(buffer) }
            }
        }

        func text() throws -> String {
            try pieces().map { piece in
                guard case .byteBuffer(let buffer) = piece else { return "<file>" }
                return String(buffer: buffer)
            }.joined()
        }
    }

    private static func head(
        _ headers: HTTPHeaders, _ status: HTTPResponseStatus = .ok,
        _ version: HTTPVersion = .http1_1
    ) -> HTTPResponseHead {
        HTTPResponseHead(version: version, status: status, headers: headers)
    }

    @Test("a small answer is one piece")
    func small() throws {
        let wire = try Wire()
        wire.write(.head(Self.head(["content-length": "5", "etag": "\"a\""])))
        wire.write(.body(.byteBuffer(ByteBuffer(string: "hello"))))
        wire.write(.end(nil))
        wire.channel.flush()
        let pieces = try wire.pieces()
        #expect(
            pieces == [
                .byteBuffer(
                    ByteBuffer(
                        string: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\netag: \"a\"\r\n\r\nhello"))
            ])
    }

    @Test("a large body is not copied behind its head")
    func large() throws {
        let wire = try Wire()
        let body = ByteBuffer(
            repeating: 7, count: HTTP1ResponseEncoder.copiedBodyLimitBytes + 1)
        wire.write(.head(Self.head(["content-length": "\(body.readableBytes)"])))
        wire.write(.body(.byteBuffer(body)))
        wire.write(.end(nil))
        wire.channel.flush()
        let pieces = try wire.pieces()
        #expect(pieces.count == 2)
        #expect(pieces.last == .byteBuffer(body))
    }

    @Test("a file follows its head")
    func file() throws {
        let wire = try Wire()
        let folder = try TemporaryFolder()
        let path = try folder.write("file", to: "file")
        let handle = try NIOFileHandle(_deprecatedPath: path)
        defer { try? handle.close() }
        let region = FileRegion(fileHandle: handle, readerIndex: 0, endIndex: 4)
        wire.write(.head(Self.head(["content-length": "4"])))
        wire.write(.body(.fileRegion(region)))
        wire.write(.end(nil))
        wire.channel.flush()
        #expect(try wire.text() == "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<file>")
    }

    @Test("an answer without a body, and an older client")
    func bare() throws {
        let wire = try Wire()
        wire.write(.head(Self.head([:], .notModified, .http1_0)))
        wire.write(.end(nil))
        wire.channel.flush()
        #expect(try wire.text() == "HTTP/1.0 304 Not Modified\r\n\r\n")
    }

    @Test("an informational head goes out before the answer begins")
    func informational() throws {
        let wire = try Wire()
        wire.write(.head(Self.head([:], .continue)))
        wire.channel.flush()
        #expect(try wire.text() == "HTTP/1.1 100 Continue\r\n\r\n")
        wire.write(.head(Self.head(["content-length": "0"], .created)))
        wire.write(.end(nil))
        wire.channel.flush()
        #expect(try wire.text() == "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
    }

    @Test("a promise is kept only when its own bytes were written")
    func promises() throws {
        let wire = try Wire()
        let (body, end) = (
            wire.channel.eventLoop.makePromise(of: Void.self),
            wire.channel.eventLoop.makePromise(of: Void.self)
        )
        let kept = SendableBox<[String]>([])
        body.futureResult.whenSuccess { kept.withValue { $0.append("body") } }
        end.futureResult.whenSuccess { kept.withValue { $0.append("end") } }
        wire.write(.head(Self.head(["content-length": "1"])))
        wire.channel.write(
            HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: "x"))), promise: body)
        #expect(kept.withValue { $0 }.isEmpty)
        wire.channel.flush()
        #expect(kept.withValue { $0 } == ["body"])
        wire.channel.write(HTTPServerResponsePart.end(nil), promise: end)
        wire.channel.flush()
        #expect(kept.withValue { $0 } == ["body", "end"])
        #expect(try wire.text() == "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx")
    }

    /// Whatever is written in whatever pieces, with flushes anywhere, arrives as NIO's own encoder
    /// writes it.
    @Test("answers are those of a reference encoder")
    func reference() throws {
        var generator = SeededGenerator.announced()
        for _ in 0..<200 { try compare(using: &generator) }
    }

    private func compare(using generator: inout SeededGenerator) throws {
        let (ours, theirs) = (try Wire(), try Wire(HTTPResponseEncoder()))
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let bodies = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                let isLarge = Bool.random(using: &generator)
                return ByteBuffer(
                    repeating: .random(in: 0...255, using: &generator),
                    count: .random(in: 0...(isLarge ? 40_000 : 40), using: &generator))
            }
            let isChunked = Bool.random(using: &generator)
            let count = bodies.reduce(0) { $0 + $1.readableBytes }
            var headers = HTTPHeaders()
            for number in 0..<Int.random(in: 0...5, using: &generator) {
                headers.add(name: "x-field-\(number)", value: String(repeating: "v", count: number))
            }
            // The reference puts the framing last, wherever it stood.
            headers.add(
                name: isChunked ? "transfer-encoding" : "content-length",
                value: isChunked ? "chunked" : "\(count)")
            var parts: [HTTPServerResponsePart] = [.head(Self.head(headers))]
            parts += bodies.map { .body(.byteBuffer($0)) }
            let trailers: HTTPHeaders? =
                isChunked && Bool.random(using: &generator) ? ["x-digest": "abc"] : nil
            parts.append(.end(trailers))
            for part in parts {
                ours.write(part)
                theirs.write(part)
                if Bool.random(using: &generator) { ours.channel.flush() }
            }
        }
        ours.channel.flush()
        theirs.channel.flush()
        let (mine, reference) = (try ours.bytes(), try theirs.bytes())
        #expect(mine == reference)
        #expect(reference.readableBytes > 0)
    }
}
