import Foundation
import GRDB

/// The embedded engine: one SQLite file, one writer and several readers at a time, in this process
/// and in others.
///
/// Every commit is on disk when it returns (`synchronous = FULL`), but for those that are deferred. What
/// was committed is moved from the log into the file beside the writer, which does not wait for it.
public final class SQLiteEngine: SQLEngine {
    /// The numbers of an engine.
    public struct Limits: Sendable {
        /// Readers at the same time.
        public var readerCount = 8
        /// Transactions that wait for a reader or for the writer.
        public var lineCount = 4096
        /// How long a transaction waits for a reader or for the writer.
        public var wait: Duration = .seconds(20)
        /// For how long a transaction that nobody waits for lets others go first to the writer.
        public var yield: Duration = .milliseconds(50)
        /// How long a transaction waits for another process that is writing.
        public var busyWaitSeconds: Double = 10

        public init() {}
    }

    public var dialect: SQLDialect { .sqlite }

    private let pool: DatabasePool
    private let watch: SQLiteStateWatch
    private let readers: WorkerPool<Void>
    private let writer: WorkerPool<SQLiteWriter>
    private let checkpoints: SQLiteCheckpoints

    /// Opens the file at `path`, and makes it when there is none.
    ///
    /// - Throws: `DatabaseError` when the file cannot be opened or is no database.
    public init(path: String, limits: Limits = Limits()) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(limits.busyWaitSeconds)
        configuration.maximumReaderCount = limits.readerCount
        configuration.label = "packhouse.sqlite"
        let opened = Result { try Self.open(path, configuration, limits) }
        let pool = try opened.mapError { SQLiteSession.convert($0) }.get()
        self.pool = pool
        let watch = try SQLiteSession.converting { try SQLiteStateWatch(path: path) }
        self.watch = watch
        checkpoints = try SQLiteSession.converting { try SQLiteCheckpoints(path: path, watch) }
        readers = WorkerPool(
            name: "sqlite.reader", threadLimitCount: limits.readerCount,
            lineLimitCount: limits.lineCount, waitLimit: limits.wait, makeContext: {},
            endContext: { _ in })
        writer = WorkerPool(
            name: "sqlite.writer", threadLimitCount: 1, lineLimitCount: limits.lineCount,
            waitLimit: limits.wait, yieldLimit: limits.yield,
            makeContext: { SQLiteWriter(pool) }, endContext: { _ in })
    }

    public func read<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await readers.run { [pool] in
            try SQLiteSession.converting {
                try pool.unsafeRead { database in
                    try Self.inReadTransaction(database) {
                        let session = SQLiteSession(database, observer)
                        return try session.requireSound(body(session))
                    }
                }
            }
        }
    }

    @discardableResult
    public func write<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await write(.request, observer: observer, body)
    }

    @discardableResult
    public func write<Value: Sendable>(
        _ urgency: SQLUrgency, observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        let value = try await writer.run(isUrgent: urgency == .request) { writer in
            try SQLiteSession.converting {
                try writer.transact(isDurable: urgency != .deferred, observer, body)
            }
        }
        checkpoints.beginIfDue(writer)
        return value
    }

    public func findStateMark() -> Int64? {
        watch.findMark()
    }

    public func close() async {
        await readers.close()
        await writer.close()
        checkpoints.close()
        watch.close()
        // Nothing uses the pool any more; what cannot be closed is closed with the last reference.
        try? pool.close()
    }

    /// What `DatabasePool.read` does, with statements that are prepared once.
    private static func inReadTransaction<Value>(
        _ database: GRDB.Database, _ body: () throws -> Value
    ) throws -> Value {
        try database.cachedStatement(sql: "BEGIN DEFERRED").execute()
        let value: Value
        do {
            value = try body()
        } catch {
            // The first failure counts; the connection is clean again or fails at its next use.
            try? database.cachedStatement(sql: "ROLLBACK").execute()
            throw error
        }
        try database.cachedStatement(sql: "COMMIT").execute()
        return value
    }

    /// Another process that opens or closes the same file can hold it for a moment without SQLite
    /// waiting for it: try until the time for that is over.
    private static func open(
        _ path: String, _ configuration: Configuration, _ limits: Limits
    ) throws -> DatabasePool {
        let deadline = ContinuousClock.now + .seconds(limits.busyWaitSeconds)
        while true {
            do {
                let pool = try DatabasePool(path: path, configuration: configuration)
                try pool.writeWithoutTransaction { database in
                    try database.execute(
                        sql: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0")
                }
                return pool
            } catch let error as GRDB.DatabaseError
                where error.resultCode == .SQLITE_BUSY && ContinuousClock.now < deadline
            {
                Thread.sleep(forTimeInterval: openRetrySeconds)
            }
        }
    }

    private static let openRetrySeconds = 0.02
}
