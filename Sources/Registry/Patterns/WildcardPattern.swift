/// A name in which `*` stands for any text, and every other character for itself in either case.
///
/// *Source*: GitLab, "Protected packages": "The pattern can include a wildcard (`*`)".
public struct WildcardPattern: Sendable, Hashable, CustomStringConvertible {
    /// The longest pattern, in bytes of UTF-8.
    public static let limitBytes = 255

    /// The pattern as it was written.
    public let description: String
    private let pieces: [[UInt8]]

    /// Reads a pattern.
    ///
    /// - Throws: `malformed` for one that is empty, too long, or has control characters.
    public init(_ text: String) throws(RegistryError) {
        guard (1...Self.limitBytes).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw RegistryError(
                .malformed,
                "a pattern has 1 to \(Self.limitBytes) bytes, none of them a control "
                    + "character",
                reason: "pattern_invalid")
        }
        description = text
        pieces = text.lowercased().split(separator: "*", omittingEmptySubsequences: false)
            .map { Array($0.utf8) }
    }

    /// Whether the pattern stands for the whole of `name`. Takes time in proportion to the product of
    /// the lengths at most.
    public func matches(_ name: String) -> Bool {
        var rest = Array(name.lowercased().utf8)[...]
        guard let first = pieces.first, rest.starts(with: first) else { return false }
        rest = rest.dropFirst(first.count)
        guard pieces.count > 1, let last = pieces.last else { return rest.isEmpty }
        // The first place where a piece fits leaves the most for those behind it.
        for piece in pieces.dropFirst().dropLast() {
            guard let start = Self.find(piece, in: rest) else { return false }
            rest = rest[(start + piece.count)...]
        }
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }

    private static func find(_ piece: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= piece.count else { return nil }
        return (bytes.startIndex...(bytes.endIndex - piece.count)).first { start in
            bytes[start...].starts(with: piece)
        }
    }

    public static func == (left: WildcardPattern, right: WildcardPattern) -> Bool {
        left.description == right.description
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(description)
    }
}
