import FormatKit
import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Digests that uploads announce")
struct UploadDigestsTests {
    private static let content = Array("hello\n".utf8)
    private static let digests = InMemoryBlobs.digests(of: content)
    private static let md5 = digests.md5 ?? ""
    private static let sha1 = digests.sha1 ?? ""
    private static let sha256 = digests.sha256.hex
    private static let sha512 = digests.sha512 ?? ""

    private static func base64(_ hex: String) -> String {
        Base64.encode(Hex.decode(hex) ?? [])
    }

    static let readable: [(HTTPFields, BlobExpectation)] = [
        ([:], BlobExpectation()),
        ([.contentDigest: "sha-256=:\(base64(sha256)):"], BlobExpectation(sha256: sha256)),
        ([.reprDigest: "sha-512=:\(base64(sha512)):"], BlobExpectation(sha512: sha512)),
        (
            [.contentDigest: "sha-256=:\(base64(sha256)):, sha-512=:\(base64(sha512)):"],
            BlobExpectation(sha256: sha256, sha512: sha512)
        ),
        ([.contentDigest: "sha-256=:\(base64(sha256)):;q=1"], BlobExpectation(sha256: sha256)),
        ([.contentDigest: " sha-256=:\(base64(sha256)): "], BlobExpectation(sha256: sha256)),
        (
            [.contentDigest: "md5=:\(base64(md5)):, sha=:\(base64(sha1)):"],
            BlobExpectation(md5: md5, sha1: sha1)
        ),
        ([.contentDigest: "unixsum=:AAAA:, crc32c=:AAAA:"], BlobExpectation()),
        ([.contentDigest: "later=5"], BlobExpectation()),
        ([.contentMD5: base64(md5)], BlobExpectation(md5: md5)),
        (
            [.legacyDigest: "SHA-256=\(base64(sha256)),MD5=\(base64(md5))"],
            BlobExpectation(md5: md5, sha256: sha256)
        ),
        ([.legacyDigest: "sha=\(base64(sha1))"], BlobExpectation(sha1: sha1)),
        ([.legacyDigest: "UNIXsum=30637"], BlobExpectation()),
        (
            [
                .xChecksumMD5: md5, .xChecksumSHA1: sha1, .xChecksumSHA256: sha256,
                .xChecksumSHA512: sha512,
            ],
            BlobExpectation(md5: md5, sha1: sha1, sha256: sha256, sha512: sha512)
        ),
        ([.xChecksumSHA256: sha256.uppercased()], BlobExpectation(sha256: sha256)),
        ([.xChecksumSHA256: " \(sha256) "], BlobExpectation(sha256: sha256)),
        (
            [.xChecksumSHA256: sha256, .reprDigest: "sha-256=:\(base64(sha256)):"],
            BlobExpectation(sha256: sha256)
        ),
    ]

    @Test(arguments: readable)
    func values(_ headers: HTTPFields, _ expected: BlobExpectation) throws {
        let found = try UploadDigests.parse(headers)
        #expect(found == expected)
        try found.verify(Self.digests, size: Int64(Self.content.count))
    }

    static let unreadable: [HTTPFields] = [
        [.contentDigest: "sha-256"],
        [.contentDigest: "sha-256="],
        [.contentDigest: "sha-256=:"],
        [.contentDigest: "sha-256=::"],
        [.contentDigest: "sha-256=\(base64(sha256))"],
        [.contentDigest: "sha-256=:\(base64(sha256))"],
        [.contentDigest: "sha-256=:\(base64(md5)):"],
        [.contentDigest: "sha-256=:\(sha256):"],
        [.contentDigest: "sha-256=:****:"],
        [.reprDigest: "sha-512=:\(base64(sha256)):"],
        [.contentMD5: ""],
        [.contentMD5: md5],
        [.contentMD5: base64(md5) + base64(md5)],
        [.contentMD5: base64(sha1)],
        [.legacyDigest: "SHA-256"],
        [.legacyDigest: "SHA-256=zz"],
        [.xChecksumSHA256: ""],
        [.xChecksumSHA256: String(sha256.dropLast())],
        [.xChecksumSHA256: String(sha256.dropLast(2))],
        [.xChecksumSHA256: sha256 + "00"],
        [.xChecksumSHA256: "g" + sha256.dropFirst()],
        [.xChecksumMD5: sha1],
        [.xChecksumSHA1: md5],
        [.xChecksumSHA512: sha256],
        // Two values of one algorithm cannot both be meant.
        [
            .xChecksumSHA256: String(repeating: "0", count: 64),
            .contentDigest: "sha-256=:\(base64(sha256)):",
        ],
        [.xChecksumMD5: String(repeating: "0", count: 32), .contentMD5: base64(md5)],
        [
            .contentDigest:
                "sha-256=:\(base64(sha256)):, sha-256=:\(Base64.encode([UInt8](repeating: 0, count: 32))):"
        ],
    ]

    @Test(arguments: unreadable)
    func notValues(_ headers: HTTPFields) {
        let failure = #expect(throws: RegistryError.self) { try UploadDigests.parse(headers) }
        #expect(failure?.code == .malformed)
        #expect(failure?.reason == "digest_invalid")
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func base64Vectors(_ plain: String, _ encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
        #expect(Base64.decode(encoded.filter { $0 != "=" }) == Array(plain.utf8))
    }

    @Test(arguments: [
        "Z", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8==", "=", "==", "====", "Zm9v=", "Zm 9v", "Zm9-",
        "Zm9_", "Zg==Zg==", "Zm9v\n", "Ｚm9v",
    ])
    func notBase64(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func base64RoundTrips() {
        var random = SeededGenerator.announced("UploadDigestsTests.base64")
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test func answersAnnounceWhatUploadsUnderstand() throws {
        let found = try UploadDigests.parse([.reprDigest: Self.digests.digestField])
        #expect(found == BlobExpectation(sha256: Self.sha256, sha512: Self.sha512))
        let short = BlobDigests(sha256: Self.digests.sha256)
        #expect(short.digestField == "sha-256=:\(Self.base64(Self.sha256)):")
    }
}
