import FormatKit
import NIOCore
import Registry
import TestSupport
import Testing

@Suite("Forms of several parts (RFC 7578)")
struct MultipartParserTests {
    /// A part with all of its bytes.
    struct Part: Hashable, CustomStringConvertible {
        var name: String
        var filename: String?
        var contentType: String?
        var bytes: [UInt8]

        init(
            _ name: String, _ text: String, filename: String? = nil, contentType: String? = nil
        ) {
            self.name = name
            self.filename = filename
            self.contentType = contentType
            bytes = Array(text.utf8)
        }

        var description: String { "\(name): \(bytes.count) bytes" }
    }

    /// What a parser makes of `body`, given in pieces whose sizes `nextCount` says.
    static func parse(
        _ body: [UInt8], boundary: String = "xyz", limits: MultipartLimits = MultipartLimits(),
        nextCount: () -> Int = { 7 }
    ) throws(RegistryError) -> [Part] {
        var parser = MultipartParser(boundary: boundary, limits: limits)
        var parts: [Part] = []
        var isOpen = false
        var start = 0
        while true {
            while let event = try parser.next() {
                switch event {
                case .part(let part):
                    #expect(!isOpen)
                    isOpen = true
                    var new = Part(part.name, "", filename: part.filename)
                    new.contentType = part.contentType
                    parts.append(new)
                case .bytes(let bytes):
                    #expect(isOpen && bytes.readableBytes > 0)
                    parts[parts.count - 1].bytes += Array(bytes.readableBytesView)
                case .partEnd:
                    #expect(isOpen)
                    isOpen = false
                }
            }
            guard start < body.count else { break }
            let end = min(body.count, start + max(1, nextCount()))
            parser.append(ByteBuffer(bytes: body[start..<end]))
            start = end
        }
        try parser.finish()
        #expect(!isOpen)
        return parts
    }

    static func refusal(_ body: String, limits: MultipartLimits = MultipartLimits()) -> String {
        do throws(RegistryError) {
            return "\(try parse(Array(body.utf8), limits: limits))"
        } catch {
            return error.code == .malformed ? error.message : "\(error)"
        }
    }

    private static func disposition(_ rest: String) -> String {
        "--xyz\r\nContent-Disposition: form-data; \(rest)\r\n\r\nhello\r\n--xyz--\r\n"
    }

    @Test(arguments: [
        // requests-toolbelt, urllib3, reqwest, curl, browsers.
        (disposition(#"name="a""#), Part("a", "hello")),
        (disposition("name=a"), Part("a", "hello")),
        (
            disposition(#"name="content"; filename="p-1.0.tar.gz""#),
            Part("content", "hello", filename: "p-1.0.tar.gz")
        ),
        (disposition(#"filename="x"; name=":action""#), Part(":action", "hello", filename: "x")),
        (disposition(#"name="a" ; filename="a;b=c" "#), Part("a", "hello", filename: "a;b=c")),
        (disposition(#"name="a"; filename="a\"b""#), Part("a", "hello", filename: #"a"b"#)),
        (disposition(#"name="a"; filename="a%22b""#), Part("a", "hello", filename: #"a"b"#)),
        (
            disposition(#"name="a"; filename="C:\dir\b""#),
            Part("a", "hello", filename: #"C:\dir\b"#)
        ),
        (
            disposition(#"name="a"; filename="x"; filename*=UTF-8''na%C3%AFve+1"#),
            Part("a", "hello", filename: "naïve+1")
        ),
        (
            "--xyz\r\ncontent-disposition:form-data; NAME=\"a\"\r\nContent-Type: text/plain\r\n\r\n"
                + "hello\r\n--xyz--", Part("a", "hello", contentType: "text/plain")
        ),
        // A line break before the first boundary, padding behind it, a preamble, an epilogue.
        ("\r\n" + disposition("name=a"), Part("a", "hello")),
        (
            "nobody reads this\r\n--xyz \t\r\nContent-Disposition: form-data; name=a\r\n\r\n"
                + "hello\r\n--xyz-- nor this", Part("a", "hello")
        ),
        // Bytes that look like a boundary and are none.
        (
            "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--xy\r\r\n-xyz\n--xyz\r\n"
                + "\r\n--xyz--", Part("a", "\r\n--xy\r\r\n-xyz\n--xyz\r\n")
        ),
        ("--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--xyz--", Part("a", "")),
    ])
    func readsAPart(_ body: String, _ part: Part) throws {
        for count in [1, 2, 3, 7, 1_000] {
            #expect(try Self.parse(Array(body.utf8), nextCount: { count }) == [part])
        }
    }

    @Test(arguments: [
        ("", "before its last boundary"),
        ("--xyz", "before its last boundary"),
        ("--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nhello", "before its last"),
        (
            "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nhello\r\n--xyz\r\n",
            "before its last"
        ),
        ("--xyzzy\r\n\r\n--xyz--", "something follows a boundary"),
        ("--xyz\r\n\r\nhello\r\n--xyz--", "no Content-Disposition"),
        ("--xyz\r\nContent-Type: a/b\r\n\r\nhello\r\n--xyz--", "no Content-Disposition"),
        ("--xyz\r\nnonsense\r\n\r\nhello\r\n--xyz--", "no ':'"),
        (disposition("filename=a"), "not form-data with a name"),
        (disposition("name=\"a"), "in quotes does not end"),
        (disposition("name=\"a\" b"), "does not end"),
        (disposition("name"), "has no value"),
        (disposition("name=\"a\u{1}\""), "control character"),
        (
            "--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\nhello\r\n--xyz--",
            "not form-data"
        ),
        (
            "--xyz\r\nContent-Disposition: form-data; name=a\r\n"
                + "Content-Disposition: form-data; name=b\r\n\r\nhello\r\n--xyz--", "says twice"
        ),
        (
            "--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64"
                + "\r\n\r\naGk=\r\n--xyz--", "sent encoded"
        ),
    ])
    func refusesWhatIsNoForm(_ body: String, _ words: String) {
        #expect(Self.refusal(body).contains(words), "\(Self.refusal(body))")
    }

    @Test func refusesWhatIsTooMuch() {
        var limits = MultipartLimits()
        limits.partCount = 2
        limits.headerBytes = 100
        let part = "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"
        #expect(Self.refusal(part + part + "--xyz--", limits: limits).contains("a: 1 bytes"))
        #expect(
            Self.refusal(part + part + part + "--xyz--", limits: limits)
                .contains("more than 2 parts"))
        let long = String(repeating: "a", count: 101)
        #expect(
            Self.refusal(Self.disposition("name=\(long)"), limits: limits)
                .contains("more than 100 bytes"))
        #expect(
            Self.refusal(long + "\r\n" + Self.disposition("name=a"), limits: limits)
                .contains("does not begin with its boundary"))
        let blanks = String(repeating: " ", count: 101)
        #expect(Self.refusal("--xyz\(blanks)", limits: limits).contains("does not end"))
    }

    @Test(arguments: [
        ("multipart/form-data; boundary=abc", "abc"),
        ("Multipart/Form-Data; charset=utf-8; Boundary=\"a b;c\"", "a b;c"),
        ("multipart/form-data;boundary=----------------------------fedcba", ""),
    ])
    func findsTheBoundary(_ type: String, _ boundary: String) throws {
        let expected = boundary.isEmpty ? "----------------------------fedcba" : boundary
        #expect(try MultipartParser.boundary(of: type) == expected)
    }

    @Test(arguments: [
        (nil, RegistryError.Code.unsupportedMediaType),
        ("application/json", .unsupportedMediaType),
        ("multipart/mixed; boundary=a", .unsupportedMediaType),
        ("multipart/form-data", .malformed),
        ("multipart/form-data; boundary=", .malformed),
        ("multipart/form-data; boundary=\"a\r\n\"", .malformed),
        ("multipart/form-data; boundary=" + String(repeating: "a", count: 71), .malformed),
    ])
    func refusesABoundary(_ type: String?, _ code: RegistryError.Code) {
        let error = #expect(throws: RegistryError.self) {
            try MultipartParser.boundary(of: type)
        }
        #expect(error?.code == code)
    }

    /// What is written is what is read, however it is cut.
    @Test func whatIsWrittenIsRead() throws {
        var random = SeededGenerator.announced()
        for _ in 0..<1_500 {
            let boundary = String(
                (0..<Int.random(in: 1...40, using: &random)).map { _ in
                    "-xyz0".randomElement(using: &random) ?? "x"
                })
            let parts = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                Self.randomPart(boundary, &random)
            }
            var body: [UInt8] = []
            for part in parts {
                body += Array("--\(boundary)\r\nContent-Disposition: form-data; ".utf8)
                body += Array("name=\"\(part.name)\"".utf8)
                if let filename = part.filename { body += Array("; filename=\"\(filename)\"".utf8) }
                body += Array("\r\n\r\n".utf8) + part.bytes + Array("\r\n".utf8)
            }
            body += Array("--\(boundary)--\r\n".utf8)
            let most = Int.random(in: 1...300, using: &random)
            let read = try Self.parse(body, boundary: boundary) {
                Int.random(in: 1...most, using: &random)
            }
            #expect(read == parts)
        }
    }

    /// Bytes without their boundary, and with much that looks like it.
    private static func randomPart(
        _ boundary: String, _ random: inout SeededGenerator
    ) -> Part {
        let delimiter = Array("\r\n--\(boundary)".utf8)
        var part = Part("field\(Int.random(in: 0...9, using: &random))", "")
        if Bool.random(using: &random) { part.filename = "a b;c.whl" }
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            switch Int.random(in: 0...2, using: &random) {
            case 0:
                part.bytes += delimiter.prefix(Int.random(in: 0..<delimiter.count, using: &random))
            case 1: part.bytes.append(.random(in: 0...255, using: &random))
            default: part.bytes += Array("\r\n".utf8)
            }
        }
        // A piece and what follows it may have made up a boundary.
        while let found = firstIndex(of: delimiter, in: part.bytes + Array("\r\n--".utf8)) {
            part.bytes.removeSubrange(found..<min(part.bytes.count, found + 1))
        }
        return part
    }

    private static func firstIndex(of pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        return (0...(bytes.count - pattern.count)).first {
            bytes[$0..<$0 + pattern.count].elementsEqual(pattern)
        }
    }

    /// Whatever arrives, it is refused or read, and in pieces as in one.
    @Test func survivesAnything() {
        var random = SeededGenerator.announced()
        let good = Array((Self.disposition("name=a; filename=\"b\"")).utf8)
        for _ in 0..<20_000 {
            var body = good
            for _ in 0..<Int.random(in: 1...4, using: &random) where !body.isEmpty {
                let index = Int.random(in: 0..<body.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: body[index] = .random(in: 0...255, using: &random)
                case 1: body.remove(at: index)
                default: body.insert(contentsOf: Array("\r\n--xyz".utf8), at: index)
                }
            }
            let whole = Result { () throws(RegistryError) in
                try Self.parse(body, nextCount: { body.count })
            }
            let pieces = Result { () throws(RegistryError) in
                try Self.parse(body, nextCount: { Int.random(in: 1...5, using: &random) })
            }
            switch (whole, pieces) {
            case (.success(let left), .success(let right)): #expect(left == right)
            case (.failure(let left), .failure(let right)):
                #expect(left.code == .malformed && left.message == right.message)
            default: Issue.record("pieces differ from the whole: \(body)")
            }
        }
    }

    @Test func aBodyIsReadToItsEnd() async throws {
        let text =
            "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\nhello\r\n"
            + "--xyz\r\nContent-Disposition: form-data; name=b\r\n\r\nworld\r\n--xyz--\r\nmore"
        let source = ScriptedBody(Array(text.utf8), chunkBytes: 5)
        var body = try MultipartBody(
            RequestBody(source: source, limitBytes: 1_000),
            contentType: "multipart/form-data; boundary=xyz")
        #expect(try await body.next() == .part(MultipartPart(name: "a")))
        #expect(try await body.collect("a", limitBytes: 5) == Array("hello".utf8))
        #expect(try await body.next() == .part(MultipartPart(name: "b")))
        try await body.skipPart()
        #expect(try await body.next() == nil)
        #expect(source.readCount == (text.utf8.count + 4) / 5 + 1)
    }
}
