import FormatKit
import Registry
import Testing

@Suite("Entity tags (RFC 9110, section 8.8.3)")
struct EntityTagTests {
    @Test(arguments: [
        (#""a""#, [#""a""#]),
        (#"W/"a""#, [#"W/"a""#]),
        (#""""#, [#""""#]),
        (#""a", "b""#, [#""a""#, #""b""#]),
        (#""a","b""#, [#""a""#, #""b""#]),
        (#" , "a" ,, W/"b" , "#, [#""a""#, #"W/"b""#]),
        (#""a,b""#, [#""a,b""#]),
        (#""sha256:ab""#, [#""sha256:ab""#]),
        (#""ä""#, [#""ä""#]),
        (#""W/x""#, [#""W/x""#]),
    ])
    func lists(_ text: String, _ tags: [String]) {
        #expect(EntityTag.parseList(text)?.map(\.description) == tags)
    }

    @Test(arguments: [
        "", " ", ",", "a", #""a"#, #"a""#, #"w/"a""#, #"W/a"#, #"W/ "a""#, #""a" "b""#,
        #""a"b"#, #""a b""#, "\"a\u{1}\"", "\"a\u{7F}\"", #""a", b"#, "*", #"*, "a""#, #"'a'"#,
    ])
    func notLists(_ text: String) {
        #expect(EntityTag.parseList(text) == nil)
    }

    @Test func comparison() {
        let strong = EntityTag(opaque: "1")
        let weak = EntityTag(opaque: "1", isWeak: true)
        // The table of RFC 9110, section 8.8.3.2.
        #expect(!weak.matchesStrongly(weak) && weak.matchesWeakly(weak))
        #expect(!weak.matchesStrongly(strong) && weak.matchesWeakly(strong))
        #expect(!strong.matchesStrongly(weak) && strong.matchesWeakly(weak))
        #expect(strong.matchesStrongly(strong) && strong.matchesWeakly(strong))
        #expect(!strong.matchesWeakly(EntityTag(opaque: "2")))
    }

    @Test func aTagOfADigestGivesItBack() {
        let digest = Digest(.sha256, bytes: [UInt8](repeating: 7, count: 32))
        #expect(EntityTag(digest).digest == digest)
        #expect(EntityTag(opaque: digest.description, isWeak: true).digest == nil)
        #expect(EntityTag(opaque: "1").digest == nil)
    }
}
