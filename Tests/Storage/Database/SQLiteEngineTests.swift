import Database
import Foundation
import TestSupport
import Testing

@Suite("The SQLite engine")
struct SQLiteEngineTests {
    @Test("Commits are on disk, foreign keys are checked")
    func settings() async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase(isMigrated: false)
        try await database.withEngine { engine in
            let rows = try await engine.write { session in
                try [
                    "PRAGMA synchronous", "PRAGMA foreign_keys", "PRAGMA journal_mode",
                ].map { try session.query($0 as SQL).map(\.values) }
            }
            #expect(rows == [[[.integer(2)]], [[.integer(1)]], [[.text("wal")]]])
        }
    }

    @Test("Two processes write one file")
    func twoEngines() async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase(isMigrated: false)
        try await database.withEngine { one in
            try await one.write { session in
                try session.execute("CREATE TABLE counters (value {integer}) {table}")
                try session.execute("INSERT INTO counters (value) VALUES (0)")
            }
            try await database.withEngine { two in
                try await withThrowingTaskGroup { group in
                    for number in 0..<100 {
                        group.addTask {
                            try await (number % 2 == 0 ? one : two).write { session in
                                try session.execute("UPDATE counters SET value = value + 1")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let rows = try await two.read { try $0.query("SELECT value FROM counters") }
                #expect(rows.map(\.values) == [[.integer(100)]])
            }
        }
    }

    @Test("The state mark changes with every commit of any process, and with nothing else")
    func stateMark() async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase(isMigrated: false)
        try await database.withEngine { one in
            try await one.write { session in
                try session.execute("CREATE TABLE counters (value {integer}) {table}")
                try session.execute("INSERT INTO counters (value) VALUES (0)")
            }
            try await database.withEngine { two in
                var seen: Set<Int64> = []
                for number in 0..<100 {
                    try await (number % 2 == 0 ? one : two).write { session in
                        try session.execute("UPDATE counters SET value = value + 1")
                    }
                    let mark = try #require(one.findStateMark())
                    #expect(seen.insert(mark).inserted)
                    _ = try await two.read { try $0.query("SELECT value FROM counters") }
                    await #expect(throws: DatabaseError.self) {
                        try await two.write { session in
                            try session.execute("UPDATE counters SET value = 0")
                            throw DatabaseError(.other, "no commit")
                        }
                    }
                    #expect(one.findStateMark() == mark)
                }
            }
        }
    }

    @Test("Another process that writes for too long makes it unavailable, not broken")
    func busy() async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase(isMigrated: false)
        var limits = SQLiteEngine.Limits()
        limits.busyWaitSeconds = 0.2
        let impatient = try SQLiteEngine(path: database.address, limits: limits)
        try await database.withEngine { other in
            let isHeld = DispatchSemaphore(value: 0)
            let mayEnd = DispatchSemaphore(value: 0)
            async let held: Void = other.write { session in
                try session.execute("CREATE TABLE x (id {identity}) {table}")
                isHeld.signal()
                mayEnd.wait()
            }
            let error = await #expect(throws: DatabaseError.self) {
                // The thread of the transaction waits, not the task.
                try await impatient.read { _ in isHeld.wait() }
                try await impatient.write { session in
                    try session.execute("INSERT INTO x (id) VALUES (1)")
                }
            }
            #expect(error?.kind == .unavailable)
            mayEnd.signal()
            try await held
            try await impatient.write { session in
                try session.execute("INSERT INTO x (id) VALUES (1)")
            }
        }
        await impatient.close()
    }

    @Test("A file that is no database is an error")
    func noDatabase() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(String(repeating: "not a database ", count: 100), to: "x")
        #expect(throws: DatabaseError.self) { try SQLiteEngine(path: path) }
    }
}
