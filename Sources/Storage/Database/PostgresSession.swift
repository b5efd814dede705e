/// A transaction on one connection to Postgres.
///
/// `BEGIN` is sent in the same batch as the first statement; a transaction without statements sends
/// nothing at all.
final class PostgresSession: SQLSession {
    /// What the transaction may do.
    enum Mode {
        case read
        case write
        /// One that writes, and does not wait until it is durable.
        case deferred

        init(_ urgency: SQLUrgency) {
            self = urgency == .deferred ? .deferred : .write
        }

        var beginStatement: String {
            switch self {
            case .read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            case .write, .deferred: "BEGIN ISOLATION LEVEL READ COMMITTED"
            }
        }
    }

    private enum Stage {
        case waiting
        case begun
        case ended
    }

    let dialect = SQLDialect.postgres

    private let connection: PostgresConnection
    private let mode: Mode
    private let observer: (any SQLObserver)?
    private var stage = Stage.waiting
    private var failure: PostgresFailure?

    init(_ connection: PostgresConnection, _ mode: Mode, _ observer: (any SQLObserver)?) {
        self.connection = connection
        self.mode = mode
        self.observer = observer
    }

    func query(_ statement: SQL) throws -> [SQLRow] {
        try run(statement).rows
    }

    func execute(_ statement: SQL) throws -> Int {
        try run(statement).changedCount
    }

    private func run(_ statement: SQL) throws -> PostgresConnection.Answer {
        if let failure { throw failure.error }
        guard stage != .ended else {
            throw DatabaseError(.other, "a statement was run after its transaction had ended")
        }
        return try noting {
            let text = statement.text
            try observer?.willRun(.statement(text))
            let begin = stage == .waiting ? mode.beginStatement : nil
            stage = .begun
            let answer = try connection.run(text, statement.values, after: begin)
            try observer?.didRun(.statement(text))
            return answer
        }
    }

    /// Makes the transaction durable, or throws what kept it from being so.
    func commit() throws {
        if let failure { throw failure.error }
        let hasBegun = stage == .begun
        guard mode != .read else {
            stage = .ended
            if hasBegun { noteEnd { try connection.send("COMMIT") } }
            return
        }
        try noting {
            guard hasBegun else {
                stage = .ended
                return
            }
            try observer?.willRun(.commit)
            stage = .ended
            try connection.commit(awaitingDisk: mode != .deferred)
            do {
                try observer?.didRun(.commit)
            } catch {
                // It has taken effect: whatever the observer says, it must not be tried again.
                throw PostgresFailure(error: DatabaseError.from(error), remedy: .none)
            }
        }
    }

    /// Rolls back what is not committed, without waiting for it, and says what failed.
    func end() -> PostgresFailure? {
        if stage == .begun, !connection.isBroken {
            noteEnd { try connection.send("ROLLBACK") }
        }
        stage = .ended
        return failure
    }

    private func noting<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            let failure =
                error as? PostgresFailure
                ?? PostgresFailure(error: DatabaseError.from(error), remedy: .none)
            self.failure = failure
            throw failure.error
        }
    }

    /// The end of a transaction that has nothing to lose: a connection that cannot even send it has
    /// marked itself broken and is not used again.
    private func noteEnd(_ send: () throws -> Void) {
        do {
            try send()
        } catch {
            connection.abandon()
        }
    }
}

/// A failure with what can be done about it.
struct PostgresFailure: Error {
    enum Remedy {
        /// Nothing: it would fail again, or it may have taken effect.
        case none
        /// Run the whole transaction again: others stood in its way.
        case `repeat`
        /// Run the whole transaction again on a fresh connection.
        case reconnect
    }

    let error: DatabaseError
    let remedy: Remedy
}

extension DatabaseError {
    /// `error` itself when it is a `DatabaseError`.
    fileprivate static func from(_ error: any Error) -> DatabaseError {
        (error as? DatabaseError) ?? DatabaseError(.other, "\(error)")
    }
}
