/// A statement with its values, built by interpolation: `"… WHERE id = \(id)"` binds `id` and never
/// pastes it into the text.
///
/// The text is the same for both engines. Values become `$1 … $n` in order of appearance; tokens in
/// braces are what `SQLDialect.expand` puts in their place.
public struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// The text between the values; always one more than there are values.
    private var pieces: [String]
    /// The bound values, in order.
    public private(set) var values: [SQLValue]

    /// A statement without values.
    public init(stringLiteral text: StaticString) {
        pieces = [text.description]
        values = []
    }

    public init(stringInterpolation: StringInterpolation) {
        pieces = stringInterpolation.pieces
        values = stringInterpolation.values
    }

    /// A fragment of the code itself, such as a list of columns. Never text from outside.
    public init(raw text: String) {
        pieces = [text]
        values = []
    }

    /// The text with `$1 … $n` where the values go.
    public var text: String {
        var text = pieces[0]
        for index in values.indices {
            text += "$\(index + 1)"
            text += pieces[index + 1]
        }
        return text
    }

    /// Appends another fragment, values and all.
    public mutating func append(_ other: SQL) {
        pieces[pieces.count - 1] += other.pieces[0]
        pieces.append(contentsOf: other.pieces.dropFirst())
        values.append(contentsOf: other.values)
    }

    /// The fragments one after another, with `separator` between them.
    public static func joined(_ fragments: [SQL], separator: SQL) -> SQL {
        var joined: SQL = ""
        for (index, fragment) in fragments.enumerated() {
            if index > 0 { joined.append(separator) }
            joined.append(fragment)
        }
        return joined
    }

    /// The values in parentheses, for `IN`; at least one, at most `listLimitCount`.
    public static func list(_ values: some Sequence<some SQLBindable>) -> SQL {
        "(\(SQL.joined(values.map { "\($0)" }, separator: ", ")))"
    }

    /// The most values that one `IN` list may have.
    public static let listLimitCount = 500

    /// Collects what an interpolated literal is made of.
    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var pieces: [String] = [""]
        fileprivate var values: [SQLValue] = []

        public init(literalCapacity: Int, interpolationCount: Int) {
            values.reserveCapacity(interpolationCount)
        }

        public mutating func appendLiteral(_ literal: StaticString) {
            pieces[pieces.count - 1] += literal.description
        }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some SQLBindable) {
            values.append(value.sqlValue)
            pieces.append("")
        }

        /// Binds a value, or null.
        public mutating func appendInterpolation<Value: SQLBindable>(_ value: Value?) {
            values.append(value?.sqlValue ?? .null)
            pieces.append("")
        }

        /// Puts in another fragment, values and all.
        public mutating func appendInterpolation(_ fragment: SQL) {
            var whole = SQL(pieces: pieces, values: values)
            whole.append(fragment)
            (pieces, values) = (whole.pieces, whole.values)
        }

        /// Puts in a fragment of the code itself. Never text from outside.
        public mutating func appendInterpolation(raw text: String) {
            pieces[pieces.count - 1] += text
        }
    }

    private init(pieces: [String], values: [SQLValue]) {
        self.pieces = pieces
        self.values = values
    }
}
