import Registry

/// How a client is told to store a download under a name.
public enum ContentDisposition {
    /// `attachment; filename="…"`, and `filename*` for a name that plain text cannot carry.
    ///
    /// *Source*: RFC 6266, section 4; RFC 8187, section 3.2.
    public static func attachment(_ name: String) -> String {
        if name.utf8.allSatisfy(isPlain) { return "attachment; filename=\"\(name)\"" }
        var plain = ""
        var isExact = true
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"", "\\", "%", "/":
                plain.append("_")
                isExact = false
            case " "..."~":
                plain.unicodeScalars.append(scalar)
            default:
                plain.append("_")
                isExact = false
            }
        }
        let header = "attachment; filename=\"\(plain)\""
        return isExact
            ? header : header + "; filename*=UTF-8''" + PercentEncoding.encode(name)
    }

    /// Whether a byte can stand between the quotes as it is.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "%"), UInt8(ascii: "/"): false
        default: (0x20..<0x7F).contains(byte)
        }
    }
}
