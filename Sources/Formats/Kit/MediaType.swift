/// The rules for media types that clients give to what they store.
public enum MediaType {
    /// The longest media type that is kept, in bytes.
    public static let limitBytes = 255
    /// What content of unknown type is served as.
    public static let octetStream = "application/octet-stream"

    /// The media type to keep for a file that was sent with this `Content-Type`: `nil` for none,
    /// for one that is not `type/subtype` with printable parameters, and for those that forms and
    /// careless clients send, which say nothing about the file.
    ///
    /// *Source*: RFC 9110, section 8.3.1.
    public static func stored(from contentType: String?) -> String? {
        guard let contentType, contentType.utf8.count <= limitBytes,
            contentType.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { return nil }
        let essence = contentType.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        let halves = essence.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy(isToken),
            essence != "application/x-www-form-urlencoded", halves[0] != "multipart"
        else { return nil }
        return contentType
    }

    private static func isToken(_ text: Substring) -> Bool {
        let others = Set("!#$%&'*+-.^_`|~".utf8)
        return !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: others.contains(byte)
                }
            }
    }
}
