/// A step of the schema. Once released it never changes.
public struct Migration: Sendable {
    /// From 1, without gaps.
    public let number: Int
    public let name: String
    public let statements: [SQL]

    public init(number: Int, name: String, statements: [SQL]) {
        self.number = number
        self.name = name
        self.statements = statements
    }
}

/// Which steps a database has seen.
public struct MigrationStatus: Hashable, Sendable {
    /// The numbers of the steps that were applied, in order.
    public let applied: [Int]
    /// The numbers of the steps that were not, in order.
    public let pending: [Int]

    public init(applied: [Int], pending: [Int]) {
        self.applied = applied
        self.pending = pending
    }
}

/// Brings a database to the schema of the program. Several processes may do it at the same time:
/// each step is one transaction under a lock.
public struct Migrator: Sendable {
    private let migrations: [Migration]

    /// Any number will do as long as nobody else uses it for a lock in the same database.
    private static let lockID: Int64 = 0x7061_636B_686F_7573

    /// A migrator for these steps, in order.
    public init(_ migrations: [Migration]) {
        self.migrations = migrations
    }

    /// Applies what is pending.
    ///
    /// - Throws: `DatabaseError` of kind `schemaTooNew` when a newer program migrated the database.
    /// - Returns: the status afterwards.
    @discardableResult
    public func migrate(_ engine: any SQLEngine, atMicroseconds now: Int64) async throws
        -> MigrationStatus
    {
        while let next = try await requireStatus(engine).pending.first {
            try await apply(next, engine, now)
        }
        return try await requireStatus(engine)
    }

    /// What was applied and what is pending.
    public func status(of engine: any SQLEngine) async throws -> MigrationStatus {
        let applied = try await engine.write { session in
            try Self.lock(session)
            return try Self.listApplied(session)
        }
        return MigrationStatus(
            applied: applied,
            pending: migrations.map(\.number).filter { !applied.contains($0) })
    }

    private func requireStatus(_ engine: any SQLEngine) async throws -> MigrationStatus {
        let status = try await status(of: engine)
        let known = migrations.last?.number ?? 0
        if let found = status.applied.last, found > known {
            throw DatabaseError(
                .schemaTooNew(found: found, known: known),
                "the database has schema \(found) and this program knows \(known)")
        }
        return status
    }

    private func apply(_ number: Int, _ engine: any SQLEngine, _ now: Int64) async throws {
        guard let migration = migrations.first(where: { $0.number == number }) else { return }
        try await engine.write { session in
            try Self.lock(session)
            // Another process may have been faster.
            guard try !Self.listApplied(session).contains(number) else { return }
            for statement in migration.statements { try session.execute(statement) }
            try session.execute(
                """
                INSERT INTO schema_migrations (number, name, applied_at)
                VALUES (\(number), \(migration.name), \(now))
                """)
        }
    }

    private static func lock(_ session: any SQLSession) throws {
        // In SQLite a transaction that writes is alone from its beginning.
        if session.dialect == .postgres {
            _ = try session.query("SELECT pg_advisory_xact_lock(\(lockID))")
        }
        try session.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                number {integer} PRIMARY KEY, name {text} NOT NULL, applied_at {integer} NOT NULL
            ) {table}
            """)
    }

    private static func listApplied(_ session: any SQLSession) throws -> [Int] {
        try session.query("SELECT number FROM schema_migrations ORDER BY number").map { row in
            var row = row
            return Int(try row.integer())
        }
    }
}
