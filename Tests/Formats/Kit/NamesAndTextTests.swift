import FormatKit
import HTTPTypes
import Registry
import Testing

@Suite("Names, media types and JSON")
struct NamesAndTextTests {
    @Test(arguments: [
        "a", "a/b", "a/b/c.tar.gz", ".hidden", "...", "a..b", "..a", "a.", "-", " ", "ü/ñ", "a b",
        "%2e%2e", "~", "a\u{80}b", String(repeating: "a", count: 255),
        String(repeating: "a/", count: 31) + "a",
    ])
    func filePaths(_ text: String) throws {
        #expect(try FilePath(parsing: text).description == text)
    }

    @Test(arguments: [
        "", "/", "a/", "/a", "a//b", ".", "..", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b",
        "../../etc/passwd", "a\\b", "..\\a", "a\u{0}", "\u{0}", "a\nb", "a\rb", "a\u{7F}",
        "a\u{1B}[0m", String(repeating: "a", count: 256),
        String(repeating: "ü", count: 128), String(repeating: "a/", count: 32) + "a",
        String(repeating: String(repeating: "a", count: 200) + "/", count: 5)
            + "aaaaaaaaaaaaaaaaaaaaaa",
    ])
    func notFilePaths(_ text: String) {
        let failure = #expect(throws: RegistryError.self) { try FilePath(parsing: text) }
        #expect(failure?.code == .malformed)
    }

    @Test(arguments: [
        ("tool", #"attachment; filename="tool""#),
        ("a b.txt", #"attachment; filename="a b.txt""#),
        ("a\"b", #"attachment; filename="a_b"; filename*=UTF-8''a%22b"#),
        ("a\\b", #"attachment; filename="a_b"; filename*=UTF-8''a%5Cb"#),
        ("50%", #"attachment; filename="50_"; filename*=UTF-8''50%25"#),
        ("a/b", #"attachment; filename="a_b"; filename*=UTF-8''a%2Fb"#),
        ("naïve", #"attachment; filename="na_ve"; filename*=UTF-8''na%C3%AFve"#),
        ("a\r\nX: y", #"attachment; filename="a__X: y"; filename*=UTF-8''a%0D%0AX%3A%20y"#),
    ])
    func dispositions(_ name: String, _ header: String) {
        #expect(ContentDisposition.attachment(name) == header)
    }

    @Test(
        arguments: [
            ("text/plain", "text/plain"),
            ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
            ("Application/X-Thing+zip", "Application/X-Thing+zip"),
            ("application/x-www-form-urlencoded", nil),
            ("Application/X-WWW-Form-Urlencoded; charset=utf-8", nil),
            ("multipart/form-data; boundary=x", nil),
            ("", nil), ("text", nil), ("text/", nil), ("/plain", nil), ("a/b/c", nil),
            ("te(xt/plain", nil), ("text/pl\u{0}ain", nil), ("text/ütf", nil),
            ("text/plain\r\nX: y", nil), (nil, nil),
            ("text/" + String(repeating: "a", count: 251), nil),
        ] as [(String?, String?)])
    func mediaTypes(_ sent: String?, _ stored: String?) {
        #expect(MediaType.stored(from: sent) == stored)
    }

    @Test func jsonIsDeterministic() {
        let value: JSONValue = [
            "z": 1, "a": ["x", true, .null, .optional(Int64?.none), .optional("s")], "e": [],
            "o": .object([]), "n": -5,
        ]
        #expect(value.text == #"{"z":1,"a":["x",true,null,null,"s"],"e":[],"o":{},"n":-5}"#)
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("\"\\/", #""\"\\/""#), ("\n\r\t", #""\n\r\t""#),
        ("\u{0}\u{1F}\u{7F}", #""\u0000\u001f\u007f""#), ("ü😀", "\"ü😀\""),
    ])
    func jsonStrings(_ text: String, _ written: String) {
        #expect(JSONValue.string(text).text == written)
    }

    @Test(arguments: [
        (HTTPField.Name.xChecksumSHA256, "X-Checksum-Sha256"),
        (.xChecksumSHA1, "X-Checksum-Sha1"), (.xChecksumMD5, "X-Checksum-Md5"),
        (.xChecksumSHA512, "X-Checksum-Sha512"), (.contentDigest, "Content-Digest"),
        (.reprDigest, "Repr-Digest"), (.legacyDigest, "Digest"), (.contentMD5, "Content-MD5"),
        (.link, "Link"), (.xPage, "X-Page"), (.xPerPage, "X-Per-Page"),
        (.xNextPage, "X-Next-Page"), (.xPreviousPage, "X-Prev-Page"), (.xTotal, "X-Total"),
        (.xTotalPages, "X-Total-Pages"), (.secFetchMode, "Sec-Fetch-Mode"),
        (.xRequestedWith, "X-Requested-With"),
    ])
    func fieldNames(_ name: HTTPField.Name, _ spelling: String) {
        #expect(name.rawName == spelling)
    }
}
