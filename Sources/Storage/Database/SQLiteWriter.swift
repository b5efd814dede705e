import GRDB

/// The connection that writes; used by one thread.
final class SQLiteWriter {
    private let pool: DatabasePool
    /// Whether a commit is on disk when it returns, as the connection is set now.
    private var isDurable = true

    init(_ pool: DatabasePool) {
        self.pool = pool
    }

    /// Runs `body` in a transaction.
    func transact<Value>(
        isDurable: Bool, _ observer: (any SQLObserver)?,
        _ body: (any SQLSession) throws -> Value
    ) throws -> Value {
        try pool.writeWithoutTransaction { database in
            try setDurable(isDurable, database)
            var value: Value?
            try database.inTransaction(.immediate) {
                let session = SQLiteSession(database, observer)
                value = try session.requireSound(body(session))
                try observer?.willRun(.commit)
                return .commit
            }
            try observer?.didRun(.commit)
            guard let value else {
                throw DatabaseError(.other, "a transaction ended without a value")
            }
            return value
        }
    }

    /// With `NORMAL` a commit is written to the log and not synchronized; the next one that is takes
    /// all that stands before it in the log to the disk.
    private func setDurable(_ isWanted: Bool, _ database: GRDB.Database) throws {
        guard isWanted != isDurable else { return }
        try database.execute(sql: "PRAGMA synchronous = \(isWanted ? "FULL" : "NORMAL")")
        isDurable = isWanted
    }
}
