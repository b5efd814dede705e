import Database
import Foundation
import TestSupport
import Testing

@Suite("What every engine does")
struct SQLEngineTests {
    private static let makeTables: [SQL] = [
        "CREATE TABLE counters (id {identity}, name {text} NOT NULL UNIQUE, value {integer}) {table}",
        """
        CREATE TABLE notes (
            id {identity}, counter_id {integer} NOT NULL
                REFERENCES counters (id) ON DELETE RESTRICT,
            body {bytes}
        ) {table}
        """,
    ]

    private func withTables(
        _ kind: DatabaseKind, _ body: (any SQLEngine) async throws -> Void
    ) async throws {
        let database = try await kind.makeDatabase(isMigrated: false)
        try await database.withEngine { engine in
            try await engine.write { session in
                for statement in Self.makeTables { try session.execute(statement) }
            }
            try await body(engine)
        }
    }

    private func value(_ name: String, _ engine: any SQLEngine) async throws -> Int64? {
        try await engine.read { session in
            var row = try session.first("SELECT value FROM counters WHERE name = \(name)")
            return try row?.optionalInteger()
        }
    }

    @Test("Values come back as they were bound", arguments: DatabaseKind.allCases)
    func values(_ kind: DatabaseKind) async throws {
        let database = try await kind.makeDatabase(isMigrated: false)
        let integers: [Int64?] = [nil, 0, -1, .min, .max]
        let texts: [String?] = [nil, "", "'; DROP TABLE x; --", "Zoë \u{1F600}\n$1 {text}"]
        let contents: [[UInt8]] = [[], [0], Array(0...255)]
        try await database.withEngine { engine in
            try await engine.write { session in
                try session.execute(
                    "CREATE TABLE x (id {identity}, i {integer}, t {text}, b {bytes}) {table}")
                for integer in integers {
                    for text in texts {
                        for content in contents {
                            var row = try #require(
                                try session.first(
                                    """
                                    INSERT INTO x (i, t, b) VALUES (\(integer), \(text), \(content))
                                    RETURNING i, t, b
                                    """))
                            #expect(try row.optionalInteger() == integer)
                            #expect(try row.optionalText() == text)
                            #expect(try row.bytes() == content)
                        }
                    }
                }
            }
        }
    }

    @Test("Text is ordered by its bytes", arguments: DatabaseKind.allCases)
    func order(_ kind: DatabaseKind) async throws {
        let words = ["B", "_", "a", "a-b", "a.b", "ab", "Z", "é", "z"]
        try await withTables(kind) { engine in
            let listed = try await engine.write { session in
                for word in words {
                    try session.execute("INSERT INTO counters (name) VALUES (\(word))")
                }
                return try session.query("SELECT name FROM counters ORDER BY name").map { row in
                    var row = row
                    return try row.text()
                }
            }
            #expect(listed == words.sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) })
        }
    }

    @Test("A transaction that throws leaves nothing", arguments: DatabaseKind.allCases)
    func rollback(_ kind: DatabaseKind) async throws {
        struct Refusal: Error {}
        try await withTables(kind) { engine in
            await #expect(throws: Refusal.self) {
                try await engine.write { session in
                    try session.execute("INSERT INTO counters (name, value) VALUES ('a', 1)")
                    throw Refusal()
                }
            }
            let left = try await value("a", engine)
            #expect(left == nil)
        }
    }

    @Test("After a failed statement nothing more is done", arguments: DatabaseKind.allCases)
    func poison(_ kind: DatabaseKind) async throws {
        try await withTables(kind) { engine in
            let error = await #expect(throws: DatabaseError.self) {
                try await engine.write { session in
                    try session.execute("INSERT INTO counters (name, value) VALUES ('a', 1)")
                    #expect(throws: DatabaseError.self) {
                        try session.execute("INSERT INTO counters (name, value) VALUES ('a', 2)")
                    }
                    #expect(throws: DatabaseError.self) {
                        try session.query("SELECT name FROM counters")
                    }
                }
            }
            guard case .uniqueViolation(table: "counters", _) = error?.kind else {
                Issue.record("a taken name gave \(String(describing: error))")
                return
            }
            let left = try await value("a", engine)
            #expect(left == nil)
        }
    }

    @Test("Rows that are needed stay", arguments: DatabaseKind.allCases)
    func foreignKeys(_ kind: DatabaseKind) async throws {
        try await withTables(kind) { engine in
            try await engine.write { session in
                try session.execute("INSERT INTO counters (id, name) VALUES (7, 'a')")
                try session.execute("INSERT INTO notes (counter_id) VALUES (7)")
            }
            let statements: [SQL] = [
                "DELETE FROM counters WHERE id = 7", "INSERT INTO notes (counter_id) VALUES (8)",
            ]
            for statement in statements {
                let error = await #expect(throws: DatabaseError.self) {
                    try await engine.write { session in try session.execute(statement) }
                }
                #expect(error?.kind == .foreignKeyViolation)
            }
        }
    }

    @Test("A read sees one state and changes none", arguments: DatabaseKind.allCases)
    func snapshot(_ kind: DatabaseKind) async throws {
        try await withTables(kind) { engine in
            try await engine.write { session in
                try session.execute("INSERT INTO counters (name, value) VALUES ('a', 1)")
            }
            let hasRead = DispatchSemaphore(value: 0)
            let hasWritten = DispatchSemaphore(value: 0)
            async let values = engine.read { session in
                let statement: SQL = "SELECT value FROM counters WHERE name = 'a'"
                let before = try session.query(statement)
                hasRead.signal()
                hasWritten.wait()
                return try [before, session.query(statement)].map { $0.map(\.values) }
            }
            try await engine.write { session in
                hasRead.wait()
                try session.execute("UPDATE counters SET value = 2")
            }
            hasWritten.signal()
            #expect(try await values == [[[.integer(1)]], [[.integer(1)]]])
            #expect(try await value("a", engine) == 2)
            await #expect(throws: DatabaseError.self) {
                try await engine.read { session in
                    try session.execute("UPDATE counters SET value = 3")
                }
            }
            #expect(try await value("a", engine) == 2)
        }
    }

    @Test("No change is lost among many at once", arguments: DatabaseKind.allCases)
    func concurrentWrites(_ kind: DatabaseKind) async throws {
        try await withTables(kind) { engine in
            try await withThrowingTaskGroup { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await engine.write { session in
                            try session.execute(
                                """
                                INSERT INTO counters (name, value) VALUES ('a', 1)
                                ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
                                """)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await value("a", engine) == 200)
        }
    }

    @Test(
        "A call that fails undoes all or nothing, whichever it is",
        arguments: DatabaseKind.allCases, FaultyEngine.Moment.allCases)
    func faults(_ kind: DatabaseKind, _ moment: FaultyEngine.Moment) async throws {
        try await withTables(kind) { engine in
            for failingCall in 1...4 {
                let name = "n\(failingCall)"
                let faulty = FaultyEngine(engine, failingCall: failingCall, moment)
                let result = await Result {
                    try await faulty.write { session in
                        for part in ["x", "y"] {
                            try session.execute(
                                "INSERT INTO counters (name, value) VALUES (\(name + part), 1)")
                        }
                    }
                }
                let isThere = try await [value("\(name)x", engine), value("\(name)y", engine)]
                // Two statements and the commit; the fourth call is never made.
                let isCommitted = failingCall == 4 || (failingCall == 3 && moment == .after)
                #expect(isThere == (isCommitted ? [1, 1] : [nil, nil]))
                #expect((try? result.get()) == nil || failingCall == 4)
                #expect(faulty.hasFailed == (failingCall < 4))
            }
        }
    }

    @Test("A closed engine refuses", arguments: DatabaseKind.allCases)
    func close(_ kind: DatabaseKind) async throws {
        let database = try await kind.makeDatabase(isMigrated: false)
        let engine = try database.makeEngine()
        try await engine.write { session in _ = try session.query("SELECT 1") }
        await engine.close()
        await engine.close()
        let error = await #expect(throws: DatabaseError.self) {
            try await engine.read { session in try session.query("SELECT 1") }
        }
        #expect(error?.kind == .unavailable)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
