import Registry
import TestSupport
import Testing

@testable import OCIFormat

@Suite("Names of repositories and references")
struct OCINameTests {
    @Test(arguments: [
        "a", "0", "acme/web", "a/b/c/d/e/f/g/h", "a.b", "a_b", "a__b", "a-b", "a---b", "1.2.3",
        "acme/web/blobs/manifests/tags/list", "v2", "uploads/uploads",
    ])
    func names(_ text: String) throws {
        let name = try OCIRepositoryName(parsing: text)
        #expect(name.description == text)
        #expect(name.segments.joined(separator: "/") == text)
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a//b", "A", "acme/Web", "a b", "a..b", "a._b", "a___b", "a-_b", ".a",
        "a.", "-a", "a-", "_a", "a_", "a/_", "ü", "a:b", "a@b", "a%2fb", "a\u{0}b", "a\n", "a+b",
        "a~b", "a/./b", "a/../b", "a\\b",
    ])
    func noNames(_ text: String) {
        let failure = #expect(throws: RegistryError.self) { try OCIRepositoryName(parsing: text) }
        #expect(failure?.code == .malformed)
        #expect(failure?.reason == "name_invalid")
    }

    /// C-22: how deep a name is matters to nobody, how long it is does.
    @Test func lengthIsTheOnlyLimit() throws {
        let deep = Array(repeating: "a", count: 128)
        #expect(try OCIRepositoryName(segments: deep).description.utf8.count == 255)
        #expect(throws: RegistryError.self) {
            try OCIRepositoryName(segments: deep + ["a"])
        }
        let long = String(repeating: "a", count: 255)
        #expect(try OCIRepositoryName(parsing: long).segments == [long])
        #expect(throws: RegistryError.self) { try OCIRepositoryName(parsing: long + "a") }
        #expect(throws: RegistryError.self) { try OCIRepositoryName(segments: ["a/b"]) }
    }

    /// The rule as the specification writes it.
    @Test func namesAreThoseOfTheSpecification() {
        let rule = /[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*/
        var generator = SeededGenerator.announced()
        let alphabet = Array("ab0.._--/A ")
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...8, using: &generator)
            let text = String(
                (0..<length).compactMap { _ in alphabet.randomElement(using: &generator) })
            let isName = (try? OCIRepositoryName(parsing: text)) != nil
            #expect(isName == (text.wholeMatch(of: rule) != nil), "\(text)")
        }
    }

    @Test func tagsAreThoseOfTheSpecification() {
        let rule = /[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}/
        var generator = SeededGenerator.announced()
        let alphabet = Array("aZ9._-+:/ é")
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...6, using: &generator)
            let text = String(
                (0..<length).compactMap { _ in alphabet.randomElement(using: &generator) })
            let isTag = (try? OCITag(parsing: text)) != nil
            #expect(isTag == (text.wholeMatch(of: rule) != nil), "\(text)")
        }
        let long = String(repeating: "t", count: 128)
        #expect((try? OCITag(parsing: long)) != nil)
        #expect((try? OCITag(parsing: long + "t")) == nil)
    }

    @Test func references() throws {
        let hex = String(repeating: "0f", count: 32)
        #expect(
            try OCIReference(parsing: "sha256:" + hex)
                == .digest(try Digest(.sha256, hex: hex)))
        #expect(
            try OCIReference(parsing: "sha512:" + hex + hex)
                == .digest(try Digest(.sha512, hex: hex + hex)))
        #expect(try OCIReference(parsing: "v1.0") == .tag(try OCITag(parsing: "v1.0")))
        for text in [
            "sha256:baddigeststring", "sha256:", ":", "md5:00", "sha256:\(hex.uppercased())",
        ] {
            let failure = #expect(throws: RegistryError.self) { try OCIReference(parsing: text) }
            #expect(failure?.reason == "digest_invalid", "\(text)")
        }
        let failure = #expect(throws: RegistryError.self) { try OCIReference(parsing: ".x") }
        #expect(failure?.reason == "tag_invalid")
    }

    @Test func theTagOfTheFallbackScheme() throws {
        let hex = String(repeating: "0f", count: 64)
        #expect(
            try Digest(.sha256, hex: String(hex.prefix(64))).referrersTag
                == "sha256-" + hex.prefix(64))
        #expect(try Digest(.sha512, hex: hex).referrersTag == "sha512-" + hex.prefix(64))
    }
}
