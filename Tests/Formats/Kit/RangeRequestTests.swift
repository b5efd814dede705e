import FormatKit
import Registry
import TestSupport
import Testing

@Suite("Range requests (RFC 9110, section 14)")
struct RangeRequestTests {
    static let single: [(String, Int64, Int64, Int64)] = [
        ("bytes=0-0", 100, 0, 1),
        ("bytes=0-9", 100, 0, 10),
        ("bytes=10-19", 100, 10, 10),
        ("bytes=0-99", 100, 0, 100),
        ("bytes=0-", 100, 0, 100),
        ("bytes=99-", 100, 99, 1),
        ("bytes=50-1000", 100, 50, 50),
        ("bytes=0-99999999999999999999999999", 100, 0, 100),
        ("bytes=00000000000000000000000000001-2", 100, 1, 2),
        ("bytes=-1", 100, 99, 1),
        ("bytes=-100", 100, 0, 100),
        ("bytes=-101", 100, 0, 100),
        ("bytes=-99999999999999999999999", 100, 0, 100),
        ("BYTES=1-2", 100, 1, 2),
        ("Bytes=1-2", 100, 1, 2),
        ("bytes= 1-2", 100, 1, 2),
        ("bytes=1-2 ", 100, 1, 2),
        ("bytes=,,1-2,,", 100, 1, 2),
        ("bytes=1-2\t, ", 100, 1, 2),
        ("bytes=200-300, 1-2", 100, 1, 2),
        ("bytes=1-2, -0", 100, 1, 2),
        ("bytes=9223372036854775806-", .max, .max - 1, 1),
    ]

    @Test(arguments: single)
    func oneRange(_ header: String, _ size: Int64, _ offset: Int64, _ length: Int64) {
        #expect(
            RangeRequest.resolve(header, size: size)
                == .single(ByteRange(offset: offset, length: length)))
    }

    @Test(arguments: [
        "bytes=100-", "bytes=100-200", "bytes=-0", "bytes=1000-,2000-", "bytes=-0,-0",
        "bytes=99999999999999999999999999-", "bytes=9223372036854775807-9223372036854775807",
    ])
    func unsatisfiable(_ header: String) {
        #expect(RangeRequest.resolve(header, size: 100) == .unsatisfiable)
    }

    @Test(
        arguments: [
            nil, "", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=--1", "bytes=1", "bytes=a-b",
            "bytes=1-a", "bytes=a-1", "bytes=2-1", "bytes=1-2-3", "bytes=+1-2", "bytes=1-+2",
            "bytes=1 -2", "bytes=1- 2", "bytes=0x1-2", "bytes =1-2", " bytes=1-2", "items=0-1",
            "bytes=1-2;3-4", "bytes=1-2,x", "bytes=1-2,3", "bytes=１-２", "bytes=1-2\u{0}",
            "bytes=99999999999999999999999x-", "bytes:1-2", "=1-2", "none=0-0", "bytes=*/100",
            "bytes=0-99,0-99", "bytes=0-,0-", "bytes=-60,-60",
        ] as [String?])
    func whole(_ header: String?) {
        #expect(RangeRequest.resolve(header, size: 100) == .whole)
    }

    @Test func severalRangesStayInOrder() {
        #expect(
            RangeRequest.resolve("bytes=50-59, 0-9 ,-5, 400-", size: 100)
                == .multiple([
                    ByteRange(offset: 50, length: 10), ByteRange(offset: 0, length: 10),
                    ByteRange(offset: 95, length: 5),
                ]))
    }

    @Test func anEmptyFileHasNoRanges() {
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-", "bytes=-0"] {
            #expect(RangeRequest.resolve(header, size: 0) == .whole)
        }
    }

    @Test func moreThanTheLimitIsIgnored() {
        func header(_ count: Int) -> String {
            "bytes=" + (0..<count).map { "\($0 * 2)-\($0 * 2)" }.joined(separator: ",")
        }
        let limit = RangeRequest.partLimitCount
        guard case .multiple(let ranges) = RangeRequest.resolve(header(limit), size: 1000) else {
            Issue.record("\(limit) ranges are allowed")
            return
        }
        #expect(ranges.count == limit)
        #expect(RangeRequest.resolve(header(limit + 1), size: 1000) == .whole)
    }

    @Test func whateverIsAskedForLiesInsideAndIsNotMultiplied() {
        var random = SeededGenerator.announced("RangeRequestTests")
        for _ in 0..<5000 {
            let size = Int64.random(in: 1...64, using: &random)
            let specifiers = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                Self.specifier(using: &random)
            }
            let header = "bytes=" + specifiers.map(\.text).joined(separator: ",")
            let expected = specifiers.compactMap { Self.bytes($0, size) }
            switch RangeRequest.resolve(header, size: size) {
            case .whole:
                #expect(expected.count > 1 && expected.joined().count > Int(size), "\(header)")
            case .unsatisfiable:
                #expect(expected.isEmpty, "\(header) of \(size)")
            case .single(let range):
                #expect(expected == [Array(range.offset..<range.end)], "\(header) of \(size)")
            case .multiple(let ranges):
                #expect(
                    expected == ranges.map { Array($0.offset..<$0.end) }, "\(header) of \(size)")
            }
        }
    }

    @Test func arbitraryTextNeverLeavesTheFile() {
        var random = SeededGenerator.announced("RangeRequestTests.text")
        let alphabet = Array("bytes=0123456789-, \t;x")
        for _ in 0..<5000 {
            let text = String(
                (0..<Int.random(in: 0...12, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? "-"
                })
            for header in [text, "bytes=" + text] {
                switch RangeRequest.resolve(header, size: 10) {
                case .whole, .unsatisfiable: break
                case .single(let range): #expect(Self.isInside(range), "\(header)")
                case .multiple(let ranges):
                    #expect(ranges.allSatisfy(Self.isInside) && ranges.count > 1, "\(header)")
                }
            }
        }
    }

    /// The bytes that a specifier names, found by looking at each byte on its own.
    private static func bytes(
        _ specifier: (text: String, first: Int64?, last: Int64?), _ size: Int64
    )
        -> [Int64]?
    {
        let named = (0..<size).filter { byte in
            if let first = specifier.first {
                return byte >= first && byte <= specifier.last ?? .max
            }
            return byte >= size - (specifier.last ?? 0)
        }
        return named.isEmpty ? nil : named
    }

    private static func specifier(
        using random: inout SeededGenerator
    ) -> (text: String, first: Int64?, last: Int64?) {
        let first = Int64.random(in: 0...80, using: &random)
        switch Int.random(in: 0...2, using: &random) {
        case 0: return ("-\(first)", nil, first)
        case 1: return ("\(first)-", first, nil)
        default:
            let last = first + Int64.random(in: 0...20, using: &random)
            return ("\(first)-\(last)", first, last)
        }
    }

    private static func isInside(_ range: ByteRange) -> Bool {
        range.offset >= 0 && range.length > 0 && range.end <= 10
    }
}
