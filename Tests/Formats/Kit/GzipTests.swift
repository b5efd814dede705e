import FormatKit
import Foundation
import NIOCore
import TestSupport
import Testing

/// Compressing derived documents.
@Suite struct GzipTests {
    @Test func othersUnpackIt() throws {
        var generator = SeededGenerator.announced()
        let folder = try TemporaryFolder()
        for size in [0, 1, 1000, 100_000, 3_000_000] {
            // Half of it repeats itself, and half of it does not shrink at all.
            let bytes = (0..<size).map { index in
                index < size / 2 ? UInt8(index % 7) : UInt8.random(in: 0...255, using: &generator)
            }
            let compressed = try Gzip.compress(ByteBuffer(bytes: bytes))
            let path = folder.path("\(size).gz")
            try Data(compressed.readableBytesView).write(to: URL(fileURLWithPath: path))
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/gzip")
            process.arguments = ["-dc", path]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let unpacked = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(Array(unpacked) == bytes)
        }
    }

    @Test func theSameContentIsTheSameBytes() throws {
        let content = ByteBuffer(string: String(repeating: "packument ", count: 1000))
        let first = try Gzip.compress(content)
        #expect(try Gzip.compress(content) == first)
        #expect(first.readableBytes < content.readableBytes / 10)
        // The time in the header is none.
        #expect(first.getBytes(at: 4, length: 4) == [0, 0, 0, 0])
    }
}
