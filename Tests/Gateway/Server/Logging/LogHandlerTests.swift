import Foundation
import GatewayServer
import Logging
import TestSupport
import Testing

@Suite struct LogHandlerTests {
    final class Lines: LogLineWriter {
        let lines = SendableBox<[String]>([])

        func write(_ line: String) { lines.withValue { $0.append(line) } }
    }

    private static let hostile = "a\"b\\c\nd\r\te\u{7f}\u{1b}[31m\u{2028}é"

    @Test func jsonIsOneObjectALine() throws {
        let lines = Lines()
        var logger = Logger(label: "gateway") { JSONLogHandler(label: $0, writer: lines) }
        logger[metadataKey: "request_id"] = "r1"
        logger.warning(
            "\(Self.hostile)",
            metadata: [
                "status": .stringConvertible(500), "duration_ms": .stringConvertible(1.5),
                "aborted": .stringConvertible(true), "path": .string(Self.hostile),
                "level": "shadow", "list": ["x", .stringConvertible(2)],
                "deep": ["password": "hush", "fine": "ok"], "token": "hush", "token_id": "7",
                "Authorization": "hush",
            ])
        logger.debug("not written")
        let written = lines.lines.withValue { $0 }
        #expect(written.count == 1)
        let line = try #require(written.first)
        #expect(line.hasSuffix("}\n"))
        #expect(!line.dropLast().contains { $0.isNewline && $0 != "\u{2028}" })
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["level"] as? String == "warning")
        #expect(object["_level"] as? String == "shadow")
        #expect(object["logger"] as? String == "gateway")
        #expect(object["message"] as? String == Self.hostile)
        #expect(object["path"] as? String == Self.hostile)
        #expect(object["status"] as? Int == 500)
        #expect(object["duration_ms"] as? Double == 1.5)
        #expect(object["aborted"] as? Bool == true)
        #expect(object["request_id"] as? String == "r1")
        #expect(object["token_id"] as? String == "7")
        #expect(!line.contains("hush"))
    }

    @Test func textIsOneLine() {
        let lines = Lines()
        let logger = Logger(label: "gateway") { _ in TextLogHandler(writer: lines) }
        logger.info(
            "\(Self.hostile)",
            metadata: [
                "status": .stringConvertible(200), "what": "two words",
                "path": .string(Self.hostile),
                "secret": "hush", "deep": ["password": "hush"],
            ])
        let written = lines.lines.withValue { $0 }
        #expect(written.count == 1)
        let line = written.first ?? ""
        #expect(line.filter(\.isNewline).count == 1)
        #expect(line.hasSuffix("\n"))
        #expect(line.contains(" info "))
        #expect(line.contains(" status=200 "))
        #expect(line.contains(" what=\"two words\""))
        #expect(!line.contains("\u{1b}"))
        #expect(!line.contains("hush"))
    }

    @Test func linesGoToTheDescriptorWhole() async throws {
        let pipe = Pipe()
        let writer = DescriptorLogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        let line = String(repeating: "x", count: 4000) + "\n"
        let reading = Task.detached { pipe.fileHandleForReading.readDataToEndOfFile() }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { writer.write(line) } }
        }
        try pipe.fileHandleForWriting.close()
        #expect(
            String(decoding: await reading.value, as: UTF8.self)
                == String(repeating: line, count: 50))
    }
}
