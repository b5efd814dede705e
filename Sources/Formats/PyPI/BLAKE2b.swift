import NIOCore
import Registry

/// BLAKE2b with digests of 32 bytes, as clients send them beside sha256 and md5. Only compared, and
/// never what a blob is named by.
///
/// *Source*: RFC 7693.
struct BLAKE2b: Sendable {
    private static let blockBytes = 128

    private static let initial: [UInt64] = [
        0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B,
        0xA54F_F53A_5F1D_36F1, 0x510E_527F_ADE6_82D1, 0x9B05_688C_2B3E_6C1F,
        0x1F83_D9AB_FB41_BD6B, 0x5BE0_CD19_137E_2179,
    ]

    /// Which words of the block the steps of a round take: 16 for each of ten rounds.
    private static let schedule: [Int] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
        11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
        7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
        9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
        2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
        12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
        13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
        6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
        10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
    ]

    /// Bytes of a digest.
    private let digestBytes: Int
    private var low: SIMD4<UInt64>
    private var high: SIMD4<UInt64>
    /// What is not hashed yet: at most a block, since the last one is hashed otherwise.
    private var pending = ByteBuffer()
    private var countBytes: UInt64 = 0

    /// - Parameter digestBytes: 1 to 64.
    init(digestBytes: Int = 32) {
        self.digestBytes = digestBytes
        low = SIMD4(Self.initial[0..<4])
        high = SIMD4(Self.initial[4..<8])
        low[0] ^= 0x0101_0000 ^ UInt64(digestBytes)
    }

    /// Goes on with `bytes`.
    mutating func update(_ bytes: ByteBuffer) {
        var bytes = bytes
        if pending.readableBytes > 0 {
            let missing = Self.blockBytes - pending.readableBytes
            guard let piece = bytes.readSlice(length: min(missing, bytes.readableBytes)) else {
                return
            }
            pending.writeImmutableBuffer(piece)
            guard bytes.readableBytes > 0 else { return }
            var block = pending
            pending.clear()
            compress(&block, isLast: false)
        }
        while bytes.readableBytes > Self.blockBytes { compress(&bytes, isLast: false) }
        pending.writeBuffer(&bytes)
    }

    /// The digest in hexadecimal.
    func finish() -> String {
        var last = self
        last.countBytes += UInt64(last.pending.readableBytes)
        last.pending.writeRepeatingByte(
            0, count: Self.blockBytes - last.pending.readableBytes)
        var block = last.pending
        last.compress(&block, isLast: true)
        var digest = ByteBuffer()
        for word in 0..<8 {
            digest.writeInteger(
                word < 4 ? last.low[word] : last.high[word - 4], endianness: .little)
        }
        return Hex.encode(digest.readableBytesView.prefix(digestBytes))
    }

    /// Hashes the block that `bytes` begins with, and moves behind it.
    private mutating func compress(_ bytes: inout ByteBuffer, isLast: Bool) {
        if !isLast { countBytes += UInt64(Self.blockBytes) }
        var words = SIMD16<UInt64>()
        for index in 0..<16 {
            words[index] = bytes.readInteger(endianness: .little) ?? 0
        }
        let schedule = Self.schedule
        var (a, b) = (low, high)
        var c = SIMD4(Self.initial[0..<4])
        var d = SIMD4(Self.initial[4..<8])
        d[0] ^= countBytes
        if isLast { d[2] = ~d[2] }
        for round in 0..<12 {
            let start = round % 10 * 16
            func gather(_ offset: Int) -> SIMD4<UInt64> {
                let first = start + offset
                return SIMD4(
                    words[schedule[first]], words[schedule[first + 2]],
                    words[schedule[first + 4]], words[schedule[first + 6]])
            }
            Self.mix(&a, &b, &c, &d, gather(0), gather(1))
            (b, c, d) = (
                SIMD4(b[1], b[2], b[3], b[0]), SIMD4(c[2], c[3], c[0], c[1]),
                SIMD4(d[3], d[0], d[1], d[2])
            )
            Self.mix(&a, &b, &c, &d, gather(8), gather(9))
            (b, c, d) = (
                SIMD4(b[3], b[0], b[1], b[2]), SIMD4(c[2], c[3], c[0], c[1]),
                SIMD4(d[1], d[2], d[3], d[0])
            )
        }
        low ^= a ^ c
        high ^= b ^ d
    }

    private static func mix(
        _ a: inout SIMD4<UInt64>, _ b: inout SIMD4<UInt64>, _ c: inout SIMD4<UInt64>,
        _ d: inout SIMD4<UInt64>, _ x: SIMD4<UInt64>, _ y: SIMD4<UInt64>
    ) {
        a = a &+ b &+ x
        d = rotate(d ^ a, by: 32)
        c = c &+ d
        b = rotate(b ^ c, by: 24)
        a = a &+ b &+ y
        d = rotate(d ^ a, by: 16)
        c = c &+ d
        b = rotate(b ^ c, by: 63)
    }

    private static func rotate(_ words: SIMD4<UInt64>, by count: UInt64) -> SIMD4<UInt64> {
        (words &>> count) | (words &<< (64 - count))
    }
}
