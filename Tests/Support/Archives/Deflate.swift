/// Compressed forms that compress nothing, so that tests can make them by hand.
public enum Deflate {
    /// The most bytes of one block.
    static let blockBytes = 65_535

    /// `bytes` in blocks that are stored as they are.
    ///
    /// *Source*: RFC 1951, section 3.2.4.
    public static func store(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = []
        var start = 0
        repeat {
            let count = min(blockBytes, bytes.count - start)
            let isLast = start + count == bytes.count
            stream.append(isLast ? 1 : 0)
            stream += LittleEndian.bytes(UInt16(count)) + LittleEndian.bytes(~UInt16(count))
            stream += bytes[start..<start + count]
            start += count
        } while start < bytes.count
        return stream
    }

    /// A gzip file of `bytes`.
    ///
    /// *Source*: RFC 1952.
    public static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255] + store(bytes)
            + LittleEndian.bytes(crc32(bytes)) + LittleEndian.bytes(UInt32(bytes.count))
    }

    /// The checksum of ZIP and gzip.
    ///
    /// *Source*: RFC 1952, section 8.
    public static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in
            crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xFF)]
        }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in
            crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320
        }
    }
}

enum LittleEndian {
    /// The bytes of a number, the least first.
    static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        (0..<(number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
