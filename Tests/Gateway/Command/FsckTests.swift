import Crypto
import Database
import Foundation
import Registry
import TestSupport
import Testing

/// `packhouse fsck` beside a server that serves.
@Suite struct FsckTests {
    private static let token = "fsck-test-administrator-token"

    /// A server with some files, and the command on its data.
    private struct Site {
        let folder: TemporaryFolder
        let database: TestDatabase?
        let server: ServerProcess
        let environment: [String: String]

        static func start(_ kind: DatabaseKind) async throws -> Site {
            let folder = try TemporaryFolder()
            let database = kind == .sqlite ? nil : try await kind.makeDatabase(isMigrated: false)
            var environment = ["PACKHOUSE_DATA": folder.path("data")]
            if let database { environment["PACKHOUSE_DATABASE_URL"] = database.address }
            // Its scrub could find the damage first.
            let server = try await ServerProcess.start(
                options: ["--scrub-bandwidth", "0"],
                environment: environment.merging(["PACKHOUSE_INITIAL_ADMIN_TOKEN": token]) { $1 })
            return Site(
                folder: folder, database: database, server: server, environment: environment)
        }

        func fsck(_ arguments: String...) async throws -> CommandRun {
            try await CommandRun.shell(
                try PackhouseBinary.url().path, ["fsck"] + arguments, environment: environment)
        }

        /// The JSON that a check prints, and its status.
        func report(
            _ arguments: String...
        ) async throws -> (status: CInt, findings: [[String: Any]], summary: [String: Any]) {
            let run = try await CommandRun.shell(
                try PackhouseBinary.url().path, ["fsck", "--json"] + arguments,
                environment: environment)
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any],
                "\(run.output)")
            #expect(object["complete"] as? Bool == true)
            return (
                run.status, try #require(object["findings"] as? [[String: Any]]),
                try #require(object["summary"] as? [String: Any])
            )
        }

        func put(_ content: String, to path: String) async throws {
            let file = try folder.write(content, to: "content")
            let answer = try await Curl.run(
                "--header", "PRIVATE-TOKEN: \(token)", "--upload-file", file,
                server.url("/root/web/-/generic/\(path)").absoluteString)
            #expect((200..<300).contains(answer.status), "\(answer.body)")
        }

        func get(_ path: String) async throws -> Curl {
            try await Curl.run(
                "--header", "PRIVATE-TOKEN: \(token)",
                server.url("/root/web/-/generic/\(path)").absoluteString)
        }

        func createProject() async throws {
            let answer = try await Curl.run(
                "--header", "PRIVATE-TOKEN: \(token)", "--data", "name=web",
                server.url("/api/v4/projects").absoluteString)
            try #require(answer.status == 201, "\(answer.body)")
        }

        /// The file in the store that holds this content.
        func storedPath(_ content: String) throws -> String {
            let hex = FsckTests.digest(content).dropFirst("sha256:".count)
            let shard = folder.path(
                "data/blobs/sha256/\(hex.prefix(2))/\(hex.dropFirst(2).prefix(2))")
            let names = try FileManager.default.contentsOfDirectory(atPath: shard)
            let name = try #require(names.first { $0.hasPrefix(hex + "-") })
            return "\(shard)/\(name)"
        }

        func withEngine<Value>(_ body: (any SQLEngine) async throws -> Value) async throws -> Value
        {
            let engine: any SQLEngine =
                try database?.makeEngine()
                ?? SQLiteEngine(path: folder.path("data/packhouse.sqlite3"))
            let value = try await body(engine)
            await engine.close()
            return value
        }
    }

    private static func digest(_ content: String) -> String {
        "sha256:" + Hex.encode(SHA256.hash(data: Data(content.utf8)))
    }

    @Test(arguments: DatabaseKind.allCases)
    func damageIsFoundPutAsideAndHealedByAPush(kind: DatabaseKind) async throws {
        let site = try await Site.start(kind)
        try await site.createProject()
        // Too large to be remembered, so that the server reads what lies there.
        let large = String(repeating: "large ", count: 20_000)
        try await site.put(large, to: "tool/1.0/large")
        try await site.put(large, to: "tool/2.0/large")
        try await site.put("small", to: "tool/1.0/small")
        let clean = try await site.report()
        #expect(clean.status == 0 && clean.findings.isEmpty)
        #expect(clean.summary["blob_count"] as? Int == 2)
        #expect(clean.summary["blob_bytes"] as? Int == 120_005)
        #expect(clean.summary["package_count"] as? Int == 1)

        let path = try site.storedPath(large)
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.write(contentsOf: Data("x".utf8))
        try file.close()
        #expect(try await site.report("--quick").status == 0)
        let found = try await site.report()
        #expect(found.status == 1 && found.findings.count == 1)
        let finding = try #require(found.findings.first)
        #expect(finding["kind"] as? String == "wrong_digest")
        #expect(finding["digest"] as? String == Self.digest(large))
        #expect(finding["repair"] == nil)
        let uses = try #require(finding["uses"] as? [[String: Any]])
        #expect(uses.map { $0["version"] as? String } == ["1.0", "2.0"])
        #expect(uses.map { $0["project"] as? String } == ["root/web", "root/web"])
        let chosen = try await site.report("--digest", Self.digest("small"))
        #expect(chosen.status == 0)
        #expect(try await site.report("--digest", Self.digest(large)).status == 1)
        #expect(try await site.report("--project", "root/web").status == 1)

        let text = try await site.fsck("--repair")
        #expect(text.status == 1)
        #expect(text.output.contains("quarantined; push the same content again to heal it"))
        #expect(text.output.contains("named by root/web/-/generic/tool 2.0 large"))
        #expect(text.output.contains("LEFT"))
        #expect(!FileManager.default.fileExists(atPath: path))
        let aside = path.replacingOccurrences(of: "/data/blobs/", with: "/data/quarantine/")
        #expect(FileManager.default.fileExists(atPath: aside))
        let report = try String(contentsOfFile: aside + ".json", encoding: .utf8)
        #expect(report.contains("\"problem\":\"wrong_digest\""))
        #expect(try await site.get("tool/1.0/large").status == 404)
        #expect(try await site.report().findings.map { $0["kind"] as? String } == ["missing_bytes"])

        try await site.put(large, to: "tool/1.0/large")
        #expect(try await site.get("tool/2.0/large").body == large)
        #expect(try await site.report().status == 0)
        try await site.server.terminate()
    }

    @Test(arguments: DatabaseKind.allCases)
    func rowsThatAreWrongAreCorrected(kind: DatabaseKind) async throws {
        let site = try await Site.start(kind)
        try await site.createProject()
        try await site.put("one", to: "tool/1.0/one")
        try await site.put("two", to: "box/1.0/two")
        try await site.server.terminate()
        try await site.withEngine { engine in
            _ = try await engine.write { session in
                try session.execute("UPDATE packages SET size_bytes = 77 WHERE name = 'tool'")
                try session.execute(
                    """
                    INSERT INTO unlinks (storage_key, attempts, created_at)
                    SELECT storage_key, 0, 0 FROM blobs WHERE size = 3
                    """)
                try session.execute("UPDATE versions SET deleted_at = 5 WHERE name = '1.0'")
                try session.execute("UPDATE packages SET size_bytes = 0 WHERE name = 'box'")
            }
        }
        let found = try await site.report()
        #expect(found.status == 1)
        let kinds = found.findings.compactMap { $0["kind"] as? String }.sorted()
        #expect(
            kinds == [
                "package_size", "unlink_of_named_key", "unlink_of_named_key", "unreviewed_version",
                "unreviewed_version",
            ])
        let repaired = try await site.report("--repair")
        #expect(repaired.status == 0 && repaired.findings.count == 5)
        #expect(repaired.findings.allSatisfy { $0["repair"] as? String == "corrected" })
        #expect(repaired.summary["remaining_count"] as? Int == 0)
        let again = try await site.report()
        #expect(again.status == 0 && again.findings.isEmpty)
    }

    @Test func aCheckThatCannotBeMadeSaysSo() async throws {
        let folder = try TemporaryFolder()
        let data = folder.path("data")
        let missing = try await CommandRun.packhouse("fsck", "--data", data)
        #expect(missing.status == 2)
        #expect(missing.output.contains("Error: there is no blob store at \(data)"))
        #expect(!FileManager.default.fileExists(atPath: data))
        #expect(try await CommandRun.packhouse("migrate", "--data", data).status == 0)
        try FileManager.default.createDirectory(
            atPath: data + "/blobs", withIntermediateDirectories: true)
        #expect(try await CommandRun.packhouse("fsck", "--data", data).status == 0)
        let unknown = try await CommandRun.packhouse(
            "fsck", "--data", data, "--json", "--digest", Self.digest("nothing"))
        #expect(unknown.status == 2)
        #expect(unknown.output.contains("\"complete\": false"))
        #expect(unknown.output.contains("there is no blob"))
        let project = try await CommandRun.packhouse(
            "fsck", "--data", data, "--project", "acme/none")
        #expect(project.status == 2)
        for wrong in [["--digest", "md5:1"], ["--parallel", "0"], ["--bandwidth", "-1"]] {
            let run = try await CommandRun.packhouse("fsck", wrong[0] + "=" + wrong[1])
            #expect(run.status == 64, "\(wrong): \(run.output)")
        }
        let help = try await CommandRun.packhouse("fsck", "--help")
        #expect(help.output.contains("The status is 0"))
    }
}
