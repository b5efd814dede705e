import FormatKit
import Registry
import TestSupport
import Testing

@Suite("ZIP archives")
struct ZipArchiveTests {
    private static let plain: KeyValuePairs = ["a/": "", "a/b.txt": "hello", "c": "world"]

    @Test(arguments: [false, true], [false, true])
    func readsWhatIsAskedFor(_ isDeflated: Bool, _ hasDescriptor: Bool) async throws {
        var builder = ZipBuilder(Self.plain)
        for index in builder.entries.indices where !builder.entries[index].bytes.isEmpty {
            builder.entries[index].isDeflated = isDeflated
            builder.entries[index].hasDescriptor = hasDescriptor
        }
        builder.entries[0].isDeflated = false
        let all = try await ArchiveBench.read(builder.build(), .zip)
        #expect(all.texts == ["a/b.txt": "hello", "c": "world"])
        #expect(all.entryCount == 3)
        #expect(all.expandedBytes == 10)
        let one = try await ArchiveBench.read(builder.build(), .zip, only: ["c"])
        #expect(one.texts == ["c": "world"])
        #expect(one.entryCount == 3)
    }

    @Test func readsOtherForms() async throws {
        var commented = ZipBuilder(Self.plain)
        commented.comment = Array("made by hand".utf8)
        var large = ZipBuilder(Self.plain)
        large.isLarge = true
        var unsigned = ZipBuilder([ZipBuilder.Entry("c", "world")])
        unsigned.entries[0].hasDescriptor = true
        unsigned.entries[0].isDescriptorSigned = false
        for builder in [commented, large, unsigned] {
            let contents = try await ArchiveBench.read(builder.build(), .zip, only: ["c"])
            #expect(contents.texts == ["c": "world"])
        }
        #expect(try await ArchiveBench.read(ZipBuilder([]).build(), .zip).entryCount == 0)
        let big = [UInt8](repeating: 7, count: 1_000_000)
        let contents = try await ArchiveBench.read(
            ZipBuilder([ZipBuilder.Entry("big", bytes: big)]).build(), .zip)
        #expect(contents.files.first?.bytes == big)
    }

    /// What is wrong with an archive, and the words that tell it.
    struct Trick: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let words: String
        let bytes: [UInt8]

        init(_ name: String, _ words: String, _ builder: ZipBuilder) {
            self.init(name, words, builder.build())
        }

        init(_ name: String, _ words: String, _ bytes: [UInt8]) {
            testDescription = name
            self.words = words
            self.bytes = bytes
        }

        init(entry name: String, _ words: String, _ change: (inout ZipBuilder.Entry) -> Void) {
            var entry = ZipBuilder.Entry("c", "world")
            change(&entry)
            self.init(name, words, ZipBuilder([ZipBuilder.Entry("a", "hello"), entry]))
        }
    }

    private static func make(_ change: (inout ZipBuilder) -> Void) -> ZipBuilder {
        var builder = ZipBuilder(plain)
        change(&builder)
        return builder
    }

    static let tricks: [Trick] = [
        Trick("nothing", "no end of a directory", []),
        Trick("no archive", "no end of a directory", Array("hello".utf8)),
        Trick("a part", "no end of a directory", ZipBuilder(plain).build().dropLast(30)),
        Trick("a prefix", "follow each other", make { $0.prefix = [1, 2, 3] }),
        Trick(
            "a prefix that nobody knows of", "does not end where it says",
            [1, 2, 3] + ZipBuilder(plain).build()),
        Trick("a suffix", "something follows its end", make { $0.suffix = [1] }),
        Trick(
            "two archives", "two ends",
            ZipBuilder(plain).build() + ZipBuilder(["other": "bytes"]).build()),
        Trick(
            "an end in the comment", "two ends",
            make { $0.comment = ZipBuilder([]).build() }),
        Trick("a hidden entry", "follow each other", make { $0.entries[1].isHidden = true }),
        Trick("a hidden last entry", "lies between", make { $0.entries[2].isHidden = true }),
        Trick("a gap", "follow each other", make { $0.entries[2].gap = [0, 0] }),
        Trick(entry: "two names", "not what the directory says") { $0.localName = "d" },
        Trick(entry: "another size", "not what the directory says") { $0.claimedSize = 4 },
        Trick(entry: "another checksum", "cannot be unpacked") { $0.claimedChecksum = 4 },
        Trick(entry: "encrypted", "encrypted") { $0.flags = 1 },
        Trick(entry: "another method", "neither stored nor deflated") { $0.method = 12 },
        Trick(entry: "a symbolic link", "neither a file nor a folder") { $0.mode = 0o120777 },
        Trick(entry: "a device", "neither a file nor a folder") { $0.mode = 0o060666 },
        Trick(entry: "a folder that is a file", "neither a file nor a folder") {
            $0.mode = 0o040755
        },
        Trick(entry: "the same name", "comes twice") { $0.name = "a" },
        Trick(entry: "the same name, spelled otherwise", "comes twice") { $0.name = "./a" },
        Trick(entry: "a file in a file", "a file and a folder") { $0.name = "a/b" },
        Trick(entry: "out of the folder", "leads out") { $0.name = "x/../../y" },
        Trick(entry: "absolute", "absolute") { $0.name = "/etc/passwd" },
        Trick(entry: "a drive", "absolute") { $0.name = "C:/windows" },
        Trick(entry: "a backslash", "backslash") { $0.name = "..\\y" },
        Trick(entry: "a control character", "control character") { $0.name = "a\0b" },
        Trick(entry: "no name", "has no name") { $0.name = "" },
        Trick(entry: "a second name", "two names") {
            $0.extra = [0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 0x64]
        },
        Trick(entry: "extra fields cut off", "extra fields") { $0.extra = [0x75, 0x70, 6, 0, 1] },
        Trick("a large end that is not needed", "does not need", unneededLargeEnd),
    ]

    /// An end in both forms, where the small one is enough.
    private static var unneededLargeEnd: [UInt8] {
        var builder = ZipBuilder(plain)
        builder.isLarge = true
        var bytes = builder.build()
        builder.isLarge = false
        bytes.replaceSubrange(bytes.count - 22..<bytes.count, with: builder.build().suffix(22))
        return bytes
    }

    @Test(arguments: tricks)
    func refusesTricks(_ trick: Trick) async throws {
        let refusal = try await ArchiveBench.refusal(trick.bytes, .zip)
        #expect(refusal.code == .malformed)
        #expect(refusal.reason == "archive_invalid")
        #expect(refusal.message.contains(trick.words), "\(refusal.message)")
    }

    @Test func refusesBombs() async throws {
        var limits = ArchiveLimits()
        limits.entryCount = 2
        func words(_ limits: ArchiveLimits) async throws -> String {
            let refusal = try await ArchiveBench.refusal(
                ZipBuilder(Self.plain).build(), .zip, limits: limits)
            #expect(refusal.reason == "archive_limit")
            return refusal.message
        }
        #expect(try await words(limits).contains("more than 2 entries"))
        limits = ArchiveLimits()
        limits.expandedBytes = 9
        #expect(try await words(limits).contains("more than 9 bytes"))
        limits = ArchiveLimits()
        limits.entryBytes = 4
        #expect(try await words(limits).contains("more than 4 bytes"))
        limits = ArchiveLimits()
        limits.nameBytes = 3
        #expect(try await words(limits).contains("more than 3 bytes"))
        // What the directory claims is believed when it is too much.
        var entry = ZipBuilder.Entry("zeros", "0")
        entry.claimedSize = 1 << 30
        let ratio = try await ArchiveBench.refusal(
            ZipBuilder([entry]).build(), .zip)
        #expect(ratio.message.contains("not what the directory says"))
        limits = ArchiveLimits()
        limits.expansionRatio = 1
        limits.expansionFloorBytes = 0
        let small = ZipBuilder([
            ZipBuilder.Entry("a", bytes: [UInt8](repeating: 0, count: 10))
        ])
        _ = try await ArchiveBench.read(small.build(), .zip, limits: limits)
    }

    /// Whatever one byte is changed to, the archive is refused or read, and nothing else happens;
    /// and what is read was in the archive.
    @Test func survivesDamage() async throws {
        var random = SeededGenerator.announced()
        var builder = ZipBuilder(Self.plain)
        builder.entries[2].hasDescriptor = true
        let good = builder.build()
        for _ in 0..<3_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            }
            do {
                let contents = try await ArchiveBench.read(bytes, .zip)
                for file in contents.files { #expect(file.bytes.count <= 10) }
            } catch let error as RegistryError {
                #expect(error.code == .malformed, "\(error)")
            }
        }
    }
}
