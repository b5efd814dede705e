/// A content digest: the algorithm and the value in lower-case hexadecimal, as `sha256:e3b0…`.
///
/// *Source*: OCI image specification, "Descriptor: Digests".
public struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The algorithms that address content here.
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha256
        case sha512

        /// Digits of a value: two for each byte.
        public var hexLength: Int {
            switch self {
            case .sha256: 64
            case .sha512: 128
            }
        }
    }

    public let algorithm: Algorithm
    /// The value: `algorithm.hexLength` lower-case hexadecimal digits.
    public let hex: String

    /// The digest with this value.
    ///
    /// - Throws: `malformed` when `hex` has another length or another character.
    public init(_ algorithm: Algorithm, hex: String) throws(RegistryError) {
        guard hex.utf8.count == algorithm.hexLength, hex.utf8.allSatisfy(Hex.isLowercaseDigit)
        else {
            throw RegistryError(
                .malformed,
                "a \(algorithm.rawValue) digest is \(algorithm.hexLength) lower-case hexadecimal "
                    + "digits")
        }
        self.algorithm = algorithm
        self.hex = hex
    }

    /// The digest with these bytes, one for each two digits.
    public init(_ algorithm: Algorithm, bytes: some Sequence<UInt8>) {
        self.algorithm = algorithm
        self.hex = Hex.encode(bytes)
    }

    /// Reads `algorithm:hex`.
    ///
    /// - Throws: `malformed` for an unknown algorithm or a value that does not fit it.
    public init(parsing text: String) throws(RegistryError) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
            let algorithm = Algorithm(rawValue: String(text[..<colon]))
        else {
            throw RegistryError(
                .malformed, "a digest is written sha256:… or sha512:… in lower case")
        }
        try self.init(algorithm, hex: String(text[text.index(after: colon)...]))
    }

    public var description: String { "\(algorithm.rawValue):\(hex)" }
}
