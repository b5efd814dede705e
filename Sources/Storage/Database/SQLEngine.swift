/// One transaction on one connection, used by one thread until the closure that got it returns.
///
/// After a statement failed nothing more can be done in the transaction: every later statement
/// throws the same error, and it is rolled back even when the closure returns.
public protocol SQLSession: AnyObject {
    /// The engine behind it.
    var dialect: SQLDialect { get }
    /// Runs a statement and gives its rows.
    func query(_ statement: SQL) throws -> [SQLRow]
    /// Runs a statement and gives the number of rows that it changed.
    @discardableResult
    func execute(_ statement: SQL) throws -> Int
}

extension SQLSession {
    /// Runs a statement and gives its first row.
    public func first(_ statement: SQL) throws -> SQLRow? {
        try query(statement).first
    }
}

/// A step of a transaction that a test can watch, or make fail.
public enum SQLStep: Hashable, Sendable {
    /// A statement, by its text.
    case statement(String)
    /// The commit of a transaction that wrote.
    case commit
}

/// Sees every step of a transaction before and after it is done. What it throws is taken for a
/// failure of the step: behind `didRun` the step has taken effect.
public protocol SQLObserver: Sendable {
    func willRun(_ step: SQLStep) throws
    func didRun(_ step: SQLStep) throws
}

/// Whom a transaction that writes keeps waiting, and what it waits for.
public enum SQLUrgency: Hashable, Sendable {
    /// Somebody waits for it: it takes its turn, and is durable when it returns.
    case request
    /// Nobody waits for it: what somebody waits for goes first, but for a limited time.
    case background
    /// The same, and it is durable only when the next transaction of another kind is. A loss of power
    /// before that undoes it; nothing that came after it survives without it.
    case deferred
}

/// A database that runs synchronous transactions on threads of its own (I6). Nothing can be awaited
/// inside one, and blocking inside one holds up nothing but its own connection.
public protocol SQLEngine: Sendable {
    /// The engine's kind.
    var dialect: SQLDialect { get }

    /// Runs `body` on one consistent state of the database. It may run more than once.
    func read<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value

    /// Runs `body` in one transaction that is durable when this returns, and undone when it throws.
    /// It may run more than once.
    @discardableResult
    func write<Value: Sendable>(
        observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value

    /// The same with regard to others: an engine that cannot tell the kinds apart treats all as
    /// requests.
    @discardableResult
    func write<Value: Sendable>(
        _ urgency: SQLUrgency, observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value

    /// A mark of the present state of the database, or `nil` where the engine cannot tell without
    /// waiting: two equal marks say that nothing at all was committed between them.
    func findStateMark() -> Int64?

    /// Ends what runs and closes every connection.
    func close() async
}

extension SQLEngine {
    public func findStateMark() -> Int64? { nil }

    @discardableResult
    public func write<Value: Sendable>(
        _ urgency: SQLUrgency, observer: (any SQLObserver)?,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await write(observer: observer, body)
    }

    /// Runs `body` on one consistent state of the database. It may run more than once.
    public func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await read(observer: nil, body)
    }

    /// Runs `body` in one transaction that is durable when this returns, and undone when it throws.
    /// It may run more than once.
    @discardableResult
    public func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        try await write(observer: nil, body)
    }
}
