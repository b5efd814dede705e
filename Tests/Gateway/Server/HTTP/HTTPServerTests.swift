import GatewayServer
import HTTPTypes
import NIOCore
import Registry
import Testing

@Suite struct HTTPServerTests {
    /// Answers with what was asked.
    static let echo = ClosureResponder { request, _, trace in
        trace.note { $0.operation = "test.echo" }
        return FormatResponse(
            headers: [.contentType: "text/plain"],
            body: .bytes(
                ByteBuffer(
                    string: "\(request.method.rawValue) \(request.target) "
                        + "\(request.authority ?? "-") \(request.isSecure) \(request.peerAddress)"))
        )
    }

    @Test func targetArrivesAsItWasSent() async throws {
        try await RunningServer.run(responder: Self.echo) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "GET /api/v4/projects/acme%2Fweb/x?a=%2F&b HTTP/1.1\r\nHost: h:1\r\n\r\n")
            let answer = try await client.read(until: "127.0.0.1")
            #expect(
                answer.hasSuffix("GET /api/v4/projects/acme%2Fweb/x?a=%2F&b h:1 false 127.0.0.1"))
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("\r\nserver: packhouse\r\n"))
            #expect(answer.contains("\r\ndate: "))
            #expect(answer.contains("\r\nx-request-id: "))
            #expect(!answer.contains("connection:"))
        }
    }

    @Test func keepsAConnectionForManyRequests() async throws {
        try await RunningServer.run(responder: Self.echo) { server in
            let client = try await RawClient.connect(port: server.port)
            for number in 1...20 {
                try await client.send("GET /n\(number). HTTP/1.1\r\nHost: h\r\n\r\n")
                try await client.read(until: "GET /n\(number). ")
            }
            #expect(!client.isClosed)
        }
    }

    @Test func answersPipelinedRequestsInOrder() async throws {
        try await RunningServer.run(responder: Self.echo) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "PUT /first HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                    + "GET /second HTTP/1.1\r\nHost: h\r\n\r\n"
                    + "GET /third HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            let answer = try await client.readToEnd()
            let places = ["PUT /first", "GET /second", "GET /third"].map {
                answer.firstRange(of: $0)?.lowerBound
            }
            let found = places.compactMap { $0 }
            #expect(found.count == 3)
            #expect(found == found.sorted())
            #expect(answer.contains("connection: close\r\n"))
        }
    }

    @Test(arguments: [200, 204, 304, 404]) func headIsGetWithoutBody(status: Int) async throws {
        let responder = ClosureResponder { _, _, _ in
            FormatResponse(
                status: .init(code: status), headers: [.eTag: "\"x\""],
                body: .bytes(ByteBuffer(string: "hello")))
        }
        try await RunningServer.run(responder: responder) { server in
            var heads: [String] = []
            for method in ["GET", "HEAD"] {
                let client = try await RawClient.connect(port: server.port)
                try await client.send(
                    "\(method) / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                let answer = try await client.readToEnd()
                let end = try #require(answer.firstRange(of: "\r\n\r\n"))
                let hasBody = method == "GET" && status != 204 && status != 304
                #expect(answer[end.upperBound...] == (hasBody ? "hello" : ""))
                heads.append(
                    answer[..<end.lowerBound].split(separator: "\r\n").filter {
                        !$0.hasPrefix("date") && !$0.hasPrefix("x-request-id")
                    }.joined(separator: "\n"))
            }
            // I13.
            #expect(heads[0] == heads[1])
            #expect(heads[0].contains("content-length: 5") == (status != 204 && status != 304))
        }
    }

    @Test func emptyAnswerSaysSo() async throws {
        let responder = ClosureResponder { _, _, _ in FormatResponse(status: .created) }
        try await RunningServer.run(responder: responder) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            let answer = try await client.read(until: "\r\n\r\n")
            #expect(answer.contains("HTTP/1.1 201 Created\r\n"))
            #expect(answer.contains("content-length: 0\r\n"))
        }
    }

    @Test(arguments: [
        ("trace-7.A_b", true), ("", false), ("a b", false), ("a\"b", false),
        (String(repeating: "x", count: 64), true), (String(repeating: "x", count: 65), false),
    ])
    func clientsMayNameTheirRequests(name: String, isTaken: Bool) async throws {
        try await RunningServer.run(responder: Self.echo) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "GET /named HTTP/1.1\r\nHost: h\r\nX-Request-Id: \(name)\r\n\r\n")
            let answer = try await client.read(until: "127.0.0.1")
            #expect(answer.contains("\r\nx-request-id: \(name)\r\n") == isTaken)
            let line = try #require(try await server.accessLog.lines(about: "/named").first)
            #expect(answer.contains("\r\nx-request-id: \(line["request_id"] ?? "-")\r\n"))
        }
    }

    @Test func oneLineARequestIsLogged() async throws {
        let responder = ClosureResponder { _, body, trace in
            trace.note {
                $0.operation = "test.put"
                $0.project = "acme/web"
                $0.package = "tool"
                $0.principal = "root"
                $0.clientAddress = "203.0.113.9"
                $0.failure = RegistryError(.internalError, "no", cause: TestFailure("deep cause"))
            }
            while let chunk = try? await body.nextChunk() { _ = chunk }
            return FormatResponse(
                status: .internalServerError, body: .bytes(ByteBuffer(string: "no")))
        }
        try await RunningServer.run(responder: responder) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "PUT /a%20b?token=hush HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345")
            try await client.read(until: "\r\n\r\nno")
            let lines = try await server.accessLog.lines(about: "/a%20b")
            let line = try #require(lines.first)
            #expect(lines.count == 1)
            #expect(line["method"] == "PUT" && line["status"] == "500")
            #expect(line["bytes_in"] == "5" && line["bytes_out"] == "2")
            #expect(line["operation"] == "test.put" && line["project"] == "acme/web")
            #expect(line["package"] == "tool" && line["principal"] == "root")
            #expect(line["client"] == "203.0.113.9")
            #expect(line["failure"]?.contains("deep cause") == true)
            #expect(line["duration_ms"].flatMap(Double.init) ?? -1 >= 0)
            #expect(!line.values.contains { $0.contains("hush") })
        }
    }

    @Test func oldClientsAreServed() async throws {
        let responder = ClosureResponder { _, _, _ in
            FormatResponse(
                body: .stream(length: nil) { writer throws(RegistryError) in
                    try await writer.write(ByteBuffer(string: "one"))
                    try await writer.write(ByteBuffer(string: "two"))
                })
        }
        try await RunningServer.run(responder: responder) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send("GET / HTTP/1.0\r\n\r\n")
            let answer = try await client.readToEnd()
            #expect(answer.hasSuffix("\r\n\r\nonetwo"))
            #expect(!answer.contains("chunked"))
        }
    }

    @Test func idleConnectionIsClosed() async throws {
        var settings = HTTPServerSettings()
        settings.idleTimeoutSeconds = 0.3
        try await RunningServer.run(settings: settings, responder: Self.echo) { server in
            let silent = try await RawClient.connect(port: server.port)
            let slow = try await RawClient.connect(port: server.port)
            try await slow.send("GET / HTTP/1.1\r\n")
            #expect(try await silent.readToEnd() == "")
            #expect(try await slow.readToEnd() == "")
        }
    }

    @Test func asksForAnotherProtocolInVain() async throws {
        try await RunningServer.run(responder: Self.echo) { server in
            let (output, status) = try await Curl.run([
                "--http2", "http://127.0.0.1:\(server.port)/one",
                "http://127.0.0.1:\(server.port)/two",
            ])
            #expect(status == 0)
            #expect(output.contains("GET /one") && output.contains("GET /two"))
        }
    }
}
