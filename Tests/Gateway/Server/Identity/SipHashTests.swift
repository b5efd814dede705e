import Testing

@testable import GatewayServer

@Suite("SipHash-2-4 with 128 bits")
struct SipHashTests {
    /// Made by `openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 SIPHASH`;
    /// the texts are the bytes from 0 on. The words are little-endian there.
    @Test(
        "computes what others compute",
        arguments: [
            (0, 0xE6A8_25BA_047F_81A3, 0x9302_55C7_1472_F66D),
            (7, 0x53C1_DBD8_BEEB_F1A1, 0x3982_F01F_A64A_B8C0),
            (8, 0x61F5_5862_BAA9_623B, 0xB497_14F3_64E2_830F),
            (15, 0x11A8_B033_99E9_9354, 0xD9C3_CF97_0FEC_087E),
            (63, 0x4A83_502F_77D1_5051, 0x7CBD_3F97_9A06_3E50),
        ] as [(Int, UInt64, UInt64)])
    func knownCodes(count: Int, low: UInt64, high: UInt64) {
        var hash = SipHash(key: (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))
        hash.append(String(decoding: (0..<count).map { UInt8($0) }, as: UTF8.self))
        #expect(hash.finish() == SipHash.Code(low: low, high: high))
    }
}
