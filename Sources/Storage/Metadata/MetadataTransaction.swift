import Database
import Registry

/// One transaction, as the domain sees it. The statements of each table are in an extension.
struct MetadataTransaction: MetadataWriting {
    let session: any SQLSession
    /// When the transaction began; for the expiry of memberships where a query is not told the time.
    let now: Timestamp
    let defaultPeriods: CollectionPeriods

    init(_ session: any SQLSession, at now: Timestamp, _ periods: CollectionPeriods) {
        self.session = session
        self.now = now
        defaultPeriods = periods
    }

    /// Makes every replica forget what it knew about access. The first statement of each change of
    /// namespaces, identities and gates: it also puts these changes in order, so that no group is
    /// removed while a project is put into it.
    func raiseAdministrationEpoch() throws {
        try session.execute("UPDATE administration_epoch SET epoch = epoch + 1 WHERE id = 1")
    }

    /// Runs `body`; a key that is taken becomes `conflict` with these words.
    func orConflict<Value>(
        _ message: @autoclosure () -> String, reason: String? = nil, _ body: () throws -> Value
    ) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            guard case .uniqueViolation = error.kind else { throw error }
            throw RegistryError(.conflict, message(), reason: reason, cause: error)
        }
    }

    /// The first row, decoded.
    func first<Value>(
        _ statement: SQL, _ decode: (inout SQLRow) throws -> Value
    ) throws -> Value? {
        guard var row = try session.first(statement) else { return nil }
        return try decode(&row)
    }

    /// The first row, decoded, where there always is one.
    func one<Value>(
        _ statement: SQL, _ decode: (inout SQLRow) throws -> Value
    ) throws -> Value {
        guard let value = try first(statement, decode) else {
            throw DatabaseError(.other, "a statement that always gives a row gave none")
        }
        return value
    }

    /// Every row, decoded.
    func all<Value>(
        _ statement: SQL, _ decode: (inout SQLRow) throws -> Value
    ) throws -> [Value] {
        try session.query(statement).map { row in
            var row = row
            return try decode(&row)
        }
    }

    /// A page of what `columns`, `source` and `order` select, and how many rows there are in all.
    func page<Value: Sendable>(
        _ columns: SQL, from source: SQL, order: SQL, _ request: PageRequest,
        _ decode: (inout SQLRow) throws -> Value
    ) throws -> Page<Value> {
        let total = try one("SELECT COUNT(*) FROM \(source)") { try $0.integer() }
        guard total > request.offset else {
            return Page(rows: [], totalCount: Int(total), request: request)
        }
        let rows = try all(
            """
            SELECT \(columns) FROM \(source) ORDER BY \(order)
            LIMIT \(request.size) OFFSET \(request.offset)
            """, decode)
        return Page(rows: rows, totalCount: Int(total), request: request)
    }

    /// `AND`s of the conditions, which are at least one.
    static func all(of conditions: [SQL]) -> SQL {
        SQL.joined(conditions, separator: " AND ")
    }
}

extension Array {
    /// The elements in parts of at most `limitCount`.
    func chunks(of limitCount: Int = SQL.listLimitCount) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: limitCount).map {
            self[$0..<Swift.min($0 + limitCount, count)]
        }
    }
}

extension SQL.StringInterpolation {
    /// Binds a moment, as microseconds.
    mutating func appendInterpolation(_ moment: Timestamp?) {
        appendInterpolation(moment?.microseconds)
    }

    mutating func appendInterpolation(_ digest: Digest) {
        appendInterpolation(digest.description)
    }

    mutating func appendInterpolation(_ key: StorageKey) {
        appendInterpolation(key.description)
    }

    mutating func appendInterpolation(_ format: FormatID) {
        appendInterpolation(format.name)
    }

    /// Binds a visibility as GitLab's number, so that the least visible is the smallest.
    mutating func appendInterpolation(_ visibility: Visibility?) {
        appendInterpolation(visibility?.level)
    }
}

extension Visibility {
    /// *Source*: GitLab, "Project visibility level".
    var level: Int64 {
        switch self {
        case .private: 0
        case .internal: 10
        case .public: 20
        }
    }
}

extension SQLRow {
    mutating func timestamp() throws -> Timestamp {
        Timestamp(microseconds: try integer())
    }

    mutating func optionalTimestamp() throws -> Timestamp? {
        try optionalInteger().map { Timestamp(microseconds: $0) }
    }

    mutating func visibility() throws -> Visibility {
        let level = try integer()
        guard let visibility = Visibility.allCases.first(where: { $0.level == level }) else {
            throw DatabaseError(.other, "\(level) is no visibility")
        }
        return visibility
    }

    /// The next column, one of the cases of an enumeration.
    mutating func choice<Choice: RawRepresentable<String>>(
        _ type: Choice.Type = Choice.self
    ) throws -> Choice {
        let text = try text()
        guard let choice = Choice(rawValue: text) else {
            throw DatabaseError(.other, "'\(text)' is no \(Choice.self)")
        }
        return choice
    }

    mutating func role() throws -> Role {
        let level = try integer()
        guard let role = Role(rawValue: Int(level)) else {
            throw DatabaseError(.other, "\(level) is no role")
        }
        return role
    }

    /// The next three columns.
    mutating func build() throws -> BuildRecord {
        BuildRecord(
            pipelineID: try optionalInteger(), ref: try optionalText(), sha: try optionalText())
    }
}
