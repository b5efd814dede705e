/// Writes strings as JSON.
///
/// *Source*: RFC 8259, section 7.
enum JSONText {
    /// Adds `text` in quotes to `line`, with every line end and control character escaped.
    static func append(_ text: String, to line: inout String) {
        line += "\""
        guard text.utf8.contains(where: needsEscape) else {
            line += text
            line += "\""
            return
        }
        var plainStart = text.utf8.startIndex
        var index = plainStart
        let utf8 = text.utf8
        while index != utf8.endIndex {
            let byte = utf8[index]
            if let escape = escape(byte) {
                line += text[plainStart..<index]
                line += escape
                plainStart = utf8.index(after: index)
            }
            utf8.formIndex(after: &index)
        }
        line += text[plainStart...]
        line += "\""
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F
    }

    private static func escape(_ byte: UInt8) -> String? {
        switch byte {
        case UInt8(ascii: "\""): "\\\""
        case UInt8(ascii: "\\"): "\\\\"
        case UInt8(ascii: "\n"): "\\n"
        case UInt8(ascii: "\r"): "\\r"
        case UInt8(ascii: "\t"): "\\t"
        case 0..<0x20, 0x7F: "\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        default: nil
        }
    }
}
