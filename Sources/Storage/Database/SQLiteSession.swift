import Foundation
import GRDB

/// A transaction on a connection of GRDB's pool.
final class SQLiteSession: SQLSession {
    let dialect = SQLDialect.sqlite

    private let database: GRDB.Database
    private let observer: (any SQLObserver)?
    /// The first failure; nothing is done after it, as in Postgres.
    private var failure: (any Error)?

    init(_ database: GRDB.Database, _ observer: (any SQLObserver)?) {
        self.database = database
        self.observer = observer
    }

    func query(_ statement: SQL) throws -> [SQLRow] {
        try run(statement) { prepared in
            let columns = 0..<prepared.columnCount
            let cursor = try Row.fetchCursor(prepared)
            var rows: [SQLRow] = []
            while let row = try cursor.next() {
                rows.append(SQLRow(columns.map { Self.value(row[$0] as DatabaseValue) }))
            }
            return rows
        }
    }

    func execute(_ statement: SQL) throws -> Int {
        try run(statement) { prepared in
            let before = database.totalChangesCount
            try prepared.execute()
            return database.totalChangesCount - before
        }
    }

    /// `value`, unless a statement failed before it was made.
    func requireSound<Value>(_ value: Value) throws -> Value {
        if let failure { throw failure }
        return value
    }

    private func run<Value>(_ statement: SQL, _ use: (Statement) throws -> Value) throws -> Value {
        if let failure { throw failure }
        do {
            let text = statement.text
            try observer?.willRun(.statement(text))
            let prepared = try database.cachedStatement(sql: SQLDialect.sqlite.expand(text))
            try prepared.setArguments(
                StatementArguments(statement.values.map(Self.databaseValue)))
            let value = try use(prepared)
            try observer?.didRun(.statement(text))
            return value
        } catch {
            let failure = Self.convert(error)
            self.failure = failure
            throw failure
        }
    }

    private static func databaseValue(_ value: SQLValue) -> DatabaseValue {
        switch value {
        case .null: .null
        case .integer(let value): value.databaseValue
        case .text(let value): value.databaseValue
        case .bytes(let value): Data(value).databaseValue
        }
    }

    private static func value(_ value: DatabaseValue) -> SQLValue {
        switch value.storage {
        case .null: .null
        case .int64(let value): .integer(value)
        case .double(let value): .text(String(value))
        case .string(let value): .text(value)
        case .blob(let value): .bytes(Array(value))
        }
    }
}

extension SQLiteSession {
    /// Runs `body` and converts what it throws.
    static func converting<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw convert(error)
        }
    }

    /// Our own error for one of GRDB's; every other error as it is.
    static func convert(_ error: any Error) -> any Error {
        guard let error = error as? GRDB.DatabaseError else { return error }
        let message = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        return DatabaseError(kind(of: error, message), "\(message) [\(error.sql ?? "")]")
    }

    private static func kind(
        of error: GRDB.DatabaseError, _ message: String
    ) -> DatabaseError.Kind {
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY:
            return uniqueViolation(message)
        // A foreign key with RESTRICT is carried out by a trigger.
        case .SQLITE_CONSTRAINT_FOREIGNKEY, .SQLITE_CONSTRAINT_TRIGGER:
            return .foreignKeyViolation
        default: break
        }
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_CANTOPEN, .SQLITE_IOERR, .SQLITE_PROTOCOL:
            return .unavailable
        case .SQLITE_FULL: return .storageFull
        default: return .other
        }
    }

    /// Reads `UNIQUE constraint failed: versions.package_id, versions.name`.
    private static func uniqueViolation(_ message: String) -> DatabaseError.Kind {
        let columns = message.split(separator: ": ").last ?? ""
        let table = columns.split(separator: ".").first ?? ""
        return .uniqueViolation(table: String(table), constraint: String(columns))
    }
}
