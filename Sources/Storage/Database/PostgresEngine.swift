import Foundation
public import Logging

/// The engine of an instance with several replicas: a PostgreSQL server, 15 or later.
///
/// A transaction is one hop to a thread that owns a connection. `BEGIN` travels with the first
/// statement and the end of a transaction that only read is not waited for, so that reading with one
/// statement costs one round trip and still sees what a second statement would have seen.
///
/// A connection that died is thrown away. A read is tried once more on a fresh one; so is a write
/// that has not sent its `COMMIT`. After that nobody can know, and the error says so.
public final class PostgresEngine: SQLEngine {
    /// The numbers of an engine.
    public struct Limits: Sendable {
        /// Connections at the same time.
        public var connectionCount = 16
        /// Transactions that wait for a connection.
        public var lineCount = 4096
        /// How long a transaction waits for a connection.
        public var wait: Duration = .seconds(20)
        /// For how long one that nobody waits for lets others have the connections.
        public var yield: Duration = .milliseconds(50)
        /// How long a connection may take to be made, unless the URL says otherwise.
        public var connectSeconds = 5
        /// How long a statement may run.
        public var statementSeconds = 30
        /// How long a transaction may hold its locks without sending a statement.
        public var idleTransactionSeconds = 30
        /// Prepared statements of one connection.
        public var statementCount = 512
        /// How often a transaction is tried that others keep standing in the way of.
        public var attemptCount = 10

        public init() {}
    }

    public var dialect: SQLDialect { .postgres }

    private let workers: WorkerPool<PostgresWorker>

    /// An engine for the server and database of `url`, which has libpq's own form:
    /// `postgres://user:password@host:port/database?sslmode=verify-full`. No connection is made yet.
    public init(
        url: String, limits: Limits = Limits(), logger: Logger = Logger(label: "packhouse.postgres")
    ) {
        workers = WorkerPool(
            name: "postgres", threadLimitCount: limits.connectionCount,
            lineLimitCount: limits.lineCount, waitLimit: limits.wait, yieldLimit: limits.yield,
            makeContext: { PostgresWorker(url: url, limits: limits, logger: logger) },
            endContext: { $0.disconnect() })
    }

    public func read<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await workers.run { worker in
            try worker.transact(.read, observer, body)
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
        try await workers.run(isUrgent: urgency == .request) { worker in
            try worker.transact(PostgresSession.Mode(urgency), observer, body)
        }
    }

    public func close() async {
        await workers.close()
    }
}

/// One connection and what is done when it breaks; used by one thread.
final class PostgresWorker {
    private let url: String
    private let limits: PostgresEngine.Limits
    private let logger: Logger
    private var connection: PostgresConnection?

    init(url: String, limits: PostgresEngine.Limits, logger: Logger) {
        self.url = url
        self.limits = limits
        self.logger = logger
    }

    func disconnect() {
        connection = nil
    }

    /// Runs `body` in a transaction, again where that is safe and of use.
    func transact<Value>(
        _ mode: PostgresSession.Mode, _ observer: (any SQLObserver)?,
        _ body: (any SQLSession) throws -> Value
    ) throws -> Value {
        var attempt = 1
        var hasReconnected = false
        while true {
            let isFresh = connection == nil
            let connection = try requireConnection()
            let session = PostgresSession(connection, mode, observer)
            do {
                let value = try body(session)
                try session.commit()
                return value
            } catch {
                // What counts is what happened to the transaction, whatever the closure made of it.
                let failure = session.end()
                if connection.isBroken { self.connection = nil }
                switch failure?.remedy {
                case .reconnect where !isFresh && !hasReconnected:
                    hasReconnected = true
                    logger.info(
                        "lost a database connection; trying again",
                        metadata: ["cause": "\(failure?.error.description ?? "")"])
                case .repeat where attempt < limits.attemptCount:
                    Self.pause(afterAttempt: attempt)
                    attempt += 1
                case .repeat:
                    throw DatabaseError(.busy, failure?.error.message ?? "\(error)")
                case .reconnect, .none?, nil:
                    throw error
                }
            }
        }
    }

    private func requireConnection() throws -> PostgresConnection {
        if let connection { return connection }
        let made = try PostgresConnection(url: url, limits: limits)
        connection = made
        return made
    }

    /// Waits up to 2, 4, 8 … ms, at most `pauseLimitSeconds`, by chance, so that transactions that
    /// stood in each other's way do not meet again.
    private static func pause(afterAttempt attempt: Int) {
        let longest = min(pauseLimitSeconds, 0.001 * Double(1 << min(attempt, 16)))
        Thread.sleep(forTimeInterval: Double.random(in: 0...longest))
    }

    private static let pauseLimitSeconds = 0.25
}
