import NIOCore
import Registry

/// BLAKE2b with digests of 32 bytes, as clients send them beside sha256 and md5. Only compared, and
/// never what a blob is named by.
///
/// The state is kept in plain words and every round is written out: vectors of the smallest common
/// processor, and look-ups in a schedule, take several times as long.
///
/// *Source*: RFC 7693.
struct BLAKE2b: Sendable {
    private static let blockBytes = 128

    /// The 16 words of a block, as a round takes them.
    private typealias Schedule = (
        Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int
    )

    /// What is mixed: four rows of four words.
    private struct Words {
        var a0, a1, a2, a3: UInt64
        var b0, b1, b2, b3: UInt64
        var c0: UInt64 = 0x6A09_E667_F3BC_C908
        var c1: UInt64 = 0xBB67_AE85_84CA_A73B
        var c2: UInt64 = 0x3C6E_F372_FE94_F82B
        var c3: UInt64 = 0xA54F_F53A_5F1D_36F1
        var d0: UInt64 = 0x510E_527F_ADE6_82D1
        var d1: UInt64 = 0x9B05_688C_2B3E_6C1F
        var d2: UInt64 = 0x1F83_D9AB_FB41_BD6B
        var d3: UInt64 = 0x5BE0_CD19_137E_2179
    }

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
        low = [
            0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B,
            0xA54F_F53A_5F1D_36F1,
        ]
        high = [
            0x510E_527F_ADE6_82D1, 0x9B05_688C_2B3E_6C1F, 0x1F83_D9AB_FB41_BD6B,
            0x5BE0_CD19_137E_2179,
        ]
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
        let block = Self.readBlock(&bytes)
        var words = Words(
            a0: low[0], a1: low[1], a2: low[2], a3: low[3],
            b0: high[0], b1: high[1], b2: high[2], b3: high[3])
        words.d0 ^= countBytes
        if isLast { words.d2 = ~words.d2 }
        Self.mix(&words, block)
        low ^= [
            words.a0 ^ words.c0, words.a1 ^ words.c1, words.a2 ^ words.c2, words.a3 ^ words.c3,
        ]
        high ^= [
            words.b0 ^ words.d0, words.b1 ^ words.d1, words.b2 ^ words.d2, words.b3 ^ words.d3,
        ]
    }

    private static func readBlock(_ bytes: inout ByteBuffer) -> SIMD16<UInt64> {
        typealias Half = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
        guard let m = bytes.readMultipleIntegers(endianness: .little, as: Half.self),
            let n = bytes.readMultipleIntegers(endianness: .little, as: Half.self)
        else { return SIMD16() }
        return SIMD16(
            m.0, m.1, m.2, m.3, m.4, m.5, m.6, m.7, n.0, n.1, n.2, n.3, n.4, n.5, n.6, n.7)
    }

    /// *Source*: RFC 7693, section 2.7, for the schedule.
    private static func mix(_ v: inout Words, _ m: SIMD16<UInt64>) {
        round(&v, m, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
        round(&v, m, (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3))
        round(&v, m, (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4))
        round(&v, m, (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8))
        round(&v, m, (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13))
        round(&v, m, (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9))
        round(&v, m, (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11))
        round(&v, m, (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10))
        round(&v, m, (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5))
        round(&v, m, (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0))
        round(&v, m, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
        round(&v, m, (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3))
    }

    @inline(__always)
    private static func round(_ v: inout Words, _ m: SIMD16<UInt64>, _ s: Schedule) {
        mix(&v.a0, &v.b0, &v.c0, &v.d0, m[s.0], m[s.1])
        mix(&v.a1, &v.b1, &v.c1, &v.d1, m[s.2], m[s.3])
        mix(&v.a2, &v.b2, &v.c2, &v.d2, m[s.4], m[s.5])
        mix(&v.a3, &v.b3, &v.c3, &v.d3, m[s.6], m[s.7])
        mix(&v.a0, &v.b1, &v.c2, &v.d3, m[s.8], m[s.9])
        mix(&v.a1, &v.b2, &v.c3, &v.d0, m[s.10], m[s.11])
        mix(&v.a2, &v.b3, &v.c0, &v.d1, m[s.12], m[s.13])
        mix(&v.a3, &v.b0, &v.c1, &v.d2, m[s.14], m[s.15])
    }

    @inline(__always)
    private static func mix(
        _ a: inout UInt64, _ b: inout UInt64, _ c: inout UInt64, _ d: inout UInt64,
        _ x: UInt64, _ y: UInt64
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

    @inline(__always)
    private static func rotate(_ word: UInt64, by count: UInt64) -> UInt64 {
        (word &>> count) | (word &<< (64 &- count))
    }
}
