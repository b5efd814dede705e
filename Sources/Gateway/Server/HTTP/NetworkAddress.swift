/// An IPv4 or IPv6 address as bytes; an IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is the IPv4 one.
public struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes, the most significant first.
    public let bytes: [UInt8]

    private init(bytes: [UInt8]) {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        self.bytes =
            bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes.suffix(4)) : bytes
    }

    /// Reads `10.0.0.1`, `2001:db8::1` or `fe80::1%eth0` (the zone is dropped), or answers `nil`.
    ///
    /// *Source*: RFC 4291, section 2.2.
    public init?(parsing text: some StringProtocol) {
        guard text.utf8.count <= 64 else { return nil }
        if text.contains(":") {
            let address = text.prefix { $0 != "%" }
            guard let bytes = Self.parseIPv6(Substring(address)) else { return nil }
            self.init(bytes: bytes)
        } else {
            guard let bytes = Self.parseIPv4(Substring(text)) else { return nil }
            self.init(bytes: bytes)
        }
    }

    private static func parseIPv4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(isDigit),
                part.count == 1 || !part.hasPrefix("0"), let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func parseIPv6(_ text: Substring) -> [UInt8]? {
        let halves = splitAtDoubleColon(text)
        guard let head = parseGroups(halves.head) else { return nil }
        guard let rest = halves.tail else { return head.count == 16 ? head : nil }
        guard let tail = parseGroups(rest), head.count + tail.count <= 14 else { return nil }
        return head + Array(repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func splitAtDoubleColon(
        _ text: Substring
    ) -> (head: Substring, tail: Substring?) {
        var index = text.startIndex
        while index != text.endIndex {
            let next = text.index(after: index)
            if text[index] == ":", next != text.endIndex, text[next] == ":" {
                return (text[..<index], text[text.index(after: next)...])
            }
            index = next
        }
        return (text, nil)
    }

    private static func parseGroups(_ text: Substring) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var bytes: [UInt8] = []
        let groups = text.split(separator: ":", omittingEmptySubsequences: false)
        for (position, group) in groups.enumerated() {
            if group.contains(".") {
                guard position == groups.count - 1, let last = parseIPv4(group) else { return nil }
                bytes += last
            } else {
                guard (1...4).contains(group.utf8.count),
                    group.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
                    let number = UInt16(group, radix: 16)
                else { return nil }
                bytes += [UInt8(number >> 8), UInt8(number & 0xFF)]
            }
        }
        return bytes
    }

    /// `10.0.0.1`, or IPv6 in its shortest form.
    ///
    /// *Source*: RFC 5952, section 4.
    public var description: String {
        guard bytes.count == 16 else { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map {
            UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
        }
        let zeros = Self.longestZeros(groups)
        let text = groups.map { String($0, radix: 16) }
        guard zeros.count > 1 else { return text.joined(separator: ":") }
        return text[..<zeros.lowerBound].joined(separator: ":") + "::"
            + text[zeros.upperBound...].joined(separator: ":")
    }

    private static func longestZeros(_ groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for index in 0...groups.count where index == groups.count || groups[index] != 0 {
            if index - start > longest.count { longest = start..<index }
            start = index + 1
        }
        return longest
    }
}
