import GatewayServer
import NIOCore
import Registry
import Testing

@Suite struct MalformedRequestTests {
    private static let long = String(repeating: "x", count: 70_000)

    @Test(arguments: [
        ("garbage\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nbad header: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n", 431),
        ("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: 300) + "\r\n", 431),
        ("GET / HTTP/3.7\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400
        ),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ])
    func isAnsweredAndClosed(request: String, status: Int) async throws {
        try await RunningServer.run(responder: HTTPServerTests.echo) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(request)
            let answer = try await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(request.prefix(100))\n\(answer)")
            #expect(answer.contains("connection: close\r\n"))
            #expect(client.failure == nil)
        }
    }

    @Test func whatFollowsAGoodRequestIsNotServed() async throws {
        try await RunningServer.run(responder: HTTPServerTests.echo) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send("GET /good HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n")
            let answer = try await client.readToEnd()
            #expect(answer.contains("GET /good"))
        }
    }

    @Test func wholeURLIsTaken() async throws {
        try await RunningServer.run(responder: HTTPServerTests.echo) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send(
                "GET http://other:8/a%2Fb?c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(try await client.readToEnd().contains("GET /a%2Fb?c other:8 false"))
        }
    }
}
