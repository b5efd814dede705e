import Foundation
import TestSupport
import Testing

/// The server as a process of its own.
@Suite struct ServeTests {
    private static let token = "initial-token-of-the-tests"

    @Test func theFirstStartPrintsAPasswordOnce() async throws {
        let folder = try TemporaryFolder()
        let first = try await ServerProcess.start(options: ["--data", folder.path("data")])
        let line = try await first.line(containing: "password: ")
        let password = try #require(line.firstMatch(of: /password: (\S+)/)).output.1
        let signedIn = try await Curl.run(
            "--user", "root:\(password)", first.url("/api/v4/user").absoluteString)
        #expect(signedIn.status == 200, "\(signedIn.body)")
        #expect(signedIn.body.contains("\"root\""))
        let wrong = try await Curl.run(
            "--user", "root:\(password)x", first.url("/api/v4/user").absoluteString)
        #expect(wrong.status == 401)
        let ending = try await first.terminate()
        #expect(ending == .init(status: 0, wasSignalled: false), "\(first.log)")

        let second = try await first.restart()
        #expect(!second.log.contains("password: "))
        #expect(!second.log.contains(password))
        let again = try await Curl.run(
            "--user", "root:\(password)", second.url("/api/v4/user").absoluteString)
        #expect(again.status == 200)
        try await second.terminate()
    }

    @Test func aGivenTokenBecomesTheAdministrators() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(
            options: ["--data", folder.path("data")],
            environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": Self.token])
        #expect(!server.log.contains(Self.token))
        #expect(!server.log.contains("password: "))
        for credential in [
            ["--header", "PRIVATE-TOKEN: \(Self.token)"], ["--user", "root:\(Self.token)"],
            ["--header", "Authorization: Bearer \(Self.token)"],
        ] {
            let answer = try await Curl.run(
                credential[0], credential[1], server.url("/api/v4/user").absoluteString)
            #expect(answer.status == 200, "\(credential): \(answer.body)")
        }
        try await server.terminate()
    }

    @Test func theSigningKeyOutlivesTheProcess() async throws {
        let folder = try TemporaryFolder()
        let key = URL(fileURLWithPath: folder.path("data/signing-key.pem"))
        let first = try await ServerProcess.start(
            options: ["--data", folder.path("data"), "--registry-token-lifetime", "90"],
            environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": Self.token])
        let content = try Data(contentsOf: key)
        let attributes = try FileManager.default.attributesOfItem(atPath: key.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let login = try await Curl.run(
            "--user", "root:\(Self.token)",
            first.url("/jwt/auth?offline_token=true").absoluteString)
        #expect(login.status == 200, "\(login.body)")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(login.body.utf8)) as? [String: Any])
        #expect(object["expires_in"] as? Int == 90)
        let refresh = try #require(object["refresh_token"] as? String)
        try await first.terminate()

        let second = try await first.restart()
        #expect(try Data(contentsOf: key) == content)
        let refreshed = try await Curl.run(
            "--data", "grant_type=refresh_token", "--data", "refresh_token=\(refresh)",
            second.url("/jwt/auth").absoluteString)
        #expect(refreshed.status == 200, "\(refreshed.body)")
        #expect(!second.log.contains(refresh))
        try await second.terminate()
    }

    @Test func theLastDownloadsAreWrittenDown() async throws {
        let folder = try TemporaryFolder()
        let first = try await ServerProcess.start(
            options: ["--data", folder.path("data")],
            environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": Self.token])
        let header = "PRIVATE-TOKEN: \(Self.token)"
        let made = try await Curl.run(
            "--header", header, "--data", "name=box", first.url("/api/v4/projects").absoluteString)
        #expect(made.status == 201, "\(made.body)")
        let file = first.url("/root/box/-/generic/tool/1.0/tool").absoluteString
        let stored = try await Curl.run(
            "--header", header, "--request", "PUT", "--data-binary", "content", file)
        #expect(stored.status == 201, "\(stored.body)")
        for _ in 0..<3 {
            #expect(try await Curl.run("--header", header, file).status == 200)
        }
        try await first.terminate()
        let second = try await first.restart()
        let listed = try await Curl.run(
            "--header", header,
            second.url("/api/v4/projects/root%2Fbox/packages").absoluteString)
        #expect(listed.body.contains("\"download_count\":3"), "\(listed.body)")
        try await second.terminate()
    }

    @Test(arguments: ["json", "text"])
    func theLogIsReadable(format: String) async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(
            options: ["--data", folder.path("data"), "--log-format", format],
            environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": Self.token])
        let answer = try await Curl.run(server.url("/livez").absoluteString)
        #expect(answer.status == 200)
        try await server.terminate()
        let lines = server.log.split(separator: "\n").filter { !$0.hasPrefix("Created the") }
        #expect(lines.contains { $0.contains("/livez") || $0.contains("health") })
        for line in lines where format == "json" {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["level"] is String, "\(line)")
        }
    }

    @Test func problemsOfTheStartAreExplained() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(options: ["--data", folder.path("data")])
        let port = try #require(server.baseURL.port)
        let inUse = try await CommandRun.packhouse(
            "serve", "--data", folder.path("other"), "--listen", "127.0.0.1:\(port)")
        #expect(inUse.status == 1)
        #expect(inUse.output.contains("cannot listen on 127.0.0.1:\(port)"), "\(inUse.output)")
        #expect(inUse.output.contains("choose another port with --listen"))
        try await server.terminate()

        let certificate = try folder.write("no certificate", to: "cert.pem")
        let bad = try await CommandRun.packhouse(
            "serve", "--data", folder.path("data"), "--listen", "127.0.0.1:0", "--tls-cert",
            certificate, "--tls-key", certificate)
        #expect(bad.status == 1)
        #expect(bad.output.contains("cannot use the certificate"), "\(bad.output)")

        let key = folder.path("data/signing-key.pem")
        try Data("no key".utf8).write(to: URL(fileURLWithPath: key))
        let damaged = try await CommandRun.packhouse(
            "serve", "--data", folder.path("data"), "--listen", "127.0.0.1:0")
        #expect(damaged.status == 1)
        #expect(damaged.output.contains("the signing key \(key) is damaged"), "\(damaged.output)")
        try FileManager.default.removeItem(atPath: key)

        let unreachable = try await CommandRun.packhouse(
            "serve", "--data", folder.path("data"), "--database-url",
            "postgres://me:secret@127.0.0.1:1/none")
        #expect(unreachable.status == 1)
        #expect(
            unreachable.output.contains("postgres://me:***@127.0.0.1:1/none"),
            "\(unreachable.output)")
        #expect(unreachable.output.contains("is it running"))
        #expect(!unreachable.output.contains("secret"))

        let blocked = try folder.write("a file", to: "file")
        let noFolder = try await CommandRun.packhouse("serve", "--data", blocked + "/below")
        #expect(noFolder.status == 1)
        #expect(noFolder.output.contains("cannot make the data folder"))
    }

    @Test func terminationLetsARunningUploadFinish() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(
            options: ["--data", folder.path("data")],
            environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": Self.token])
        let made = try await CommandRun.packhouse(
            "project", "create", "root/drain", "--data", folder.path("data"))
        #expect(made.status == 0, "\(made.output)")
        let address = "/root/drain/-/generic/tool/1.0/tool.txt"
        let upload = try ChildProcess.shell(
            "curl",
            [
                "--silent", "--verbose", "--header", "PRIVATE-TOKEN: \(Self.token)", "--header",
                "Expect: 100-continue", "--expect100-timeout", "30", "--upload-file", "-",
                server.url(address).absoluteString,
            ], input: nil)
        _ = try await upload.firstLine(containing: "100 Continue")
        try upload.send("first half, ")
        server.beginTermination()
        _ = try await server.line(containing: "draining")
        try upload.send("second half")
        try upload.endInput()
        let uploaded = try await upload.ending()
        #expect(uploaded.status == 0)
        #expect(upload.output.contains("HTTP/1.1 201"), "\(upload.output)")
        let ending = try await server.ending()
        #expect(ending == .init(status: 0, wasSignalled: false), "\(server.log)")

        let restarted = try await server.restart()
        let read = try await Curl.run(
            "--header", "PRIVATE-TOKEN: \(Self.token)", restarted.url(address).absoluteString)
        #expect(read.status == 200)
        #expect(read.body == "first half, second half")
        try await restarted.terminate()
    }

    @Test func withACertificateItSpeaksTLSAndHTTP2() async throws {
        let folder = try TemporaryFolder()
        let (key, certificate) = (folder.path("key.pem"), folder.path("cert.pem"))
        let made = try await CommandRun.shell(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ])
        #expect(made.status == 0, "\(made.output)")
        let server = try await ServerProcess.start(options: [
            "--data", folder.path("data"), "--tls-cert", certificate, "--tls-key", key,
        ])
        #expect(server.baseURL.scheme == "https")
        for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
            let run = try await CommandRun.shell(
                "curl",
                [
                    "--silent", "--show-error", flag, "--cacert", certificate, "--output",
                    "/dev/null", "--write-out", "%{http_version} %{http_code}",
                    server.url("/livez").absoluteString,
                ])
            #expect(run.output == "\(version) 200")
        }
        try await server.terminate()
    }

    @Test func twoReplicasMakeOneAdministrator() async throws {
        let folder = try TemporaryFolder()
        let database = try await DatabaseKind.postgres.makeDatabase(isMigrated: false)
        let options = ["--data", folder.path("data"), "--database-url", database.address]
        async let one = ServerProcess.start(options: options)
        async let two = ServerProcess.start(options: options)
        let servers = try await [one, two]
        let passwords = servers.compactMap {
            $0.log.firstMatch(of: /password: (\S+)/).map { String($0.output.1) }
        }
        #expect(passwords.count == 1, "\(servers.map(\.log))")
        let password = try #require(passwords.first)
        for server in servers {
            let answer = try await Curl.run(
                "--user", "root:\(password)", server.url("/api/v4/user").absoluteString)
            #expect(answer.status == 200)
        }
        let users = try await CommandRun.packhouse(
            "user", "list", "--json", "--database-url", database.address)
        #expect(try users.json([[String: Any]].self).count == 1)
        for server in servers { try await server.terminate() }
    }

    /// I10, and what is promised for a database that stops: an honest answer, and no restart.
    @Test func aDatabaseThatIsGoneIsSaidAndComesBack() async throws {
        let folder = try TemporaryFolder()
        let postgres = try await PostgresServer.start()
        let database = try await postgres.makeDatabase()
        let options = ["--data", folder.path("data"), "--database-url", database]
        let server = try await ServerProcess.start(
            options: options, environment: ["PACKHOUSE_INITIAL_ADMIN_TOKEN": Self.token])
        let made = try await CommandRun.packhouse(
            "project", "create", "root/p", "--database-url", database)
        #expect(made.status == 0, "\(made.output)")
        let file = try folder.write("content", to: "file.txt")
        let address = server.url("/root/p/-/generic/tool/1.0/file.txt").absoluteString
        let header = "PRIVATE-TOKEN: \(Self.token)"
        let put = try await Curl.run("--header", header, "--upload-file", file, address)
        #expect(put.status == 201, "\(put.body)")

        try await postgres.crash()
        for arguments in [["--head"], ["--include"], ["--include", "--upload-file", file]] {
            let run = try await CommandRun.shell(
                "curl", ["--silent", "--header", header] + arguments + [address + "2"])
            #expect(run.output.contains("503"), "\(run.output)")
            #expect(run.output.lowercased().contains("retry-after: "), "\(run.output)")
            for secret in [postgres.folder, "SELECT", "socket", "postgres", Self.token] {
                #expect(!run.output.contains(secret), "\(run.output)")
            }
        }
        let ready = try await Curl.run(server.url("/readyz").absoluteString)
        #expect(ready.status == 503)
        let alive = try await Curl.run(server.url("/livez").absoluteString)
        #expect(alive.status == 200)

        try await postgres.restart()
        let isBack = try await eventually {
            try await Curl.run("--header", header, address).status == 200
        }
        #expect(isBack, "\(server.log)")
        try await server.terminate()
    }
}
