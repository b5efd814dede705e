import CLibPQ
import Foundation

/// How values and failures travel between libpq and Swift.
enum PostgresWire {
    static let binaryFormat: CInt = 1

    /// The types of parameters and columns.
    ///
    /// *Source*: PostgreSQL, catalog `pg_type`.
    private enum TypeID {
        static let unknown: Oid = 0
        static let bool: Oid = 16
        static let bytea: Oid = 17
        static let name: Oid = 19
        static let int8: Oid = 20
        static let int2: Oid = 21
        static let int4: Oid = 23
        static let text: Oid = 25
        static let varchar: Oid = 1043
        static let void: Oid = 2278
    }

    /// The type that a value is bound with; a null takes the type that its place asks for.
    static func type(of value: SQLValue) -> Oid {
        switch value {
        case .null: TypeID.unknown
        case .integer: TypeID.int8
        case .text: TypeID.text
        case .bytes: TypeID.bytea
        }
    }

    /// Calls `body` with the values in binary form, as libpq takes them.
    static func withParameters<Value>(
        _ values: [SQLValue],
        _ body: (
            UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<CInt>?, UnsafePointer<CInt>?
        ) -> Value
    ) -> Value {
        guard !values.isEmpty else { return body(nil, nil, nil) }
        // One byte to begin with, so that an empty text has an address as well.
        var bytes: [UInt8] = [0]
        var ranges: [Range<Int>?] = []
        ranges.reserveCapacity(values.count)
        for value in values {
            let start = bytes.count
            switch value {
            case .null:
                ranges.append(nil)
                continue
            case .integer(let number):
                withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
            case .text(let text): bytes.append(contentsOf: text.utf8)
            case .bytes(let content): bytes.append(contentsOf: content)
            }
            ranges.append(start..<bytes.count)
        }
        let lengths = ranges.map { CInt($0?.count ?? 0) }
        let formats = ranges.map { _ in binaryFormat }
        return bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = ranges.map { range -> UnsafePointer<CChar>? in
                guard let range, let base else { return nil }
                return base + min(range.lowerBound, buffer.count - 1)
            }
            return body(pointers, lengths, formats)
        }
    }

    /// The rows and counts of a result.
    static func decode(_ result: OpaquePointer) throws -> PostgresConnection.Answer {
        var answer = PostgresConnection.Answer()
        answer.tag = String(cString: PQcmdStatus(result))
        answer.changedCount = Int(String(cString: PQcmdTuples(result))) ?? 0
        let columnCount = PQnfields(result)
        let types = (0..<columnCount).map { PQftype(result, $0) }
        let rowCount = PQntuples(result)
        answer.rows.reserveCapacity(Int(rowCount))
        for row in 0..<rowCount {
            var values: [SQLValue] = []
            values.reserveCapacity(types.count)
            for (column, type) in zip(0..<columnCount, types) {
                values.append(try decode(result, row, column, type))
            }
            answer.rows.append(SQLRow(values))
        }
        return answer
    }

    private static func decode(
        _ result: OpaquePointer, _ row: CInt, _ column: CInt, _ type: Oid
    ) throws -> SQLValue {
        guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column)
        else { return .null }
        let bytes = UnsafeRawBufferPointer(
            start: start, count: Int(PQgetlength(result, row, column)))
        switch type {
        case TypeID.int8: return .integer(bytes.loadUnaligned(as: Int64.self).bigEndian)
        case TypeID.int4: return .integer(Int64(bytes.loadUnaligned(as: Int32.self).bigEndian))
        case TypeID.int2: return .integer(Int64(bytes.loadUnaligned(as: Int16.self).bigEndian))
        case TypeID.bool: return .integer(bytes[0] == 0 ? 0 : 1)
        case TypeID.text, TypeID.varchar, TypeID.name:
            return .text(String(decoding: bytes, as: UTF8.self))
        case TypeID.bytea: return .bytes(Array(bytes))
        case TypeID.void: return .null
        default: throw DatabaseError(.other, "a column has the type \(type), which is not read")
        }
    }

    /// The failure that a result describes.
    ///
    /// *Source*: PostgreSQL, "Appendix A. PostgreSQL Error Codes".
    static func failure(_ result: OpaquePointer) -> PostgresFailure {
        let state = field(result, "C")
        let message = "\(state): \(field(result, "M")) \(field(result, "D"))"
        func failure(
            _ kind: DatabaseError.Kind, _ remedy: PostgresFailure.Remedy = .none
        ) -> PostgresFailure {
            PostgresFailure(error: DatabaseError(kind, message), remedy: remedy)
        }
        switch state {
        case "23505":
            return failure(
                .uniqueViolation(table: field(result, "t"), constraint: field(result, "n")))
        case "23503", "23001": return failure(.foreignKeyViolation)
        // Serialization failure, deadlock.
        case "40001", "40P01": return failure(.busy, .repeat)
        case "55P03": return failure(.busy)
        case "53100": return failure(.storageFull)
        // The server shuts down, crashed, is not ready, or ended the session; or no state at all.
        case "57P01", "57P02", "57P03", "25P03", "": return failure(.unavailable, .reconnect)
        case "57014": return failure(.unavailable)
        // The prepared statement is gone, or its answer has another shape since a migration.
        case "26000", "0A000": return failure(.other, .reconnect)
        default:
            if state.hasPrefix("08") { return failure(.unavailable, .reconnect) }
            if state.hasPrefix("53") { return failure(.unavailable) }
            return failure(.other)
        }
    }

    private static func field(_ result: OpaquePointer, _ code: Unicode.Scalar) -> String {
        PQresultErrorField(result, CInt(code.value)).map { String(cString: $0) } ?? ""
    }
}
