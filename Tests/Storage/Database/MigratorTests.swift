import Database
import TestSupport
import Testing

@Suite("Migrations")
struct MigratorTests {
    private static let first = Migration(
        number: 1, name: "one", statements: ["CREATE TABLE a (id {identity}) {table}"])
    private static let second = Migration(
        number: 2, name: "two",
        statements: ["CREATE TABLE b (id {identity}) {table}", "INSERT INTO b (id) VALUES (1)"])
    private static let broken = Migration(
        number: 2, name: "broken",
        statements: ["CREATE TABLE b (id {identity}) {table}", "INSERT INTO c (id) VALUES (1)"])

    @Test("Each step is applied once", arguments: DatabaseKind.allCases)
    func applies(_ kind: DatabaseKind) async throws {
        let database = try await kind.makeDatabase(isMigrated: false)
        try await database.withEngine { engine in
            let migrator = Migrator([Self.first, Self.second])
            #expect(
                try await migrator.status(of: engine)
                    == MigrationStatus(applied: [], pending: [1, 2]))
            let one = try await Migrator([Self.first]).migrate(engine, atMicroseconds: 5)
            #expect(one.applied == [1])
            for _ in 0..<2 {
                let status = try await migrator.migrate(engine, atMicroseconds: 6)
                #expect(status == MigrationStatus(applied: [1, 2], pending: []))
            }
            let rows = try await engine.read { session in
                try session.query("SELECT number, applied_at FROM schema_migrations ORDER BY 1")
            }
            #expect(
                rows.map(\.values) == [[.integer(1), .integer(5)], [.integer(2), .integer(6)]])
        }
    }

    @Test("Several processes migrate at the same time", arguments: DatabaseKind.allCases)
    func concurrently(_ kind: DatabaseKind) async throws {
        let database = try await kind.makeDatabase(isMigrated: false)
        try await withThrowingTaskGroup { group in
            for _ in 0..<6 {
                group.addTask {
                    try await database.withEngine { engine in
                        try await Migrator([Self.first, Self.second])
                            .migrate(engine, atMicroseconds: 0)
                    }
                }
            }
            for try await status in group { #expect(status.applied == [1, 2]) }
        }
    }

    @Test("A step that fails leaves nothing", arguments: DatabaseKind.allCases)
    func failing(_ kind: DatabaseKind) async throws {
        let database = try await kind.makeDatabase(isMigrated: false)
        try await database.withEngine { engine in
            await #expect(throws: DatabaseError.self) {
                try await Migrator([Self.first, Self.broken]).migrate(engine, atMicroseconds: 0)
            }
            let status = try await Migrator([Self.first, Self.second])
                .migrate(engine, atMicroseconds: 0)
            #expect(status.applied == [1, 2])
        }
    }

    @Test("A database of a newer program is refused", arguments: DatabaseKind.allCases)
    func newer(_ kind: DatabaseKind) async throws {
        let database = try await kind.makeDatabase(isMigrated: false)
        try await database.withEngine { engine in
            try await Migrator([Self.first, Self.second]).migrate(engine, atMicroseconds: 0)
            let error = await #expect(throws: DatabaseError.self) {
                try await Migrator([Self.first]).migrate(engine, atMicroseconds: 0)
            }
            #expect(error?.kind == .schemaTooNew(found: 2, known: 1))
        }
    }
}
