import Registry
import Testing

@Suite struct DigestTests {
    private static let hex = String(repeating: "0123456789abcdef", count: 4)

    @Test func readsAndWrites() throws {
        let digest = try Digest(parsing: "sha256:\(Self.hex)")
        #expect(digest.algorithm == .sha256)
        #expect(digest.description == "sha256:\(Self.hex)")
        let long = try Digest(parsing: "sha512:\(Self.hex)\(Self.hex)")
        #expect(long.algorithm == .sha512)
        #expect(try Digest(.sha256, bytes: #require(Hex.decode(Self.hex))) == digest)
    }

    @Test(arguments: [
        "", "sha256", "sha256:", hex, "sha256:\(hex)0", "sha256:\(hex.uppercased())",
        "sha512:\(hex)", "md5:\(hex)", "SHA256:\(hex)", "sha256:\(hex.dropLast())g",
        "sha256: \(hex)",
    ])
    func refuses(text: String) {
        #expect(throws: RegistryError.self) { try Digest(parsing: text) }
    }
}

@Suite struct NamespacePathTests {
    @Test(arguments: ["acme", "acme/web", "A.b_c-d/9", "acme/api", "a/b/c/d/e/f/g/h"])
    func accepts(text: String) throws {
        let path = try NamespacePath(parsing: text)
        #expect(path.description == text)
        #expect(path.key == text.lowercased())
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a//b", "-", "a/-", "a/-/b", ".a", "a.", "a-", "a b", "a\u{0}", "ü",
        "a.git", "A.GIT", "a.atom", "api", "API/x", "v2/x", "jwt", "metrics", "livez", "a/../b",
        String(repeating: "a", count: 256),
        Array(repeating: "a", count: 21).joined(separator: "/"),
    ])
    func refuses(text: String) {
        #expect(throws: RegistryError.self) { try NamespacePath(parsing: text) }
    }

    @Test func knowsItsParent() throws {
        let path = try NamespacePath(parsing: "a/b/c")
        #expect(path.parent?.description == "a/b")
        #expect(path.parent?.parent?.parent == nil)
        #expect(path.lastSegment == "c")
        #expect(try path.appending("d").description == "a/b/c/d")
    }
}

@Suite struct HexTests {
    @Test func roundTrips() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.decode("aAfF") == [0xAA, 0xFF])
        #expect(Hex.decode("abc") == nil)
        #expect(Hex.decode("zz") == nil)
    }
}
