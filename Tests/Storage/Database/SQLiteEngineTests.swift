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

    @Test("What is deferred is not synchronized, and what comes next is")
    func deferred() async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase(isMigrated: false)
        try await database.withEngine { engine in
            for (urgency, level) in [
                (SQLUrgency.deferred, 1), (.deferred, 1), (.background, 2), (.deferred, 1),
                (.request, 2),
            ] {
                let row = try await engine.write(urgency, observer: nil) { session in
                    try session.query("PRAGMA synchronous").map(\.values)
                }
                #expect(row == [[.integer(Int64(level))]], "\(urgency)")
            }
        }
    }

    @Test("The log does not grow without end while somebody always writes")
    func logLength() async throws {
        let database = try await DatabaseKind.sqlite.makeDatabase(isMigrated: false)
        try await database.withEngine { engine in
            try await engine.write { session in
                try session.execute(
                    "CREATE TABLE pages (id {integer} PRIMARY KEY, bytes {bytes}) {table}")
            }
            let page = [UInt8](repeating: 7, count: 4000)
            var written = 0
            // Four times what a log may have before it begins anew, and a page each for the tree.
            while written < 4 * 32 << 20 {
                let start = written
                try await engine.write(.deferred, observer: nil) { session in
                    for number in 0..<200 {
                        try session.execute(
                            """
                            INSERT INTO pages (id, bytes)
                            VALUES (\(Int64(start / 4000 + number)), \(page))
                            """)
                    }
                }
                written += 200 * 4000
            }
            let attributes = try FileManager.default.attributesOfItem(
                atPath: database.address + "-wal")
            #expect(try #require(attributes[.size] as? Int) < 3 * 32 << 20)
            let rows = try await engine.read { session in
                try session.query("SELECT COUNT(*), SUM(LENGTH(bytes)) FROM pages")
            }
            #expect(
                rows.map(\.values) == [[.integer(Int64(written / 4000)), .integer(Int64(written))]])
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
