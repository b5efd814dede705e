import FormatKit
import Foundation
import Registry
import TestSupport
import Testing

@Suite("Reading JSON")
struct JSONScannerTests {
    private static func check(_ text: String) throws(RegistryError) {
        var scanner = JSONScanner(Array(text.utf8))
        try scanner.skip()
        try scanner.finish()
    }

    @Test(arguments: [
        "{}", "[]", "null", "true", "false", "0", "-0", "-1.5e+3", "1E9", "\"\"", " \t\r\n{ } ",
        "[1,2,[3,{\"a\":null}]]", "{\"a\":1,\"a\":2}", "\"\\u00e9\\n\\\"\\\\\\/\"",
        "\"\\ud83d\\ude00\"", "\"é😀\"", "{\"\":\"\"}", "[[[[[[]]]]]]", "0.0", "1e0", "\"\u{7F}\"",
    ])
    func valid(_ text: String) throws {
        try Self.check(text)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{\"a\":}",
        "{a:1}", "{'a':1}", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity",
        "tru", "nul", "nullx", "truex", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u123g\"",
        "\"\\ud83d\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"", "\"a\nb\"", "\"\t\"", "{} {}", "1 2",
        "[1 2]", "{\"a\" 1}", "// x\n1", "[1,,2]", "\u{FEFF}{}", "{1:2}", "--1", "1-", "\u{B}1",
    ])
    func invalid(_ text: String) {
        let failure = #expect(throws: RegistryError.self) { try Self.check(text) }
        #expect(failure?.code == .malformed)
        #expect(failure?.reason == "json_invalid")
    }

    @Test func bytesThatAreNoUTF8() {
        for bytes: [UInt8] in [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xE2, 0x82, 0x22], [0xFF],
        ] {
            #expect(throws: RegistryError.self) {
                var scanner = JSONScanner(bytes)
                try scanner.skip()
            }
        }
    }

    @Test func depthIsLimited() throws {
        let limit = JSONScanner.depthLimitCount
        let fitting =
            String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        try Self.check(fitting)
        #expect(throws: RegistryError.self) { try Self.check("[" + fitting + "]") }
        #expect(throws: RegistryError.self) {
            try Self.check(String(repeating: "{\"a\":", count: 1_000_000))
        }
    }

    @Test func values() throws {
        var scanner = JSONScanner(
            Array(#"{"a":"x\u0041\ud83d\ude00é\n","b":[1,-9223372036854775808],"c":null}"#.utf8))
        var text = ""
        var numbers: [Int64] = []
        var wasNull = false
        try scanner.readObject { (name, scanner) throws(RegistryError) in
            switch name {
            case "a": text = try scanner.readString()
            case "b":
                try scanner.readArray { scanner throws(RegistryError) in
                    numbers.append(try scanner.readInteger())
                }
            default: wasNull = try scanner.skipNull()
            }
        }
        try scanner.finish()
        #expect(text == "xA😀é\n")
        #expect(numbers == [1, .min])
        #expect(wasNull)
        for number in ["1.0", "1e2", "9223372036854775808", "\"1\"", "null"] {
            #expect(throws: RegistryError.self, "\(number)") {
                var scanner = JSONScanner(Array(number.utf8))
                _ = try scanner.readInteger()
            }
        }
    }

    /// What Foundation reads, this reads, and the other way round; where the two differ by design,
    /// the texts are not made.
    @Test func agreesWithAnotherReader() {
        var generator = SeededGenerator.announced()
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\n\"", "1", "-2.5", "true", "null", " ", "0",
        ]
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...9, using: &generator)
            let text = (0..<count).compactMap { _ in pieces.randomElement(using: &generator) }
                .joined()
            let isRead = (try? Self.check(text)) != nil
            // Foundation takes a comma behind the last element, which RFC 8259 does not have.
            guard !text.contains(/, *[\]}]/) else {
                #expect(!isRead, "\(text)")
                continue
            }
            let other =
                (try? JSONSerialization.jsonObject(
                    with: Data(text.utf8), options: [.fragmentsAllowed])) != nil
            #expect(isRead == other, "\(text)")
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        var generator = SeededGenerator.announced()
        for _ in 0..<2000 {
            let scalars = (0..<Int.random(in: 0...12, using: &generator)).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &generator))
            }
            let text = String(String.UnicodeScalarView(scalars))
            var scanner = JSONScanner(Array(JSONValue.string(text).text.utf8))
            #expect(try scanner.readString() == text)
        }
    }
}
