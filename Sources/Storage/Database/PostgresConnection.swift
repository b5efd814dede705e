import CLibPQ
import Foundation

/// A connection of libpq in pipeline mode; used by one thread at a time.
///
/// What belongs together is sent as one batch, which ends with a synchronisation point. The answers
/// of a batch that nobody waits for are read before the next batch is sent.
final class PostgresConnection {
    /// What a statement gave.
    struct Answer {
        var rows: [SQLRow] = []
        var changedCount = 0
        /// The server's name for what it did: `COMMIT`, `INSERT 0 1`.
        var tag = ""
    }

    /// Whether the connection can only be thrown away.
    private(set) var isBroken = false

    private let handle: OpaquePointer
    private let limits: PostgresEngine.Limits
    /// The server's name of each prepared statement, by its text.
    private var preparedNames: [String: String] = [:]
    /// The texts of prepared statements, the oldest first.
    private var preparedTexts: [String] = []
    private var preparedCount = 0
    /// Batches that were sent and whose answers were not read.
    private var owedBatchCount = 0

    /// Time that the server's own limit is given to act before the connection is given up.
    private static let graceSeconds = 5
    private static let maximumParameterCount = 65_535
    private static let controlStatements = [
        "COMMIT", "ROLLBACK", PostgresSession.Mode.read.beginStatement,
        PostgresSession.Mode.write.beginStatement, deferStatement,
    ]
    /// Lets the commit return before it is durable.
    private static let deferStatement = "SET LOCAL synchronous_commit TO OFF"

    /// Connects, within the limit of `connectSeconds` or of the URL.
    ///
    /// - Throws: `DatabaseError` of kind `unavailable`.
    init(url: String, limits: PostgresEngine.Limits) throws {
        self.limits = limits
        handle = try Self.connect(url, limits)
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        // When it throws, the object is whole already and its end closes the connection.
        try configure()
    }

    deinit {
        PQfinish(handle)
    }

    /// Runs `text`, in the same batch as `control`, which is sent first.
    func run(_ text: String, _ values: [SQLValue], after control: String?) throws -> Answer {
        guard values.count <= Self.maximumParameterCount else {
            throw PostgresFailure(
                error: DatabaseError(.other, "\(values.count) values are too many"), remedy: .none)
        }
        try readOwedAnswers()
        if preparedNames[text] == nil { try makeRoomForStatement() }
        if let control { try sendPrepared(control, []) }
        let knownName = preparedNames[text]
        let name = knownName ?? "packhouse_\(preparedCount)"
        if knownName == nil {
            preparedCount += 1
            try sendPrepare(name, text, values)
        }
        try sendPrepared(name, values)
        try endBatch()
        let prepareIndex = control == nil ? 0 : 1
        return try readBatch { index in
            guard knownName == nil, index == prepareIndex else { return }
            preparedNames[text] = name
            preparedTexts.append(text)
        }
    }

    /// Sends a control statement without waiting for its answer.
    func send(_ control: String) throws {
        try readOwedAnswers()
        try sendPrepared(control, [])
        try endBatch()
        owedBatchCount += 1
    }

    /// Commits and waits for the answer.
    ///
    /// - Parameter awaitingDisk: whether the answer comes when the transaction is durable.
    /// - Throws: a failure of kind `unknownOutcome` when none comes.
    func commit(awaitingDisk: Bool = true) throws {
        do {
            try readOwedAnswers()
            if !awaitingDisk { try sendPrepared(Self.deferStatement, []) }
            try sendPrepared("COMMIT", [])
            try endBatch()
            let answer = try readBatch()
            guard answer.tag == "COMMIT" else {
                throw PostgresFailure(
                    error: DatabaseError(.other, "the commit ended in \(answer.tag)"),
                    remedy: .none)
            }
        } catch let failure as PostgresFailure where isBroken {
            throw PostgresFailure(
                error: DatabaseError(.unknownOutcome, failure.error.message), remedy: .none)
        }
    }

    /// Gives the connection up.
    func abandon() {
        isBroken = true
    }
}

// MARK: - Connecting

extension PostgresConnection {
    private static func connect(
        _ url: String, _ limits: PostgresEngine.Limits
    ) throws -> OpaquePointer {
        // What stands before `dbname` is a default that the URL may override.
        let settings = [
            ("connect_timeout", "\(limits.connectSeconds)"),
            ("application_name", "packhouse"),
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("dbname", url),
            ("client_encoding", "UTF8"),
        ]
        let connected = withCStrings(settings.map(\.0)) { keywords in
            withCStrings(settings.map(\.1)) { values in
                PQconnectdbParams(keywords, values, 1)
            }
        }
        guard let connected else { throw DatabaseError(.unavailable, "out of memory") }
        guard PQstatus(connected) == CONNECTION_OK else {
            defer { PQfinish(connected) }
            throw DatabaseError(.unavailable, String(cString: PQerrorMessage(connected)))
        }
        return connected
    }

    private func configure() throws {
        let settings = """
            SET statement_timeout = \(limits.statementSeconds * 1000);
            SET idle_in_transaction_session_timeout = \(limits.idleTransactionSeconds * 1000);
            SET default_transaction_deferrable = off
            """
        try requireDone(PQexec(handle, settings))
        for statement in Self.controlStatements {
            try requireDone(PQprepare(handle, statement, statement, 0, nil))
        }
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
    }

    private func requireDone(_ result: OpaquePointer?) throws {
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else {
            throw DatabaseError(.unavailable, String(cString: PQerrorMessage(handle)))
        }
    }

    /// Calls `body` with a null-terminated array of C strings.
    private static func withCStrings<Value>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value
    ) -> Value {
        let copies = strings.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        let pointers = copies.map { $0.map { UnsafePointer($0) } } + [nil]
        return pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("never empty") }
            return body(base)
        }
    }
}

// MARK: - Sending

extension PostgresConnection {
    private func sendPrepare(_ name: String, _ text: String, _ values: [SQLValue]) throws {
        let types = values.map(PostgresWire.type)
        let expanded = SQLDialect.postgres.expand(text)
        guard PQsendPrepare(handle, name, expanded, CInt(types.count), types) == 1 else {
            throw lost()
        }
    }

    private func sendPrepared(_ name: String, _ values: [SQLValue]) throws {
        let isSent = PostgresWire.withParameters(values) { pointers, lengths, formats in
            PQsendQueryPrepared(
                handle, name, CInt(values.count), pointers, lengths, formats,
                PostgresWire.binaryFormat)
        }
        guard isSent == 1 else { throw lost() }
    }

    private func endBatch() throws {
        guard PQpipelineSync(handle) == 1 else { throw lost() }
    }

    /// Forgets the oldest prepared statement when there are as many as may be.
    private func makeRoomForStatement() throws {
        guard preparedTexts.count >= limits.statementCount else { return }
        let oldest = preparedTexts.removeFirst()
        guard let name = preparedNames.removeValue(forKey: oldest) else { return }
        let isSent = PQsendQueryParams(
            handle, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, PostgresWire.binaryFormat)
        guard isSent == 1 else { throw lost() }
        try endBatch()
        _ = try readBatch()
    }
}

// MARK: - Reading

extension PostgresConnection {
    private func readOwedAnswers() throws {
        while owedBatchCount > 0 {
            _ = try readBatch()
            owedBatchCount -= 1
        }
    }

    /// Reads the answers of one batch; the last command's is the batch's. `completed` is called with
    /// the number of each command that succeeded.
    private func readBatch(completed: (Int) -> Void = { _ in }) throws -> Answer {
        let deadline =
            ContinuousClock.now + .seconds(limits.statementSeconds + Self.graceSeconds)
        var answer = Answer()
        var failure: PostgresFailure?
        var commandIndex = 0
        var silenceCount = 0
        while true {
            try awaitInput(until: deadline)
            guard let result = PQgetResult(handle) else {
                // Each command's answer ends with a `nil`; two in a row are no answer at all.
                silenceCount += 1
                if PQstatus(handle) == CONNECTION_BAD || silenceCount > 1 {
                    throw failure ?? lost()
                }
                commandIndex += 1
                continue
            }
            silenceCount = 0
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_PIPELINE_SYNC:
                if let failure { throw failure }
                return answer
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
                completed(commandIndex)
                do {
                    answer = try PostgresWire.decode(result)
                } catch let error as DatabaseError {
                    failure = failure ?? PostgresFailure(error: error, remedy: .none)
                }
            case PGRES_PIPELINE_ABORTED:
                break
            default:
                failure = failure ?? readFailure(result)
            }
            if PQstatus(handle) == CONNECTION_BAD { throw failure ?? lost() }
        }
    }

    /// Waits until a result can be read without blocking.
    private func awaitInput(until deadline: ContinuousClock.Instant) throws {
        while PQisBusy(handle) == 1 {
            let left = (deadline - .now).components.seconds
            var descriptor = pollfd(
                fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
            let ready = poll(&descriptor, 1, CInt(max(0, left * 1000)))
            if ready == 0 {
                isBroken = true
                throw PostgresFailure(
                    error: DatabaseError(.unavailable, "the server does not answer"),
                    remedy: .none)
            }
            if ready < 0, errno != EINTR { throw lost() }
            if PQconsumeInput(handle) == 0 { throw lost() }
        }
    }

    private func readFailure(_ result: OpaquePointer) -> PostgresFailure {
        let failure = PostgresWire.failure(result)
        if failure.remedy == .reconnect { isBroken = true }
        return failure
    }

    /// The failure of a connection that broke.
    private func lost() -> PostgresFailure {
        isBroken = true
        return PostgresFailure(
            error: DatabaseError(.unavailable, String(cString: PQerrorMessage(handle))),
            remedy: .reconnect)
    }
}
