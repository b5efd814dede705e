import FormatKit
import Registry
import TestSupport
import Testing

@Suite("Tape archives")
struct TarArchiveTests {
    private static let plain: KeyValuePairs = [
        "pkg/": "", "pkg/a.txt": "hello", "pkg/é.txt": "world",
    ]

    @Test(arguments: [false, true])
    func readsWhatIsAskedFor(_ isCompressed: Bool) async throws {
        let builder = TarBuilder(Self.plain)
        let bytes = isCompressed ? builder.buildGzip() : builder.build()
        let all = try await ArchiveBench.read(bytes, .tar)
        #expect(all.texts == ["pkg/a.txt": "hello", "pkg/é.txt": "world"])
        #expect(all.entryCount == 3)
        #expect(all.expandedBytes == 10)
        let one = try await ArchiveBench.read(bytes, .tar, only: ["pkg/a.txt"])
        #expect(one.texts == ["pkg/a.txt": "hello"])
    }

    @Test func readsLargeEntriesInManyPieces() async throws {
        let big = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let bytes = TarBuilder([
            TarBuilder.Entry("skipped", bytes: big), TarBuilder.Entry("big", bytes: big),
        ]).buildGzip()
        let contents = try await ArchiveBench.read(bytes, .tar, only: ["big"])
        #expect(contents.files.map(\.bytes) == [big])
    }

    /// As many at once as there may be, and more.
    @Test func manyAtOnce() async throws {
        let bytes = TarBuilder(Self.plain).buildGzip()
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask { try await ArchiveBench.read(bytes, .tar).entryCount }
            }
            for try await count in group { #expect(count == 3) }
        }
    }

    @Test func endsWhenNobodyWaits() async throws {
        let bytes = TarBuilder([
            TarBuilder.Entry("big", bytes: [UInt8](repeating: 1, count: 4 << 20))
        ]).build()
        let task = Task { try await ArchiveBench.read(bytes, .tar) }
        task.cancel()
        // Either it was quicker, or it says why it gave up.
        switch await task.result {
        case .success(let contents): #expect(contents.entryCount == 1)
        case .failure(let error): #expect((error as? RegistryError)?.code == .requestTimeout)
        }
    }

    struct Trick: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let words: String
        let bytes: [UInt8]

        init(_ name: String, _ words: String, _ bytes: [UInt8]) {
            testDescription = name
            self.words = words
            self.bytes = bytes
        }

        init(
            entry name: String, _ words: String, _ entry: TarBuilder.Entry,
            target: String = ""
        ) {
            var entry = entry
            entry.target = target
            self.init(
                name, words, TarBuilder([TarBuilder.Entry("a", "hello"), entry]).buildGzip())
        }
    }

    static let tricks: [Trick] = [
        Trick("nothing", "cannot be unpacked", []),
        Trick("no archive", "cannot be unpacked", Array("hello, here is no archive".utf8)),
        Trick("a part", "cannot be unpacked", TarBuilder(plain).buildGzip().dropLast(2_000)),
        Trick("a ZIP file", "cannot be unpacked", ZipBuilder(["a": "b"]).build()),
        Trick(entry: "the same name", "comes twice", TarBuilder.Entry("a", "x")),
        Trick(entry: "the same, spelled otherwise", "comes twice", TarBuilder.Entry(".//a", "x")),
        Trick(entry: "a file in a file", "a file and a folder", TarBuilder.Entry("a/b", "x")),
        Trick(
            entry: "a symbolic link", "a link", TarBuilder.Entry("l", type: "2"), target: "a"),
        Trick(entry: "a hard link", "a link", TarBuilder.Entry("l", type: "1"), target: "a"),
        Trick(entry: "a device", "a device", TarBuilder.Entry("d", type: "3")),
        Trick(entry: "a pipe", "a device", TarBuilder.Entry("d", type: "6")),
        Trick(entry: "out of the folder", "leads out", TarBuilder.Entry("x/../../y", "z")),
        Trick(entry: "absolute", "absolute", TarBuilder.Entry("/etc/passwd", "z")),
        Trick(entry: "a backslash", "backslash", TarBuilder.Entry("..\\y", "z")),
    ]

    @Test(arguments: tricks)
    func refusesTricks(_ trick: Trick) async throws {
        let refusal = try await ArchiveBench.refusal(trick.bytes, .tar)
        #expect(refusal.code == .malformed)
        #expect(refusal.message.contains(trick.words), "\(refusal)")
    }

    @Test func refusesBombs() async throws {
        var bomb = TarBuilder.Entry("zeros")
        // More than an archive of this size may have, and less than it may have at all.
        bomb.claimedSize = 1 << 30
        let ratio = try await ArchiveBench.refusal(TarBuilder([bomb]).buildGzip(), .tar)
        #expect(ratio.message.contains("more than 250 times its size"))
        bomb.claimedSize = Int(UInt32.max) * 2
        var limits = ArchiveLimits()
        limits.expandedBytes = 1 << 30
        limits.expansionRatio = .max
        let total = try await ArchiveBench.refusal(
            TarBuilder([bomb]).buildGzip(), .tar, limits: limits)
        #expect(total.message.contains("unpacks to more than"))
        limits = ArchiveLimits()
        limits.entryBytes = 4
        let entry = try await ArchiveBench.refusal(
            TarBuilder(Self.plain).buildGzip(), .tar, limits: limits)
        #expect(entry.message.contains("more than 4 bytes"))
        limits = ArchiveLimits()
        limits.entryCount = 2
        let count = try await ArchiveBench.refusal(
            TarBuilder(Self.plain).buildGzip(), .tar, limits: limits)
        #expect(count.message.contains("more than 2 entries"))
        #expect([ratio, total, entry, count].allSatisfy { $0.reason == "archive_limit" })
    }

    @Test func survivesDamage() async throws {
        var random = SeededGenerator.announced()
        let plain = TarBuilder(Self.plain).build()
        for round in 0..<600 {
            var bytes = round % 2 == 0 ? plain : Deflate.gzip(plain)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            }
            do {
                let contents = try await ArchiveBench.read(bytes, .tar)
                for file in contents.files { #expect(file.bytes.count <= bytes.count) }
            } catch let error as RegistryError {
                #expect(error.code == .malformed, "\(error)")
            }
        }
    }
}
