import Crypto
import Foundation
import GatewayServer
import HTTPTypes
import NIOCore
import Registry
import TestSupport
import Testing

@Suite struct ResponseBodyTests {
    /// A file of 70 MiB and some bytes, none of them where a page would have it.
    final class BigFile: Sendable {
        static let bytes = 70 * 1024 * 1024 + 12_345
        let folder: TemporaryFolder
        let path: String
        let content: Data

        init() throws {
            folder = try TemporaryFolder()
            path = folder.path("big")
            // A period that no step or buffer size divides, so that no two places look alike to them.
            var state: UInt64 = 7
            var block = Data(capacity: 65_537)
            for _ in 0..<65_537 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                block.append(UInt8(truncatingIfNeeded: state >> 56))
            }
            var content = Data(capacity: Self.bytes + block.count)
            while content.count < Self.bytes { content.append(block) }
            self.content = content.prefix(Self.bytes)
            try self.content.write(to: URL(fileURLWithPath: path))
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let offset: Int64
        let length: Int64
        let usesSendfile: Bool

        var testDescription: String {
            "\(offset)+\(length) \(usesSendfile ? "sendfile" : "buffers")"
        }
    }

    private static let ranges: [(offset: Int64, length: Int64)] = [
        (0, Int64(BigFile.bytes)), (1, 8 * 1024 * 1024 + 3), (4097, 65_536), (12_345, 65_537),
        (Int64(BigFile.bytes) - 1, 1), (777, 20 * 1024 * 1024), (5, 0),
    ]

    static let cases: [Case] =
        ranges.map { Case(offset: $0.offset, length: $0.length, usesSendfile: true) }
        + ranges.map { Case(offset: $0.offset, length: $0.length, usesSendfile: false) }

    @Test func blobsAreSentWhole() async throws {
        let file = try BigFile()
        let responder = ClosureResponder { request, _, _ in
            let numbers = request.target.split(separator: "/").compactMap { Int64($0) }
            guard
                let reader = try? FileBlobReader(path: file.path, offersDescriptor: numbers[2] == 1)
            else { return FormatResponse(status: .internalServerError) }
            return FormatResponse(
                body: .blob(
                    BlobSlice(reader, range: ByteRange(offset: numbers[0], length: numbers[1]))))
        }
        try await RunningServer.run(responder: responder) { server in
            for one in Self.cases {
                let target = file.folder.path("out")
                let (output, status) = try await Curl.run([
                    "-w", "%{http_code} %header{content-length}", "-o", target,
                    "http://127.0.0.1:\(server.port)/\(one.offset)/\(one.length)/"
                        + (one.usesSendfile ? "1" : "0"),
                ])
                #expect(status == 0)
                #expect(output == "200 \(one.length)")
                let arrived =
                    one.length == 0 ? Data() : try Data(contentsOf: URL(fileURLWithPath: target))
                let expected = file.content.dropFirst(Int(one.offset)).prefix(Int(one.length))
                #expect(SHA256.hash(data: arrived) == SHA256.hash(data: expected), "\(one)")
            }
        }
    }

    @Test func partsFollowEachOther() async throws {
        let file = try BigFile()
        let responder = ClosureResponder { request, _, _ in
            guard let reader = try? FileBlobReader(path: file.path) else {
                return FormatResponse(status: .internalServerError)
            }
            let length: Int64 = request.target == "/small" ? 10 : 300_000
            return FormatResponse(
                body: .sequence([
                    .bytes(ByteBuffer(string: "<")),
                    .blob(BlobSlice(reader, range: ByteRange(offset: 3, length: length))),
                    .bytes(ByteBuffer(string: "|")),
                    .blob(BlobSlice(reader, range: ByteRange(offset: 999, length: length))),
                    .bytes(ByteBuffer(string: ">")),
                ]))
        }
        try await RunningServer.run(responder: responder) { server in
            for (path, length) in [("small", 10), ("large", 300_000)] {
                let target = file.folder.path("out")
                let (_, status) = try await Curl.run([
                    "-o", target, "http://127.0.0.1:\(server.port)/\(path)",
                ])
                #expect(status == 0)
                let expected =
                    Data("<".utf8) + file.content.dropFirst(3).prefix(length) + Data("|".utf8)
                    + file.content.dropFirst(999).prefix(length) + Data(">".utf8)
                #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == expected)
            }
        }
    }

    @Test func streamsAreChunkedOrCounted() async throws {
        let responder = ClosureResponder { request, _, _ in
            FormatResponse(
                body: .stream(length: request.target == "/known" ? 6 : nil) {
                    writer throws(RegistryError) in
                    try await writer.write(ByteBuffer(string: "one"))
                    try await writer.write(ByteBuffer(string: "two"))
                })
        }
        try await RunningServer.run(responder: responder) { server in
            let client = try await RawClient.connect(port: server.port)
            try await client.send("GET /known HTTP/1.1\r\nHost: h\r\n\r\n")
            let counted = try await client.read(until: "onetwo")
            #expect(counted.contains("content-length: 6\r\n") && !counted.contains("chunked"))
            try await client.send("HEAD /unknown HTTP/1.1\r\nHost: h\r\n\r\n")
            try await client.read(until: "\r\n\r\n", count: 2)
            try await client.send("GET /unknown HTTP/1.1\r\nHost: h\r\n\r\n")
            let chunked = try await client.read(until: "0\r\n\r\n")
            #expect(chunked.contains("transfer-encoding: chunked\r\n"))
            #expect(chunked.hasSuffix("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"))
        }
    }

    /// I9: what goes wrong once the head is out never looks like a whole answer.
    @Test(arguments: ["stream", "short", "long", "blob"])
    func brokenAnswersEndTheConnection(kind: String) async throws {
        let file = try BigFile()
        let responder = ClosureResponder { _, _, _ in
            switch kind {
            case "blob":
                guard
                    let reader = try? FileBlobReader(
                        path: file.path, offersDescriptor: false, failsAt: 5_000_000)
                else { return FormatResponse(status: .notFound) }
                return FormatResponse(body: .blob(BlobSlice(reader)))
            default:
                return FormatResponse(
                    body: .stream(length: kind == "stream" ? nil : 100_000) {
                        writer throws(RegistryError) in
                        try await writer.write(
                            ByteBuffer(repeating: 0x61, count: kind == "long" ? 90_000 : 70_000))
                        if kind == "long" {
                            try await writer.write(ByteBuffer(repeating: 0x61, count: 70_000))
                        }
                        if kind == "stream" {
                            throw RegistryError(.internalError, "the source failed")
                        }
                    })
            }
        }
        try await RunningServer.run(responder: responder) { server in
            let (output, status) = try await Curl.run([
                "-o", file.folder.path("out"), "-w", "%{http_code}",
                "http://127.0.0.1:\(server.port)/x",
            ])
            #expect(output.hasPrefix("200"))
            // 18: the transfer ended before all of it came.
            #expect(status == 18, "\(output)")
            let line = try #require(try await server.accessLog.lines(about: "/x").first)
            #expect(line["aborted"] == "true")
            #expect(line["failure"] != nil)

            // An old client could take the end of the connection for the end of the body.
            if kind == "stream" {
                let old = try await RawClient.connect(port: server.port)
                try await old.send("GET / HTTP/1.0\r\n\r\n")
                try await old.readToEnd()
                #expect(old.failure != nil)
            }
        }
    }

    @Test func aFailureBeforeTheFirstByteIsAnAnswer() async throws {
        let file = try BigFile()
        let responder = ClosureResponder { request, _, _ in
            guard
                let reader = try? FileBlobReader(
                    path: file.path, offersDescriptor: false, failsAt: 0)
            else { return FormatResponse(status: .notFound) }
            let length: Int64 = request.target == "/small" ? 10 : 1_000_000
            return FormatResponse(
                body: .blob(BlobSlice(reader, range: ByteRange(offset: 0, length: length))))
        }
        try await RunningServer.run(responder: responder) { server in
            let client = try await RawClient.connect(port: server.port)
            for (number, path) in ["/small", "/large"].enumerated() {
                try await client.send("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
                let answer = try await client.read(until: "the disk failed\n", count: number + 1)
                #expect(answer.hasPrefix("HTTP/1.1 500 "))
            }
        }
    }

    @Test(arguments: [true, false]) func aClientThatTakesNothingIsClosedOn(
        usesSendfile: Bool
    ) async throws {
        let file = try BigFile()
        let responder = ClosureResponder { _, _, _ in
            guard let reader = try? FileBlobReader(path: file.path, offersDescriptor: usesSendfile)
            else { return FormatResponse(status: .notFound) }
            return FormatResponse(body: .blob(BlobSlice(reader)))
        }
        var settings = HTTPServerSettings()
        settings.idleTimeoutSeconds = 0.5
        try await RunningServer.run(settings: settings, responder: responder) { server in
            let client = try await RawClient.connect(port: server.port, readsBytes: false)
            try await client.send("GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n")
            let line = try #require(try await server.accessLog.lines(about: "/stuck").first)
            #expect(line["aborted"] == "true")
        }
    }
}
