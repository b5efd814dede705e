public import Registry

/// Which bytes of a representation a `Range` header asks for. Pure.
///
/// *Source*: RFC 9110, section 14.
public enum RangeRequest: Hashable, Sendable {
    /// The most ranges of one request; a header with more is ignored, and so is one whose ranges
    /// together are longer than the representation, so that no request multiplies bytes.
    public static let partLimitCount = 32

    /// Everything: no header, one that cannot be understood, or one that asks for too much.
    case whole
    /// One part: 206 with `Content-Range`.
    case single(ByteRange)
    /// Several parts in the order asked for: 206 with `multipart/byteranges`.
    case multiple([ByteRange])
    /// 416: every range lies behind the end.
    case unsatisfiable

    /// The meaning of the header's value for a representation of `size` bytes.
    ///
    /// An empty representation has no part that a `Content-Range` could name, so a range of it is
    /// answered with the whole.
    public static func resolve(_ header: String?, size: Int64) -> RangeRequest {
        guard let header, size > 0, let specifiers = Specifier.parseList(header),
            specifiers.count <= partLimitCount
        else { return .whole }
        let ranges = specifiers.compactMap { $0.range(of: size) }
        guard let first = ranges.first else { return .unsatisfiable }
        guard ranges.count > 1 else { return .single(first) }
        var total: Int64 = 0
        for range in ranges {
            guard range.length <= size - total else { return .whole }
            total += range.length
        }
        return .multiple(ranges)
    }

    /// `Content-Range` of a part.
    ///
    /// *Source*: RFC 9110, section 14.4.
    public static func contentRange(_ range: ByteRange, of size: Int64) -> String {
        "bytes \(range.offset)-\(range.end - 1)/\(size)"
    }

    /// `Content-Range` of a 416.
    public static func unsatisfiedRange(of size: Int64) -> String {
        "bytes */\(size)"
    }

    private enum Specifier {
        case from(Int64, through: Int64?)
        case suffix(Int64)

        /// The part of `size` bytes that this names, or `nil` when it names none.
        func range(of size: Int64) -> ByteRange? {
            switch self {
            case .from(let first, let last):
                guard first < size else { return nil }
                let end = last.map { $0 < size ? $0 + 1 : size } ?? size
                return ByteRange(offset: first, length: end - first)
            case .suffix(let length):
                guard length > 0 else { return nil }
                return ByteRange(
                    offset: max(0, size - length), length: min(size, length))
            }
        }

        /// - Returns: `nil` when the unit is not bytes, or one of the ranges is none.
        static func parseList(_ header: String) -> [Specifier]? {
            guard let equals = header.firstIndex(of: "="),
                header[..<equals].lowercased() == "bytes"
            else { return nil }
            var specifiers: [Specifier] = []
            for element in header[header.index(after: equals)...].utf8.split(
                separator: UInt8(ascii: ","))
            {
                let trimmed = trim(element)
                guard !trimmed.isEmpty else { continue }
                guard let specifier = parse(trimmed) else { return nil }
                specifiers.append(specifier)
            }
            return specifiers.isEmpty ? nil : specifiers
        }

        private static func parse(_ text: Substring.UTF8View) -> Specifier? {
            guard let dash = text.firstIndex(of: UInt8(ascii: "-")) else { return nil }
            let last = text[text.index(after: dash)...]
            if dash == text.startIndex { return number(last).map(Specifier.suffix) }
            guard let first = number(text[..<dash]) else { return nil }
            if last.isEmpty { return .from(first, through: nil) }
            guard let end = number(last), end >= first else { return nil }
            return .from(first, through: end)
        }

        /// A number of any length; one that is too large for the type counts as the largest.
        private static func number(_ digits: Substring.UTF8View) -> Int64? {
            guard !digits.isEmpty else { return nil }
            var value: Int64 = 0
            for digit in digits {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                let (scaled, isScaledOver) = value.multipliedReportingOverflow(by: 10)
                let (sum, isSumOver) = scaled.addingReportingOverflow(
                    Int64(digit - UInt8(ascii: "0")))
                value = isScaledOver || isSumOver ? .max : sum
                if value == .max { return digits.allSatisfy(isDigit) ? .max : nil }
            }
            return value
        }

        private static func isDigit(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }

        private static func trim(_ text: Substring.UTF8View) -> Substring.UTF8View {
            var text = text
            while text.first == 0x20 || text.first == 0x09 { text.removeFirst() }
            while text.last == 0x20 || text.last == 0x09 { text.removeLast() }
            return text
        }
    }
}
