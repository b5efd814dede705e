/// One row of an answer, read from the first column to the last.
public struct SQLRow: Sendable {
    /// The values, one for each column.
    public let values: [SQLValue]
    private var position = 0

    /// A row of these values.
    public init(_ values: [SQLValue]) {
        self.values = values
    }

    /// The next column.
    ///
    /// - Throws: `DatabaseError` of kind `other` behind the last column.
    public mutating func next() throws -> SQLValue {
        guard position < values.count else {
            throw DatabaseError(.other, "a row has \(values.count) columns and one more was read")
        }
        defer { position += 1 }
        return values[position]
    }

    /// The next column, an integer.
    public mutating func integer() throws -> Int64 {
        try requireValue(optionalInteger())
    }

    /// The next column, an integer or null.
    public mutating func optionalInteger() throws -> Int64? {
        switch try next() {
        case .integer(let value): value
        case .null: nil
        case let other: throw mismatch("an integer", other)
        }
    }

    /// The next column, text.
    public mutating func text() throws -> String {
        try requireValue(optionalText())
    }

    /// The next column, text or null.
    public mutating func optionalText() throws -> String? {
        switch try next() {
        case .text(let value): value
        case .null: nil
        case let other: throw mismatch("text", other)
        }
    }

    /// The next column, bytes.
    public mutating func bytes() throws -> [UInt8] {
        switch try next() {
        case .bytes(let value): value
        case let other: throw mismatch("bytes", other)
        }
    }

    private func requireValue<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw mismatch("a value", .null) }
        return value
    }

    private func mismatch(_ expected: String, _ found: SQLValue) -> DatabaseError {
        let kind =
            switch found {
            case .null: "null"
            case .integer: "an integer"
            case .text: "text"
            case .bytes: "bytes"
            }
        return DatabaseError(.other, "column \(position) is \(kind), not \(expected)")
    }
}
