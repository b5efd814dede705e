/// The media types that a client accepts, and how gladly.
///
/// *Source*: RFC 9110, section 12.5.1.
public struct AcceptedMedia: Hashable, Sendable {
    /// The most ranges of one header field that are read.
    public static let limitCount = 64

    private struct Range: Hashable {
        let type: String
        let subtype: String
        /// Thousandths.
        let quality: Int

        /// How exactly the range names `type/subtype`: 0 where it does not.
        func precision(_ type: String, _ subtype: String) -> Int {
            if self.type == type {
                return self.subtype == subtype ? 3 : self.subtype == "*" ? 2 : 0
            }
            return self.type == "*" && self.subtype == "*" ? 1 : 0
        }
    }

    private let ranges: [Range]

    /// Reads an `Accept` header; `nil` and what cannot be read accept everything.
    public init(_ header: String?) {
        ranges = (header ?? "").split(separator: ",").prefix(Self.limitCount).compactMap {
            element in
            let parts = element.split(separator: ";").map { $0.trimmingBlanks().lowercased() }
            let halves = parts.first?.split(separator: "/", omittingEmptySubsequences: false) ?? []
            guard halves.count == 2 else { return nil }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { $0.dropFirst(2) }
            return Range(
                type: String(halves[0]), subtype: String(halves[1]),
                quality: Self.thousandths(quality ?? "1"))
        }
    }

    /// How gladly a media type without parameters is accepted, in thousandths.
    public func quality(of mediaType: String) -> Int {
        guard !ranges.isEmpty else { return 1000 }
        let halves = mediaType.split(separator: "/", maxSplits: 1).map(String.init)
        guard halves.count == 2 else { return 0 }
        let best = ranges.map { ($0.precision(halves[0], halves[1]), $0.quality) }
            .filter { $0.0 > 0 }.max { $0 < $1 }
        return best?.1 ?? 0
    }

    /// The one of `offers` that is accepted most gladly, the earlier of two equal ones; `nil` when
    /// none is accepted.
    public func choose<Offer>(among offers: [(mediaType: String, offer: Offer)]) -> Offer? {
        var best: (quality: Int, offer: Offer)?
        for offer in offers {
            let quality = quality(of: offer.mediaType)
            if quality > best?.quality ?? 0 { best = (quality, offer.offer) }
        }
        return best?.offer
    }

    /// `0.8` as 800; anything else as 0.
    private static func thousandths(_ text: some StringProtocol) -> Int {
        let halves = text.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2, let whole = halves.first.flatMap({ Int($0) }),
            (0...1).contains(whole)
        else { return 0 }
        guard halves.count == 2, whole == 0 else { return whole * 1000 }
        let digits = halves[1].prefix(3)
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return 0 }
        return (Int(digits) ?? 0) * [1, 100, 10, 1][digits.count]
    }
}
