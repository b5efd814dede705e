import Foundation
import GatewayServer
import HTTPTypes
import NIOCore
import Registry
import TestSupport
import Testing

@Suite struct TLSTests {
    /// Makes a certificate for 127.0.0.1 whose owner is called `name`, in `folder`.
    private static func makeCertificate(_ name: String, in folder: String) async throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let made = try await Command.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", "2", "-subj", "/CN=\(name)", "-addext",
                "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/tls.key", "-out",
                folder + "/tls.crt",
            ])
        #expect(made.status == 0, "\(made.output)")
    }

    private static func settings(_ folder: TemporaryFolder) -> HTTPServerSettings {
        var settings = HTTPServerSettings()
        settings.tls = .init(
            certificatePath: folder.path("live/tls.crt"),
            privateKeyPath: folder.path("live/tls.key"), reloadIntervalSeconds: 0.1)
        return settings
    }

    private static func point(_ folder: TemporaryFolder, to name: String) throws {
        // As Kubernetes does it: a link is made beside, and renamed over the old one.
        let next = folder.path("next")
        try FileManager.default.createSymbolicLink(
            atPath: next, withDestinationPath: folder.path(name))
        #expect(rename(next, folder.path("live")) == 0)
    }

    @Test(arguments: ["--http2", "--http1.1"]) func filesGoUpAndDown(version: String) async throws {
        let folder = try TemporaryFolder()
        try await Self.makeCertificate("first", in: folder.path("one"))
        try Self.point(folder, to: "one")
        let file = try ResponseBodyTests.BigFile()
        let responder = ClosureResponder { request, body, trace in
            if request.method == .put {
                return await RequestBodyTests.counting.respond(
                    to: request, body: body, trace: trace)
            }
            guard let reader = try? FileBlobReader(path: file.path) else {
                return FormatResponse(status: .internalServerError)
            }
            return FormatResponse(body: .blob(BlobSlice(reader)))
        }
        try await RunningServer.run(settings: Self.settings(folder), responder: responder) {
            server in
            let url = "https://127.0.0.1:\(server.port)/big"
            let certificate = folder.path("one/tls.crt")
            let out = folder.path("out")
            let down = try await Curl.run([
                version, "--cacert", certificate, "-w", "%{http_version} %{http_code}", "-o", out,
                url,
            ])
            #expect(down.output == (version == "--http2" ? "2 200" : "1.1 200"))
            #expect(down.status == 0)
            #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == file.content)
            for expect in ["Expect:", "Expect: 100-continue"] {
                let up = try await Curl.run([
                    version, "--cacert", certificate, "-T", file.path, "-H", expect,
                    "--expect100-timeout", "20", url,
                ])
                #expect(up.output == "counted \(ResponseBodyTests.BigFile.bytes).")
                #expect(up.status == 0)
            }
        }
    }

    @Test func failuresOnAStreamAreSeen() async throws {
        let folder = try TemporaryFolder()
        try await Self.makeCertificate("first", in: folder.path("one"))
        try Self.point(folder, to: "one")
        let file = try ResponseBodyTests.BigFile()
        let responder = ClosureResponder { request, _, _ in
            if request.method == .put {
                return FormatResponse(
                    status: .contentTooLarge, body: .bytes(ByteBuffer(string: "too large")))
            }
            return FormatResponse(
                body: .stream(length: nil) { writer throws(RegistryError) in
                    try await writer.write(ByteBuffer(repeating: 1, count: 100_000))
                    throw RegistryError(.internalError, "the source failed")
                })
        }
        try await RunningServer.run(settings: Self.settings(folder), responder: responder) {
            server in
            let url = "https://127.0.0.1:\(server.port)/x"
            let down = try await Curl.run(["--http2", "-k", "-o", folder.path("out"), url])
            // 92: the stream was reset.
            #expect(down.status == 92, "\(down.output)")
            let up = try await Curl.run([
                "--http2", "-k", "-H", "Expect:", "-w", " %{http_code}", "-T", file.path, url,
            ])
            #expect(up.output == "too large 413")
            #expect(up.status == 0)
        }
    }

    @Test func newCertificateIsUsedWithoutRestart() async throws {
        let folder = try TemporaryFolder()
        try await Self.makeCertificate("first", in: folder.path("one"))
        try await Self.makeCertificate("second", in: folder.path("two"))
        try Self.point(folder, to: "one")
        try await RunningServer.run(
            settings: Self.settings(folder), responder: HTTPServerTests.echo
        ) { server in
            let url = "https://127.0.0.1:\(server.port)/"
            let before = try await Curl.run(["--cacert", folder.path("one/tls.crt"), url])
            #expect(before.output.contains("GET / 127.0.0.1:\(server.port) true"))
            try Self.point(folder, to: "two")
            var status: CInt = -1
            for _ in 0..<100 where status != 0 {
                status = try await Curl.run(["--cacert", folder.path("two/tls.crt"), url]).status
                if status != 0 { try await Task.sleep(for: .milliseconds(50)) }
            }
            #expect(status == 0)
        }
    }

    @Test func oldTLSIsRefused() async throws {
        let folder = try TemporaryFolder()
        try await Self.makeCertificate("first", in: folder.path("one"))
        try Self.point(folder, to: "one")
        try await RunningServer.run(
            settings: Self.settings(folder), responder: HTTPServerTests.echo
        ) { server in
            let url = "https://127.0.0.1:\(server.port)/"
            let old = try await Curl.run([
                "-k", "--tlsv1.1", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", url,
            ])
            #expect(old.status == 35, "\(old.output)")
            let good = try await Curl.run(["-k", "--tls-max", "1.2", url])
            #expect(good.status == 0)
        }
    }

    @Test func streamsInFlightFinishBeforeTheEnd() async throws {
        let folder = try TemporaryFolder()
        try await Self.makeCertificate("first", in: folder.path("one"))
        try Self.point(folder, to: "one")
        let (signals, go) = AsyncStream.makeStream(of: Void.self)
        let (starts, begun) = AsyncStream.makeStream(of: Void.self)
        let responder = ClosureResponder { _, _, _ in
            FormatResponse(
                body: .stream(length: 2_000_000) { writer throws(RegistryError) in
                    try await writer.write(ByteBuffer(repeating: 0x63, count: 1_000_000))
                    begun.yield()
                    for await _ in signals { break }
                    try await writer.write(ByteBuffer(repeating: 0x63, count: 1_000_000))
                })
        }
        try await RunningServer.run(settings: Self.settings(folder), responder: responder) {
            server in
            let url = "https://127.0.0.1:\(server.port)/x"
            async let down = Curl.run([
                "--http2", "-k", "-o", "/dev/null", "-w", "%{http_version} %{size_download}", url,
            ])
            for await _ in starts { break }
            await server.shutDown()
            go.yield()
            let (output, status) = try await down
            #expect(output == "2 2000000")
            #expect(status == 0)
        }
    }
}
