import Crypto
import FormatKit
import Foundation
import Registry

/// Writes what a login on a page has to remember into its two addresses, so that nobody fills the
/// database by beginning logins, and every replica knows what another wrote.
///
/// The request names the login on the page: the hash of the receipt, when it began, and where. The
/// receipt is what the program that waits has. Both end with a code that only the holder of the
/// signing key can make, and neither tells the other.
struct PageLoginSeal: Sendable {
    /// What the key is derived for.
    static let purpose = "login on a page"
    /// Random bytes of a receipt.
    static let randomBytes = 32
    /// Seconds that the token can be fetched after the login can be confirmed no longer.
    static let fetchGraceSeconds: Int64 = 60
    /// The longest text that is looked at, in bytes.
    private static let limitBytes = 512

    /// Told apart by their first bytes.
    private enum Kind: UInt8 {
        case request = 1
        case receipt = 2
    }

    /// A request that was opened.
    struct Request: Hashable, Sendable {
        let receiptHash: String
        let beganAt: Timestamp
        /// The network address of the program that began it.
        let address: String

        var expiresAt: Timestamp { beganAt.advanced(bySeconds: PageLogin.lifetimeSeconds) }
        /// Until when the token can be fetched.
        var fetchableUntil: Timestamp {
            expiresAt.advanced(bySeconds: PageLoginSeal.fetchGraceSeconds)
        }
    }

    private let key: SymmetricKey

    init(_ key: SymmetricKey) {
        self.key = key
    }

    /// A login that a program at `address` begins.
    func begin(from address: String, at now: Timestamp) -> PageLogin {
        let random = (0..<Self.randomBytes).map { _ in UInt8.random(in: 0...255) }
        let receipt = seal(.receipt, now, random)
        let hash = Array(SHA256.hash(data: Array(receipt.utf8)))
        return PageLogin(
            request: seal(.request, now, hash + Array(address.utf8)), receipt: receipt)
    }

    /// What a request says, or `nil` when it was not written here.
    func open(request text: String) -> Request? {
        guard let (beganAt, content) = open(.request, text), content.count >= SHA256.byteCount
        else { return nil }
        return Request(
            receiptHash: Hex.encode(content.prefix(SHA256.byteCount)), beganAt: beganAt,
            address: String(decoding: content.dropFirst(SHA256.byteCount), as: UTF8.self))
    }

    /// When the login of a receipt began, or `nil` when it was not written here.
    func open(receipt text: String) -> Timestamp? {
        open(.receipt, text)?.beganAt
    }

    private func seal(_ kind: Kind, _ beganAt: Timestamp, _ content: [UInt8]) -> String {
        var bytes = [kind.rawValue]
        let time = UInt64(bitPattern: beganAt.microseconds)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: time >> UInt64(shift)))
        }
        bytes += content
        bytes += Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
        return String(
            Base64.encode(bytes).compactMap { character -> Character? in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    private func open(
        _ kind: Kind, _ text: String
    ) -> (beganAt: Timestamp, content: ArraySlice<UInt8>)? {
        guard text.utf8.count <= Self.limitBytes, !text.contains("+"), !text.contains("/"),
            let bytes = Base64.decode(
                text.replacing("-", with: "+").replacing("_", with: "/")),
            bytes.count >= 9 + SHA256.byteCount
        else { return nil }
        let said = bytes.dropLast(SHA256.byteCount)
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                bytes.suffix(SHA256.byteCount), authenticating: said, using: key),
            said.first == kind.rawValue
        else { return nil }
        let time = said[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return (Timestamp(microseconds: Int64(bitPattern: time)), said.dropFirst(9))
    }
}
