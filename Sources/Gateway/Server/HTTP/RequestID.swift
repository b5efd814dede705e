import Synchronization

/// Names of requests, in logs and in `X-Request-Id`.
enum RequestID {
    /// The most characters of a name that a client chose.
    static let limitCharacters = 64

    /// A random number of this process and a count: a permutation of the count, so that no two
    /// requests of a process share a name, without a system call for each.
    private static let seed = UInt64.random(in: .min ... .max)
    private static let count = Atomic<UInt64>(0)

    /// A name that nobody had before, 16 hexadecimal digits.
    static func make() -> String {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        var mixed = seed &+ number &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        var digits: [UInt8] = []
        digits.reserveCapacity(16)
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: mixed >> UInt64(shift)) & 15
            digits.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// The client's own name for the request when it is harmless, else a new one.
    static func choose(sent name: String?) -> String {
        guard let name, isHarmless(name) else { return make() }
        return name
    }

    private static func isHarmless(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= limitCharacters else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}
