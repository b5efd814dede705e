import Foundation
import GatewayServer
import HTTPTypes
import NIOCore
import Registry
import TestSupport
import Testing

@Suite struct ShutdownTests {
    /// Sends 8 pieces, waits for a signal before each, and gives up when it is cancelled.
    private static func slowly(_ signals: AsyncStream<Void>) -> ClosureResponder {
        ClosureResponder { _, _, _ in
            FormatResponse(
                body: .stream(length: 80_000) { writer throws(RegistryError) in
                    var iterator = signals.makeAsyncIterator()
                    for _ in 0..<8 {
                        guard await iterator.next() != nil else {
                            throw RegistryError(.unavailable, "cancelled")
                        }
                        try await writer.write(ByteBuffer(repeating: 0x62, count: 10_000))
                    }
                })
        }
    }

    @Test func requestsInFlightFinish() async throws {
        let (signals, go) = AsyncStream.makeStream(of: Void.self)
        try await RunningServer.run(responder: Self.slowly(signals)) { server in
            let idle = try await RawClient.connect(port: server.port)
            let client = try await RawClient.connect(port: server.port)
            try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            go.yield()
            try await client.readBytes(10_000)
            await server.shutDown()
            // A connection without a request is closed, and no new one is accepted.
            try await idle.readToEnd()
            await #expect(throws: (any Error).self) {
                let late = try await RawClient.connect(port: server.port)
                try await late.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                try await late.read(until: "HTTP/1.1")
            }
            for _ in 0..<7 { go.yield() }
            let answer = try await client.readToEnd()
            #expect(answer.hasSuffix(String(repeating: "b", count: 80_000)))
        }
    }

    @Test func theDrainTimeoutEndsWhatIsLeft() async throws {
        let (signals, go) = AsyncStream.makeStream(of: Void.self)
        var settings = HTTPServerSettings()
        settings.drainTimeoutSeconds = 0.3
        try await RunningServer.run(settings: settings, responder: Self.slowly(signals)) {
            server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            go.yield()
            try await client.readBytes(10_000)
            await server.shutDown()
            let answer = try await client.readToEnd()
            #expect(answer.utf8.count < 80_000)
        }
    }
}
