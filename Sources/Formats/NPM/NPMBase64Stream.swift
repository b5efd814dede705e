import Registry

/// Decodes base64 that arrives in pieces of any length.
///
/// *Source*: RFC 4648, section 4.
struct NPMBase64Stream {
    /// Digits that wait for others to make a byte: fewer than four.
    private var bits: UInt32 = 0
    private var digitCount = 0
    private var paddingCount = 0
    /// Bytes decoded so far.
    private(set) var decodedCount: Int64 = 0

    /// What a byte of the text stands for.
    private enum Meaning {
        static let padding: UInt8 = 64
        static let none: UInt8 = 255
        /// Set in each of the two above, and in no value of a digit.
        static let mask: UInt8 = 0xC0
    }

    private static let meanings: [UInt8] = {
        var meanings = [UInt8](repeating: Meaning.none, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, byte) in alphabet.utf8.enumerated() { meanings[Int(byte)] = UInt8(value) }
        meanings[Int(UInt8(ascii: "="))] = Meaning.padding
        return meanings
    }()

    /// Decodes `text` from `start` to the first byte that is none of base64's.
    ///
    /// - Returns: the bytes, and where that byte is; the end of `text` where there is none.
    /// - Throws: `malformed` for padding that is not at the end.
    mutating func decode(
        _ text: [UInt8], from start: Int
    ) throws(RegistryError) -> (bytes: [UInt8], end: Int) {
        let meanings = Self.meanings
        var bytes = [UInt8](repeating: 0, count: (text.count - start) / 4 * 3 + 3)
        var count = 0
        var index = start
        while index < text.count {
            // Four digits at once, which is nearly all there is.
            while digitCount == 0, paddingCount == 0, index + 4 <= text.count {
                let first = meanings[Int(text[index])]
                let second = meanings[Int(text[index + 1])]
                let third = meanings[Int(text[index + 2])]
                let fourth = meanings[Int(text[index + 3])]
                guard (first | second | third | fourth) & Meaning.mask == 0 else { break }
                bytes[count] = first << 2 | second >> 4
                bytes[count + 1] = second << 4 | third >> 2
                bytes[count + 2] = third << 6 | fourth
                count += 3
                index += 4
            }
            guard index < text.count else { break }
            let meaning = meanings[Int(text[index])]
            guard meaning != Meaning.none else { break }
            if let byte = try take(meaning) {
                bytes[count] = byte
                count += 1
            }
            index += 1
        }
        decodedCount += Int64(count)
        bytes.removeLast(bytes.count - count)
        return (bytes, index)
    }

    /// - Returns: a byte, where this digit completes one.
    private mutating func take(_ meaning: UInt8) throws(RegistryError) -> UInt8? {
        if meaning == Meaning.padding {
            paddingCount += 1
            guard digitCount >= 2, digitCount + paddingCount <= 4 else { throw Self.refusal() }
            return nil
        }
        guard paddingCount == 0 else { throw Self.refusal() }
        bits = bits << 6 | UInt32(meaning)
        digitCount += 1
        defer {
            if digitCount == 4 {
                digitCount = 0
                bits = 0
            }
        }
        return switch digitCount {
        case 2: UInt8(truncatingIfNeeded: bits >> 4)
        case 3: UInt8(truncatingIfNeeded: bits >> 2)
        case 4: UInt8(truncatingIfNeeded: bits)
        default: nil
        }
    }

    /// Makes sure that nothing is missing. The padding may be; bits behind the last byte are zero,
    /// so that every content has one spelling.
    func finish() throws(RegistryError) {
        let unused: UInt32 =
            switch digitCount {
            case 2: 0xF
            case 3: 0x3
            default: 0
            }
        guard digitCount != 1, bits & unused == 0,
            paddingCount == 0 || digitCount + paddingCount == 4
        else { throw Self.refusal() }
    }

    private static func refusal() -> RegistryError {
        RegistryError(.malformed, "an attachment is not base64", reason: "attachment_invalid")
    }
}
