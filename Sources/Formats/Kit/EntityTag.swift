public import Registry

/// A validator of a representation: `"sha256:9f86…"`, or `W/"…"` where bytes may differ.
///
/// *Source*: RFC 9110, section 8.8.3.
public struct EntityTag: Hashable, Sendable, CustomStringConvertible {
    /// What stands between the quotes.
    public let opaque: String
    public let isWeak: Bool

    /// A tag with this text between its quotes, which must not contain a quote or a control
    /// character.
    public init(opaque: String, isWeak: Bool = false) {
        self.opaque = opaque
        self.isWeak = isWeak
    }

    /// The strong tag of content with this digest.
    public init(_ digest: Digest) {
        self.init(opaque: digest.description)
    }

    /// The digest that the tag was made of, if it was made of one.
    public var digest: Digest? { isWeak ? nil : try? Digest(parsing: opaque) }

    /// Whether both promise the same bytes.
    ///
    /// *Source*: RFC 9110, section 8.8.3.2, strong comparison.
    public func matchesStrongly(_ other: EntityTag) -> Bool {
        !isWeak && !other.isWeak && opaque == other.opaque
    }

    /// Whether both promise equivalent content.
    ///
    /// *Source*: RFC 9110, section 8.8.3.2, weak comparison.
    public func matchesWeakly(_ other: EntityTag) -> Bool {
        opaque == other.opaque
    }

    public var description: String { isWeak ? "W/\"\(opaque)\"" : "\"\(opaque)\"" }

    /// Reads one tag.
    public init?(parsing text: some StringProtocol) {
        guard let tags = EntityTag.parseList(text), tags.count == 1 else { return nil }
        self = tags[0]
    }

    /// Reads a list of one tag or more with commas between them; empty elements are skipped.
    ///
    /// - Returns: `nil` when `text` is anything else.
    public static func parseList(_ text: some StringProtocol) -> [EntityTag]? {
        var rest = Array(text.utf8)[...]
        var tags: [EntityTag] = []
        var needsComma = false
        while let byte = rest.first {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                rest.removeFirst()
            case UInt8(ascii: ","):
                rest.removeFirst()
                needsComma = false
            default:
                guard !needsComma, let tag = takeTag(&rest) else { return nil }
                tags.append(tag)
                needsComma = true
            }
        }
        return tags.isEmpty ? nil : tags
    }

    private static func takeTag(_ rest: inout ArraySlice<UInt8>) -> EntityTag? {
        let isWeak = rest.starts(with: "W/".utf8)
        if isWeak { rest.removeFirst(2) }
        guard rest.first == UInt8(ascii: "\"") else { return nil }
        rest.removeFirst()
        guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        let opaque = rest[..<end]
        guard opaque.allSatisfy({ $0 > 0x20 && $0 != 0x7F }),
            let text = String(validating: opaque, as: UTF8.self)
        else { return nil }
        rest = rest[rest.index(after: end)...]
        return EntityTag(opaque: text, isWeak: isWeak)
    }
}
