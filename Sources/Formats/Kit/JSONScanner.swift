public import Registry

/// Reads a JSON text from its beginning to its end, and hands out what the caller asks for. What the
/// caller skips is checked as well, so that a text that was read is JSON throughout.
///
/// *Source*: RFC 8259. Numbers that are not whole can be skipped and not read.
public struct JSONScanner {
    /// The deepest nesting of objects and arrays.
    public static let depthLimitCount = 128

    /// What begins at the present position.
    public enum Kind: Hashable, Sendable {
        case object
        case array
        case string
        case number
        case bool
        case null
    }

    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0

    /// A scanner at the beginning of a text in UTF-8.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The kind of the value that begins here.
    ///
    /// - Throws: `malformed` with reason `json_invalid` where none begins.
    public mutating func peek() throws(RegistryError) -> Kind {
        skipSpace()
        guard let current else { throw failure("a value is missing") }
        switch current {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw failure("a value is missing")
        }
    }

    /// Reads an object. `member` is called for each name and has to read or skip the value.
    public mutating func readObject(
        _ member: (String, inout JSONScanner) throws(RegistryError) -> Void
    ) throws(RegistryError) {
        try require(.object, "an object")
        try enter()
        index += 1
        if takeIf(UInt8(ascii: "}")) {
            depth -= 1
            return
        }
        while true {
            guard try peek() == .string else { throw failure("a member has no name") }
            let name = try scanString()
            guard takeIf(UInt8(ascii: ":")) else { throw failure("':' is missing") }
            try member(name, &self)
            if takeIf(UInt8(ascii: ",")) { continue }
            guard takeIf(UInt8(ascii: "}")) else { throw failure("'}' is missing") }
            depth -= 1
            return
        }
    }

    /// Reads an array. `element` is called for each element and has to read or skip it.
    public mutating func readArray(
        _ element: (inout JSONScanner) throws(RegistryError) -> Void
    ) throws(RegistryError) {
        try require(.array, "an array")
        try enter()
        index += 1
        if takeIf(UInt8(ascii: "]")) {
            depth -= 1
            return
        }
        while true {
            try element(&self)
            if takeIf(UInt8(ascii: ",")) { continue }
            guard takeIf(UInt8(ascii: "]")) else { throw failure("']' is missing") }
            depth -= 1
            return
        }
    }

    /// Reads a string.
    public mutating func readString() throws(RegistryError) -> String {
        try require(.string, "a string")
        return try scanString()
    }

    /// Reads a whole number.
    public mutating func readInteger() throws(RegistryError) -> Int64 {
        try require(.number, "a number")
        let text = try scanNumber()
        guard let number = Int64(String(decoding: text, as: UTF8.self)) else {
            throw failure("a whole number of 64 bits is expected")
        }
        return number
    }

    /// Reads over a value of any kind.
    public mutating func skip() throws(RegistryError) {
        switch try peek() {
        case .object:
            try readObject { (_, scanner) throws(RegistryError) in try scanner.skip() }
        case .array:
            try readArray { scanner throws(RegistryError) in try scanner.skip() }
        case .string: _ = try scanString()
        case .number: _ = try scanNumber()
        case .bool: try scanWord(current == UInt8(ascii: "t") ? "true" : "false")
        case .null: try scanWord("null")
        }
    }

    /// Reads over a value of any kind.
    ///
    /// - Returns: its text, as it stands.
    public mutating func readText() throws(RegistryError) -> ArraySlice<UInt8> {
        skipSpace()
        let start = index
        try skip()
        return bytes[start..<index]
    }

    /// Reads over `null`, if it is what begins here.
    ///
    /// - Returns: whether it was.
    public mutating func skipNull() throws(RegistryError) -> Bool {
        guard try peek() == .null else { return false }
        try skip()
        return true
    }

    /// Makes sure that nothing follows.
    public mutating func finish() throws(RegistryError) {
        skipSpace()
        guard index == bytes.count else { throw failure("something follows the end") }
    }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            index += 1
        }
    }

    private mutating func takeIf(_ byte: UInt8) -> Bool {
        skipSpace()
        guard current == byte else { return false }
        index += 1
        return true
    }

    private mutating func require(_ kind: Kind, _ name: String) throws(RegistryError) {
        guard try peek() == kind else { throw failure("\(name) is expected") }
    }

    private mutating func enter() throws(RegistryError) {
        depth += 1
        guard depth <= Self.depthLimitCount else {
            throw failure("it is nested more than \(Self.depthLimitCount) levels deep")
        }
    }

    private mutating func scanWord(_ word: StaticString) throws(RegistryError) {
        for byte in word.description.utf8 {
            guard current == byte else { throw failure("a value is missing") }
            index += 1
        }
    }

    private mutating func scanNumber() throws(RegistryError) -> ArraySlice<UInt8> {
        let start = index
        if current == UInt8(ascii: "-") { index += 1 }
        let first = current
        let digits = skipDigits()
        guard digits > 0, first != UInt8(ascii: "0") || digits == 1 else {
            throw failure("a number is expected")
        }
        if current == UInt8(ascii: ".") {
            index += 1
            guard skipDigits() > 0 else { throw failure("a digit is missing") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            index += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { index += 1 }
            guard skipDigits() > 0 else { throw failure("a digit is missing") }
        }
        return bytes[start..<index]
    }

    private mutating func skipDigits() -> Int {
        let start = index
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            index += 1
        }
        return index - start
    }

    private mutating func scanString() throws(RegistryError) -> String {
        index += 1
        let start = index
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"),
            byte >= 0x20
        {
            index += 1
        }
        if current == UInt8(ascii: "\"") {
            // Nothing is escaped, as in nearly every string.
            let text = try decode(bytes[start..<index])
            index += 1
            return text
        }
        return try scanEscaped(Array(bytes[start..<index]))
    }

    private mutating func scanEscaped(_ begun: [UInt8]) throws(RegistryError) -> String {
        var text = begun
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                let decoded = try decode(text[...])
                index += 1
                return decoded
            case UInt8(ascii: "\\"):
                index += 1
                try scanEscape(into: &text)
            case 0..<0x20:
                throw failure("a string contains a control character")
            default:
                text.append(byte)
                index += 1
            }
        }
        throw failure("a string does not end")
    }

    private mutating func scanEscape(into text: inout [UInt8]) throws(RegistryError) {
        let escape = current
        index += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            text.append(escape ?? 0)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            text.append(contentsOf: String(Character(try scanScalar())).utf8)
        default: throw failure("an escape is not known")
        }
    }

    /// The scalar of `\uXXXX`, or of the two of them that a scalar beyond the first plane takes.
    private mutating func scanScalar() throws(RegistryError) -> Unicode.Scalar {
        let first = try scanUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800...0xDBFF).contains(first), current == UInt8(ascii: "\\") else {
            throw failure("half of a pair of surrogates stands alone")
        }
        index += 1
        guard current == UInt8(ascii: "u") else {
            throw failure("half of a pair of surrogates stands alone")
        }
        index += 1
        let second = try scanUnit()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(
                0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        else { throw failure("half of a pair of surrogates stands alone") }
        return scalar
    }

    private mutating func scanUnit() throws(RegistryError) -> UInt16 {
        guard index + 4 <= bytes.count,
            let unit = Hex.decode(
                String(decoding: bytes[index..<index + 4], as: UTF8.self))
        else { throw failure("an escape is not four hexadecimal digits") }
        index += 4
        return UInt16(unit[0]) << 8 | UInt16(unit[1])
    }

    private func decode(_ text: ArraySlice<UInt8>) throws(RegistryError) -> String {
        guard let text = String(validating: text, as: UTF8.self) else {
            throw failure("a string is not UTF-8")
        }
        return text
    }

    private func failure(_ what: String) -> RegistryError {
        RegistryError(
            .malformed, "the JSON cannot be read at byte \(index): \(what)",
            reason: "json_invalid")
    }
}
