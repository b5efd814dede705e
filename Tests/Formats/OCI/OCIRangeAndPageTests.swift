import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import OCIFormat

@Suite("Ranges and pages of OCI")
struct OCIRangeAndPageTests {
    @Test(
        arguments: [
            ("0-0", 0, 0), ("0-9", 0, 9), ("10-19", 10, 19), ("007-008", 7, 8),
            ("bytes 0-9", 0, 9), ("bytes 0-9/10", 0, 9), ("bytes 0-9/*", 0, 9), ("bytes=5-6", 5, 6),
            ("Bytes 1-2", 1, 2), ("0-9/10", 0, 9),
            (
                "9223372036854775805-9223372036854775806",
                9_223_372_036_854_775_805, 9_223_372_036_854_775_806
            ),
        ] as [(String, Int64, Int64)])
    func chunks(_ text: String, _ start: Int64, _ end: Int64) throws {
        let range = try OCIChunkRange(parsing: text)
        #expect(range == OCIChunkRange(start: start, end: end))
        #expect(range.length == end - start + 1)
    }

    @Test(arguments: [
        "", "-", "0", "0-", "-9", "9-0", "a-b", "0-9-10", "0 - 9", "bytes", "bytes 0", "bytes0-9",
        "lines 0-9", "0-9/x", "-1-2", "+1-2", "0-9223372036854775807", "0-99999999999999999999",
        "bytes */10", "0x1-2", "0-9,10-19", " 0-9",
    ])
    func noChunks(_ text: String) {
        let failure = #expect(throws: RegistryError.self) { try OCIChunkRange(parsing: text) }
        #expect(failure?.reason == "range_invalid")
    }

    @Test func chunksOfAnySpelling() {
        var generator = SeededGenerator.announced()
        let alphabet = Array("0019-- /*bytes=")
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...8, using: &generator)
            let text = String(
                (0..<length).compactMap { _ in alphabet.randomElement(using: &generator) })
            guard let range = try? OCIChunkRange(parsing: text) else { continue }
            #expect(range.start >= 0 && range.end >= range.start, "\(text)")
            #expect(range.length >= 1, "\(text)")
        }
    }

    /// C-7: cumulative, inclusive, and `0-0` for nothing.
    @Test func whatHasArrived() {
        #expect(OCIChunkRange.received(0) == "0-0")
        #expect(OCIChunkRange.received(1) == "0-0")
        #expect(OCIChunkRange.received(2) == "0-1")
        #expect(OCIChunkRange.received(3 << 30) == "0-3221225471")
    }

    @Test(
        arguments: [
            ("", OCIPage.limitCount, nil), ("n=", OCIPage.limitCount, nil), ("n=0", 0, nil),
            ("n=1", 1, nil), ("n=10000", 10_000, nil), ("n=10001", OCIPage.limitCount, nil),
            ("n=99999999999999999999999", OCIPage.limitCount, nil), ("n=007", 7, nil),
            ("last=a", OCIPage.limitCount, "a"), ("n=5&last=a%2Fb", 5, "a/b"),
            ("last=", 10_000, nil),
        ] as [(String, Int, String?)])
    func pages(_ query: String, _ size: Int, _ last: String?) throws {
        let page = try OCIPage(parsing: RequestQuery(parsing: query))
        #expect(page == OCIPage(size: size, last: last))
    }

    @Test(arguments: ["n=-1", "n=x", "n=1.0", "n=%201", "n=1e3", "n=٣"])
    func noPages(_ query: String) {
        let failure = #expect(throws: RegistryError.self) {
            try OCIPage(parsing: RequestQuery(parsing: query))
        }
        #expect(failure?.code == .malformed)
        #expect(failure?.reason == "page_invalid")
    }
}
