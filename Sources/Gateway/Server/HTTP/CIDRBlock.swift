/// A range of addresses that share their first bits: `10.0.0.0/8`, `fd00::/8`.
///
/// *Source*: RFC 4632, section 3.1; RFC 4291, section 2.3.
public struct CIDRBlock: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the range.
    public let address: NetworkAddress
    /// How many first bits an address of the range shares: up to 32 or 128.
    public let prefixBits: Int

    /// Reads a block, or a single address, or answers `nil`.
    public init?(parsing text: some StringProtocol) {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = NetworkAddress(parsing: halves[0]) else { return nil }
        let width = address.bytes.count * 8
        var bits = width
        if halves.count == 2 {
            guard (1...3).contains(halves[1].utf8.count),
                halves[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let given = Int(halves[1]), given <= width
            else { return nil }
            bits = given
        }
        self.address = address
        self.prefixBits = bits
    }

    /// Whether `other` is in the range.
    public func contains(_ other: NetworkAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let wholeBytes = prefixBits / 8
        guard other.bytes.prefix(wholeBytes) == address.bytes.prefix(wholeBytes) else {
            return false
        }
        let restBits = prefixBits % 8
        guard restBits > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> restBits)
        return other.bytes[wholeBytes] & mask == address.bytes[wholeBytes] & mask
    }

    public var description: String { "\(address)/\(prefixBits)" }
}
