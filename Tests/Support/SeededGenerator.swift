import Foundation

/// A random generator that gives the same numbers for the same seed (SplitMix64).
///
/// *Source*: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    /// The variable that names the seed of a run.
    public static let environmentName = "PACKHOUSE_TEST_SEED"

    public let seed: UInt64
    private var state: UInt64

    public init(seed: UInt64) {
        self.seed = seed
        self.state = seed
    }

    /// A generator whose seed is printed, and taken from `PACKHOUSE_TEST_SEED` when that is set.
    public static func announced(_ name: String = #function) -> SeededGenerator {
        let given = ProcessInfo.processInfo.environment[environmentName].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
        print("\(name): \(environmentName)=\(seed)")
        return SeededGenerator(seed: seed)
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
