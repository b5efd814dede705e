import Database
import Foundation
import MetadataStorage
import Registry
import TestSupport
import Testing

/// A database with the project `acme/web`, and how commands are told of it.
struct CommandSite {
    let folder: TemporaryFolder
    let database: TestDatabase?
    let environment: [String: String]

    init(_ kind: DatabaseKind) async throws {
        folder = try TemporaryFolder()
        var environment = ["PACKHOUSE_DATA": folder.path("data")]
        database = kind == .sqlite ? nil : try await kind.makeDatabase(isMigrated: false)
        if let database { environment["PACKHOUSE_DATABASE_URL"] = database.address }
        self.environment = environment
        _ = try await list("migrate")
        _ = try await object("group", "create", "acme", "--trash-period", "3d")
        _ = try await object("project", "create", "acme/web")
    }

    func run(_ arguments: [String]) async throws -> CommandRun {
        try await CommandRun.shell(
            try PackhouseBinary.url().path, arguments, environment: environment)
    }

    func object(_ arguments: String...) async throws -> [String: Any] {
        try await run(arguments + ["--json"]).json()
    }

    func list(_ arguments: String...) async throws -> [[String: Any]] {
        try await run(arguments + ["--json"]).json([[String: Any]].self)
    }

    func trash(_ arguments: String...) async throws -> [[String: Any]] {
        try await run(["trash"] + arguments + ["--project", "acme/web", "--json"])
            .json([[String: Any]].self)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataWriting, NamespaceRecord) throws -> Value
    ) async throws -> Value {
        let engine: any SQLEngine =
            try database?.makeEngine()
            ?? SQLiteEngine(path: folder.path("data/packhouse.sqlite3"))
        let store = SQLMetadataStore(engine: engine)
        let result: Result<Value, any Error>
        do {
            result = .success(
                try await store.write { tx in
                    try body(tx, try #require(try tx.findNamespace(.path("acme/web", nil))))
                })
        } catch {
            result = .failure(error)
        }
        await store.close()
        return try result.get()
    }
}
