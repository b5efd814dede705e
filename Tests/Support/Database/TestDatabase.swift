public import Database
public import MetadataStorage
public import Registry

/// A database for one test. A SQLite file goes with the last reference; a Postgres database goes
/// with the server.
public final class TestDatabase: Sendable {
    public let kind: DatabaseKind
    /// The path of the file, or the address of the Postgres database.
    public let address: String
    private let folder: TemporaryFolder?

    private init(_ kind: DatabaseKind, address: String, folder: TemporaryFolder?) {
        self.kind = kind
        self.address = address
        self.folder = folder
    }

    static func makeSQLite(inMemory: Bool) throws -> TestDatabase {
        let folder = try TemporaryFolder(inMemory: inMemory)
        return TestDatabase(.sqlite, address: folder.path("packhouse.sqlite"), folder: folder)
    }

    static func makePostgres(isMigrated: Bool) async throws -> TestDatabase {
        let server = try await PostgresServer.shared()
        let template = isMigrated ? try await migratedTemplate.value : "template0"
        let address = try await server.makeDatabase(template: template)
        return TestDatabase(.postgres, address: address, folder: nil)
    }

    private static let migratedTemplate = Task {
        let server = try await PostgresServer.shared()
        let name = "packhouse_template"
        try await server.makeDatabase(named: name)
        let database = TestDatabase(.postgres, address: server.url(name), folder: nil)
        try await database.migrate()
        return name
    }

    /// Opens an engine; the caller closes it.
    public func makeEngine() throws -> any SQLEngine {
        switch kind {
        case .sqlite: try SQLiteEngine(path: address)
        case .postgres: PostgresEngine(url: address)
        }
    }

    /// Runs `body` with an engine, and closes it.
    public func withEngine<Value>(
        _ body: (any SQLEngine) async throws -> Value
    ) async throws -> Value {
        let engine = try makeEngine()
        do {
            let value = try await body(engine)
            await engine.close()
            return value
        } catch {
            await engine.close()
            throw error
        }
    }

    /// Runs `body` with a store, and closes it.
    public func withStore<Value>(
        clock: any RegistryClock = SystemClock(),
        _ body: (SQLMetadataStore) async throws -> Value
    ) async throws -> Value {
        try await withEngine { engine in
            try await body(SQLMetadataStore(engine: engine, clock: clock))
        }
    }

    func migrate() async throws {
        try await withStore { store in _ = try await store.migrate() }
    }
}
