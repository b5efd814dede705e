import Foundation
import GatewayServer
import HTTPTypes
import NIOCore
import Registry
import TestSupport
import Testing

@Suite struct RequestBodyTests {
    /// Counts the bytes of the body and answers with their number, or with the failure.
    static let counting = ClosureResponder { _, body, _ in
        var count = 0
        do throws(RegistryError) {
            while let chunk = try await body.nextChunk() { count += chunk.readableBytes }
        } catch {
            return FormatResponse(
                status: error.status, body: .bytes(ByteBuffer(string: error.message)))
        }
        return FormatResponse(body: .bytes(ByteBuffer(string: "counted \(count).")))
    }

    /// Answers without a look at the body.
    static let refusing = ClosureResponder { _, _, _ in
        FormatResponse(
            status: .unauthorized, headers: [.wwwAuthenticate: "Basic realm=\"x\""],
            body: .bytes(ByteBuffer(string: "not you")))
    }

    @Test func continueIsSentWhenTheBodyIsAwaited() async throws {
        try await RunningServer.run(responder: Self.counting) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            let interim = try await client.read(until: "\r\n\r\n")
            #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
            try await client.send("12345")
            try await client.read(until: "counted 5.")
            // The connection is as good as before.
            try await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            try await client.read(until: "counted 0.")
        }
    }

    @Test func refusalComesInsteadOfContinue() async throws {
        try await RunningServer.run(responder: Self.refusing) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            let answer = try await client.read(until: "not you")
            #expect(answer.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
            #expect(answer.contains("connection: close\r\n"))
            // A client that sends its body all the same is not cut off.
            try await client.send("12345")
            try await client.readToEnd()
            #expect(client.failure == nil)
        }
    }

    @Test(arguments: [true, false]) func curlIsToldToGoOn(isRefused: Bool) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("body")
        try Data(count: 2_000_000).write(to: URL(fileURLWithPath: path))
        try await RunningServer.run(responder: isRefused ? Self.refusing : Self.counting) {
            server in
            let start = ContinuousClock.now
            let (output, status) = try await Curl.run([
                "-v", "-H", "Expect: 100-continue", "--expect100-timeout", "20", "-T", path,
                "http://127.0.0.1:\(server.port)/file",
            ])
            // Waiting for an answer that never came would have taken the whole timeout.
            #expect(ContinuousClock.now - start < .seconds(15))
            #expect(status == 0)
            #expect(output.contains(isRefused ? "not you" : "counted 2000000."), "\(output)")
            #expect(output.contains("100 Continue") == !isRefused)
        }
    }

    @Test func refusalReachesAClientThatIsStillSending() async throws {
        try await RunningServer.run(responder: Self.refusing) { server in
            let client = try await RawClient.connect(port: server.port)
            let total = 50 * 1024 * 1024
            try await client.send(
                "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: \(total)\r\n\r\n")
            let chunk = ByteBuffer(repeating: 7, count: 1024 * 1024)
            // All of it, as clients do that look at the answer only then.
            for _ in 0..<50 { try await client.send(chunk) }
            let answer = try await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
            #expect(answer.hasSuffix("not you"))
            #expect(client.failure == nil)
        }
    }

    @Test func refusalReachesCurlWithoutExpect() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("body")
        try Data(count: 50 * 1024 * 1024).write(to: URL(fileURLWithPath: path))
        try await RunningServer.run(responder: Self.refusing) { server in
            for extra in [[], ["-H", "Transfer-Encoding: chunked"]] {
                let (output, status) = try await Curl.run(
                    ["-H", "Expect:", "-w", " %{http_code}", "-T", path] + extra + [
                        "http://127.0.0.1:\(server.port)/file"
                    ])
                #expect(status == 0, "\(output)")
                #expect(output == "not you 401")
            }
        }
    }

    @Test func aClientThatNeverStopsIsCutOff() async throws {
        var settings = HTTPServerSettings()
        settings.refusedBodyLimitBytes = 1024 * 1024
        try await RunningServer.run(settings: settings, responder: Self.refusing) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            let piece = ByteBuffer(
                string: "10000\r\n" + String(repeating: "x", count: 65_536) + "\r\n")
            await #expect(throws: (any Error).self) {
                for _ in 0..<10_000 { try await client.send(piece) }
            }
        }
    }

    @Test func aSmallUnreadBodyKeepsTheConnection() async throws {
        try await RunningServer.run(responder: Self.refusing) { server in
            let client = try await RawClient.connect(port: server.port)
            for number in 1...3 {
                try await client.send(
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
                try await client.read(until: "not you", count: number)
                try await client.send("67890")
            }
            #expect(!client.isClosed)
        }
    }

    @Test func chunksAreRead() async throws {
        try await RunningServer.run(responder: Self.counting) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "5\r\nhello\r\n1")
            try await client.send("0\r\n0123456789abcdef\r\n0\r\nX-Trailer: 1\r\n\r\n")
            try await client.read(until: "counted 21.")
            #expect(!client.isClosed)
        }
    }

    @Test func aBodyThatStallsTimesOut() async throws {
        var settings = HTTPServerSettings()
        settings.idleTimeoutSeconds = 2
        try await RunningServer.run(settings: settings, responder: Self.counting) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n")
            // Slower than the timeout in all, faster in each step.
            for _ in 0..<9 {
                try await client.send("x")
                try await Task.sleep(for: .milliseconds(300))
            }
            #expect(client.received.isEmpty)
            let answer = try await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            #expect(answer.hasSuffix("the client stopped sending the body"))
        }
    }

    @Test func aBodyThatEndsEarlyIsMalformed() async throws {
        let seen = SendableBox<String?>(nil)
        let responder = ClosureResponder { _, body, _ in
            do throws(RegistryError) {
                while try await body.nextChunk() != nil {}
            } catch {
                seen.withValue { $0 = error.code.rawValue }
                return FormatResponse(status: error.status)
            }
            return FormatResponse()
        }
        try await RunningServer.run(responder: responder) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send("PUT /e HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
            try await client.close()
            _ = try await server.accessLog.lines(about: "/e")
            #expect(seen.withValue { $0 } == "malformed")
        }
    }

    @Test func aBadChunkIsMalformed() async throws {
        try await RunningServer.run(responder: Self.counting) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n")
            let answer = try await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
            #expect(answer.contains("connection: close\r\n"))
        }
    }

    @Test func nothingIsReadAheadOfASlowTask() async throws {
        let gate = AsyncStream.makeStream(of: Void.self)
        let stream = gate.stream
        let responder = ClosureResponder { request, body, trace in
            _ = try? await body.nextChunk()
            for await _ in stream { break }
            return await Self.counting.respond(to: request, body: body, trace: trace)
        }
        try await RunningServer.run(responder: responder) { server in
            let client = try await RawClient.connect(port: server.port)
            let total = 64 * 1024 * 1024
            try await client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: \(total)\r\n\r\n")
            let sent = SendableBox(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 0..<64 {
                        try await client.send(ByteBuffer(repeating: 1, count: 1024 * 1024))
                        sent.withValue { $0 += 1 }
                    }
                }
                // Until the client is stuck: a second without progress.
                var (last, unchanged) = (-1, 0)
                while unchanged < 10 {
                    try await Task.sleep(for: .milliseconds(100))
                    let now = sent.withValue { $0 }
                    unchanged = now == last && now > 0 ? unchanged + 1 : 0
                    last = now
                }
                // What is on its way stays in the sockets' buffers (I7).
                #expect(last < 32)
                gate.continuation.yield()
                try await group.waitForAll()
            }
            try await client.read(until: "counted ")
        }
    }
}
