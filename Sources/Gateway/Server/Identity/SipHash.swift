/// SipHash-2-4 with 128 bits: a keyed hash of short texts. Who does not know the key can neither
/// find a text from its code nor make two texts with the same code.
///
/// *Source*: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF"; the second half of
/// the code is as in their reference implementation.
struct SipHash {
    /// The hash of one text.
    struct Code: Hashable {
        let low: UInt64
        let high: UInt64
    }

    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    /// The bytes of the word that is not complete yet, the first the least significant.
    private var word: UInt64 = 0
    private var byteCount: UInt64 = 0

    /// The hash of nothing yet, under `key`.
    init(key: (UInt64, UInt64)) {
        v0 = key.0 ^ 0x736F_6D65_7073_6575
        v1 = key.1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE
        v2 = key.0 ^ 0x6C79_6765_6E65_7261
        v3 = key.1 ^ 0x7465_6462_7974_6573
    }

    /// Adds one byte to the text.
    mutating func append(byte: UInt8) {
        word |= UInt64(byte) << (8 * (byteCount & 7))
        byteCount += 1
        if byteCount & 7 == 0 {
            compress(word)
            word = 0
        }
    }

    /// Adds the UTF-8 of `text`.
    mutating func append(_ text: String) {
        for byte in text.utf8 { append(byte: byte) }
    }

    /// The hash of what was added.
    consuming func finish() -> Code {
        compress(word | byteCount << 56)
        v2 ^= 0xEE
        for _ in 0..<4 { round() }
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xDD
        for _ in 0..<4 { round() }
        return Code(low: low, high: v0 ^ v1 ^ v2 ^ v3)
    }

    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 &+= v1
        v1 = Self.rotate(v1, 13) ^ v0
        v0 = Self.rotate(v0, 32)
        v2 &+= v3
        v3 = Self.rotate(v3, 16) ^ v2
        v0 &+= v3
        v3 = Self.rotate(v3, 21) ^ v0
        v2 &+= v1
        v1 = Self.rotate(v1, 17) ^ v2
        v2 = Self.rotate(v2, 32)
    }

    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
        word << count | word >> (64 - count)
    }
}
