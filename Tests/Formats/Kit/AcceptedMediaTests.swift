import FormatKit
import TestSupport
import Testing

@Suite("Accepted media types (RFC 9110, section 12.5.1)")
struct AcceptedMediaTests {
    @Test(arguments: [
        (nil, "a/b", 1000), ("", "a/b", 1000), ("*/*", "a/b", 1000), ("a/*", "a/b", 1000),
        ("a/*", "c/b", 0), ("a/b", "a/b", 1000), ("A/B", "a/b", 1000), ("a/b;q=0.5", "a/b", 500),
        ("a/b ; q=0.25", "a/b", 250), ("a/b;q=0.001", "a/b", 1), ("a/b;q=0", "a/b", 0),
        ("a/b;q=1.000", "a/b", 1000), ("a/b;q=2", "a/b", 0), ("a/b;q=x", "a/b", 0),
        ("*/*;q=0.1, a/b;q=0.3, a/*;q=0.2", "a/b", 300), ("*/*;q=0.1, a/*;q=0.2", "a/c", 200),
        ("*/*;q=0.1", "x/y", 100), ("a/b;charset=utf-8;q=0.4", "a/b", 400),
        ("nonsense", "a/b", 1000),
    ])
    func quality(_ header: String?, _ type: String, _ thousandths: Int) {
        #expect(AcceptedMedia(header).quality(of: type) == thousandths)
    }

    @Test(arguments: [
        (nil, "html"), ("*/*", "html"), ("application/json", "json"), ("text/*", "html"),
        ("application/json, text/html", "html"), ("application/json, text/html;q=0.9", "json"),
        ("image/png", "none"), ("text/html;q=0, */*;q=0.1", "json"),
    ])
    func choice(_ header: String?, _ offer: String) {
        let offers = [("text/html", "html"), ("application/json", "json")]
        #expect(AcceptedMedia(header).choose(among: offers) ?? "none" == offer)
    }

    @Test func anythingIsRead() {
        var random = SeededGenerator.announced()
        for _ in 0..<10_000 {
            let text = String(
                (0..<Int.random(in: 0...30, using: &random)).map { _ in
                    "a/b*,;q=0.1 \t9é".randomElement(using: &random) ?? " "
                })
            #expect((0...1000).contains(AcceptedMedia(text).quality(of: "a/b")))
        }
    }
}
