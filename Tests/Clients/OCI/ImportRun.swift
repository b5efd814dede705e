import Database
import Foundation
import MetadataStorage
import Registry
import TestSupport
import Testing

@testable import ClientSupport

/// One run of `packhouse import distribution`.
struct ImportRun: Sendable {
    /// What it prints as JSON.
    struct Summary: Decodable, Hashable, Sendable {
        struct Amount: Decodable, Hashable, Sendable {
            let count: Int
            let bytes: Int64
        }

        struct Problem: Decodable, Hashable, Sendable {
            let repository: String
            let subject: String
            let reason: String
        }

        let isDryRun: Bool
        let repositoryCount: Int
        let newManifestCount: Int
        let presentManifestCount: Int
        let newTagCount: Int
        let movedTagCount: Int
        let presentTagCount: Int
        let linked: Amount
        let copied: Amount
        let present: Amount
        let problems: [Problem]

        /// The subjects that have problems, as `repository:tag`.
        var failed: Set<String> { Set(problems.map { $0.repository + $0.subject }) }

        /// Whether nothing was new.
        var changedNothing: Bool {
            newManifestCount == 0 && newTagCount == 0 && movedTagCount == 0 && linked.count == 0
                && copied.count == 0
        }
    }

    let status: CInt
    let output: String

    /// The summary of a run with `--json`.
    func summary(sourceLocation: SourceLocation = #_sourceLocation) throws -> Summary {
        let start = try #require(
            output.range(of: "{\n"), "\(output)", sourceLocation: sourceLocation)
        let end = try #require(
            output.range(of: "\n}", options: .backwards), "\(output)",
            sourceLocation: sourceLocation)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            Summary.self, from: Data(output[start.lowerBound..<end.upperBound].utf8))
    }
}

extension Site {
    /// The flags with which the servers find their database and their folder.
    private var storage: [String] {
        let arguments = servers[0].arguments
        return ["--data", "--database-url"].flatMap { flag in
            arguments.firstIndex(of: flag).map { [flag, arguments[$0 + 1]] } ?? []
        }
    }

    func startImport(_ path: String, project: String, _ flags: [String] = []) throws -> ChildProcess
    {
        try ChildProcess(
            executable: PackhouseBinary.url(),
            arguments: ["import", "distribution", path, "--project", project, "--json"] + storage
                + flags)
    }

    /// Imports beside the running servers.
    func runImport(
        _ path: String, project: String = "root/web", _ flags: String...
    ) async throws -> ImportRun {
        let child = try startImport(path, project: project, flags)
        let ending = try await child.ending()
        try #require(!ending.wasSignalled, "\(child.output)")
        return ImportRun(status: ending.status, output: child.output)
    }

    private func withEngine<Value>(
        _ body: (any SQLEngine) async throws -> Value
    ) async throws -> Value {
        let engine: any SQLEngine =
            if let url = storage.last, url.hasPrefix("postgres") {
                PostgresEngine(url: url)
            } else {
                try SQLiteEngine(path: folder.path("data/packhouse.sqlite3"))
            }
        do {
            let value = try await body(engine)
            await engine.close()
            return value
        } catch {
            await engine.close()
            throw error
        }
    }

    /// How many rows the tables have that an import writes to, and how many files there are.
    func countEverything() async throws -> [String: Int64] {
        var counts = try await withEngine { engine in
            try await engine.read { session in
                var counts: [String: Int64] = [:]
                let statements: [(String, SQL)] = [
                    ("packages", "SELECT COUNT(*) FROM packages"),
                    ("versions", "SELECT COUNT(*) FROM versions"),
                    ("files", "SELECT COUNT(*) FROM files"),
                    ("tags", "SELECT COUNT(*) FROM tags"),
                    ("blobs", "SELECT COUNT(*) FROM blobs"),
                    ("leases", "SELECT COUNT(*) FROM blob_leases"),
                    ("reviews", "SELECT COUNT(*) FROM reviews"),
                    ("audit", "SELECT COUNT(*) FROM audit_events"),
                ]
                for (name, statement) in statements {
                    guard var row = try session.first(statement) else { continue }
                    counts[name] = try row.integer()
                }
                return counts
            }
        }
        counts["stored"] = Int64(storedFiles().count)
        return counts
    }

    /// The paths of all files in the blob store, finished or not.
    func storedFiles() -> [String] {
        ["blobs", "uploads"].flatMap { name in
            let root = folder.path("data/\(name)")
            return
                (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? [])
                .map { "\(root)/\($0)" }
                .filter { path in
                    var isFolder: ObjCBool = false
                    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
                        && !isFolder.boolValue
                }
        }
    }

    /// Hashes the bytes of every row.
    func checkRows() async throws {
        let rows = try await withEngine { engine in
            try await engine.read { session in
                try session.query("SELECT digest, storage_key FROM blobs").map { row in
                    var row = row
                    return (try row.text(), try row.text())
                }
            }
        }
        for (digest, key) in rows {
            let bytes = try Data(contentsOf: folder.url.appendingPathComponent("data/blobs/\(key)"))
            #expect(RegistryClient.digest(bytes) == digest, "\(key)")
        }
    }

    /// Makes every tag of a project immutable.
    func makeTagsImmutable(in path: String) async throws {
        try await withEngine { engine in
            let clock = SystemClock()
            try await SQLMetadataStore(engine: engine, clock: clock).write { tx in
                let project = try #require(try tx.findNamespace(.path(path, .project)))
                _ = try tx.insertTagRule(
                    TagRuleDraft(pattern: try NamePattern(".*"), isImmutable: true),
                    projectID: project.id, format: "oci", at: clock.now())
            }
        }
    }
}
