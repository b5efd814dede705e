import Database
import Foundation
import TestSupport
import Testing

@Suite("The Postgres engine")
struct PostgresEngineTests {
    private func withTable(
        _ limits: PostgresEngine.Limits = PostgresEngine.Limits(),
        _ body: (PostgresEngine, String) async throws -> Void
    ) async throws {
        let address = try await PostgresServer.shared().makeDatabase()
        let engine = PostgresEngine(url: address, limits: limits)
        try await engine.write { session in
            try session.execute("CREATE TABLE x (id {integer} PRIMARY KEY, value {integer})")
            try session.execute("INSERT INTO x (id, value) VALUES (1, 0), (2, 0)")
        }
        try await body(engine, address)
        await engine.close()
    }

    private func sum(_ engine: PostgresEngine) async throws -> Int64 {
        try await engine.read { session in
            var row = try session.first("SELECT CAST(SUM(value) AS BIGINT) FROM x")
            return try row?.integer() ?? 0
        }
    }

    private static let disconnectOthers: SQL = """
        SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        """

    @Test("A connection that died while it was idle is replaced")
    func idleConnections() async throws {
        var limits = PostgresEngine.Limits()
        limits.connectionCount = 1
        try await withTable(limits) { engine, address in
            let other = PostgresEngine(url: address, limits: limits)
            try await other.write { _ = try $0.query(Self.disconnectOthers) }
            #expect(try await sum(engine) == 0)
            try await other.write { _ = try $0.query(Self.disconnectOthers) }
            try await engine.write { try $0.execute("UPDATE x SET value = 1 WHERE id = 1") }
            #expect(try await sum(engine) == 1)
            await other.close()
        }
    }

    @Test("A write whose connection dies before its commit runs again; behind it nobody knows")
    func lostInTransaction() async throws {
        try await withTable { engine, address in
            let other = PostgresEngine(url: address)
            _ = try await sum(engine)
            let runCount = SendableBox(0)
            let cut: @Sendable () -> Void = {
                let isDone = DispatchSemaphore(value: 0)
                Task {
                    try await other.write { _ = try $0.query(Self.disconnectOthers) }
                    isDone.signal()
                }
                isDone.wait()
            }
            try await engine.write { session in
                try session.execute("UPDATE x SET value = value + 1 WHERE id = 1")
                let number = runCount.withValue { count in
                    count += 1
                    return count
                }
                if number == 1 { cut() }
                try session.execute("UPDATE x SET value = value + 1 WHERE id = 2")
            }
            #expect(runCount.withValue { $0 } == 2)
            #expect(try await sum(engine) == 2)

            let error = await #expect(throws: DatabaseError.self) {
                try await engine.write(observer: BeforeCommit(cut)) { session in
                    runCount.withValue { $0 += 1 }
                    try session.execute("UPDATE x SET value = value + 1 WHERE id = 1")
                }
            }
            #expect(error?.kind == .unknownOutcome)
            #expect(runCount.withValue { $0 } == 3)
            await other.close()
        }
    }

    @Test("A server that went away is unavailable, and used again when it is back")
    func restart() async throws {
        let server = try await PostgresServer.start()
        let engine = PostgresEngine(url: try await server.makeDatabase())
        try await engine.write { session in
            try session.execute("CREATE TABLE x (id {integer} PRIMARY KEY, value {integer})")
            try session.execute("INSERT INTO x (id, value) VALUES (1, 5)")
        }
        try await server.crash()
        for _ in 0..<3 {
            let error = await #expect(throws: DatabaseError.self) { try await sum(engine) }
            #expect(error?.kind == .unavailable)
            let writeError = await #expect(throws: DatabaseError.self) {
                try await engine.write { try $0.execute("UPDATE x SET value = 6") }
            }
            #expect(writeError?.kind == .unavailable)
        }
        try await server.restart()
        #expect(try await sum(engine) == 5)
        try await engine.write { try $0.execute("UPDATE x SET value = 6") }
        #expect(try await sum(engine) == 6)
        await engine.close()
    }

    @Test("Transactions that lock each other out run again")
    func deadlocks() async throws {
        try await withTable { engine, _ in
            let runCount = SendableBox(0)
            let bothLocked = [DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)]
            try await withThrowingTaskGroup { group in
                for own in 0...1 {
                    group.addTask {
                        let isFirstRun = SendableBox(true)
                        try await engine.write { session in
                            runCount.withValue { $0 += 1 }
                            try session.execute(
                                "UPDATE x SET value = value + 1 WHERE id = \(own + 1)")
                            let isFirst = isFirstRun.withValue { value in
                                defer { value = false }
                                return value
                            }
                            if isFirst {
                                bothLocked[own].signal()
                                bothLocked[1 - own].wait()
                            }
                            try session.execute(
                                "UPDATE x SET value = value + 1 WHERE id = \(2 - own)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await sum(engine) == 4)
            #expect(runCount.withValue { $0 } > 2)
        }
    }

    @Test("What is deferred is not waited for, and what comes next is")
    func deferred() async throws {
        var limits = PostgresEngine.Limits()
        limits.connectionCount = 1
        try await withTable(limits) { engine, _ in
            // The server writes by itself what is left, so it may be there already now and then.
            var isBehind = false
            for _ in 0..<200 where !isBehind {
                try await engine.write(.deferred, observer: nil) { session in
                    try session.execute("UPDATE x SET value = value + 1 WHERE id = 1")
                }
                let row = try await engine.read { session in
                    try session.query(
                        """
                        SELECT CASE WHEN pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()
                            THEN 1 ELSE 0 END
                        """)
                }
                isBehind = row.map(\.values) == [[.integer(1)]]
            }
            #expect(isBehind)
            let before = try await engine.read { session in
                var row = try session.first("SELECT CAST(pg_current_wal_insert_lsn() AS TEXT)")
                return try row?.text() ?? ""
            }
            try await engine.write { session in
                try session.execute("UPDATE x SET value = value + 1 WHERE id = 2")
            }
            // All that stood before it in the log is on the disk with it.
            let done = try await engine.read { session in
                try session.query(
                    """
                    SELECT CASE WHEN pg_current_wal_flush_lsn() >= CAST(\(before) AS pg_lsn)
                        THEN 1 ELSE 0 END
                    """)
            }
            #expect(done.map(\.values) == [[.integer(1)]])
        }
    }

    @Test("A transaction waits for a connection only so long, in a line only so long")
    func fullPool() async throws {
        var limits = PostgresEngine.Limits()
        limits.connectionCount = 1
        limits.lineCount = 1
        limits.wait = .milliseconds(300)
        try await withTable(limits) { engine, _ in
            let isHeld = AsyncStream<Void>.makeStream()
            let mayEnd = DispatchSemaphore(value: 0)
            async let held: Void = engine.read { _ in
                isHeld.continuation.yield()
                mayEnd.wait()
            }
            for await _ in isHeld.stream { break }
            await withTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        let error = await #expect(throws: DatabaseError.self) {
                            try await sum(engine)
                        }
                        #expect(error?.kind == .unavailable)
                    }
                }
            }
            mayEnd.signal()
            try await held
            #expect(try await sum(engine) == 0)
        }
    }

    @Test("A statement that runs too long is ended")
    func statementDeadline() async throws {
        var limits = PostgresEngine.Limits()
        limits.statementSeconds = 1
        try await withTable(limits) { engine, _ in
            let error = await #expect(throws: DatabaseError.self) {
                try await engine.read { try $0.query("SELECT pg_sleep(20)") }
            }
            #expect(error?.kind == .unavailable)
            let left = try await sum(engine)
            #expect(left == 0)
        }
    }

    @Test("More statements than are kept prepared")
    func manyStatements() async throws {
        var limits = PostgresEngine.Limits()
        limits.statementCount = 3
        limits.connectionCount = 1
        try await withTable(limits) { engine, _ in
            for _ in 0..<2 {
                for number in 0..<10 {
                    let values = try await engine.write { session in
                        try session.query("SELECT \(number) + \(raw: "\(number)")").map(\.values)
                    }
                    #expect(values == [[.integer(Int64(2 * number))]])
                }
            }
            let kept = try await engine.read { session in
                try session.query(
                    "SELECT COUNT(*) FROM pg_prepared_statements WHERE name LIKE 'packhouse_%'")
            }
            #expect(kept.map(\.values) == [[.integer(3)]])
        }
    }

    @Test("An address without a server is unavailable")
    func noServer() async throws {
        let engine = PostgresEngine(url: "postgres://127.0.0.1:1/none")
        let error = await #expect(throws: DatabaseError.self) {
            try await engine.read { try $0.query("SELECT 1") }
        }
        #expect(error?.kind == .unavailable)
        await engine.close()
    }
}

/// Does something when a commit is about to be sent.
private struct BeforeCommit: SQLObserver {
    let action: @Sendable () -> Void

    init(_ action: @escaping @Sendable () -> Void) {
        self.action = action
    }

    func willRun(_ step: SQLStep) {
        if step == .commit { action() }
    }

    func didRun(_ step: SQLStep) {}
}
