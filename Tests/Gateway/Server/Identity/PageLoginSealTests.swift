import Crypto
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// What a login on a page carries in its addresses.
@Suite struct PageLoginSealTests {
    private let seal = PageLoginSeal(SymmetricKey(data: [UInt8](repeating: 7, count: 32)))
    private let now = Timestamp(microseconds: 1_800_000_000_123_456)

    @Test(arguments: ["127.0.0.1", "2001:db8::1", ""])
    func whatIsWrittenIsRead(_ address: String) throws {
        let login = seal.begin(from: address, at: now)
        let request = try #require(seal.open(request: login.request))
        #expect(request.address == address)
        #expect(request.beganAt == now)
        #expect(request.expiresAt == now.advanced(bySeconds: 600))
        #expect(request.receiptHash == SecretToken.hash(login.receipt))
        #expect(seal.open(receipt: login.receipt) == now)
        // Both stand in addresses as they are.
        for text in [login.request, login.receipt] {
            #expect(PercentEncoding.encode(text) == text)
        }
        let other = seal.begin(from: address, at: now)
        #expect(other.request != login.request && other.receipt != login.receipt)
    }

    @Test func neitherStandsForTheOther() {
        let login = seal.begin(from: "127.0.0.1", at: now)
        #expect(seal.open(request: login.receipt) == nil)
        #expect(seal.open(receipt: login.request) == nil)
    }

    @Test func anotherKeyOpensNothing() {
        let login = seal.begin(from: "127.0.0.1", at: now)
        let other = PageLoginSeal(SymmetricKey(data: [UInt8](repeating: 8, count: 32)))
        #expect(other.open(request: login.request) == nil)
        #expect(other.open(receipt: login.receipt) == nil)
        // Replicas share the signing key, and so this one; other purposes have others.
        let key = SigningKey()
        #expect(key.derive(for: "a") == key.derive(for: "a"))
        #expect(key.derive(for: "a") != key.derive(for: "b"))
        #expect(key.derive(for: "a") != SigningKey().derive(for: "a"))
    }

    @Test func noDamageIsAccepted() {
        let login = seal.begin(from: "127.0.0.1", at: now)
        let bytes = Array(login.request.utf8)
        for index in bytes.indices {
            for byte in [UInt8(ascii: "A"), UInt8(ascii: "_"), UInt8(ascii: "="), 0xC3] {
                var damaged = bytes
                guard damaged[index] != byte else { continue }
                damaged[index] = byte
                #expect(seal.open(request: String(decoding: damaged, as: UTF8.self)) == nil)
            }
            #expect(seal.open(request: String(decoding: bytes[..<index], as: UTF8.self)) == nil)
        }
        #expect(seal.open(request: login.request + "A") == nil)
        #expect(seal.open(request: String(repeating: "A", count: 100_000)) == nil)
    }
}
