public import Logging

/// Writes each event as one line for people: time, level, message, and metadata as `name=value`.
public struct TextLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level

    private let writer: any LogLineWriter

    /// A handler that writes to `writer`.
    public init(writer: any LogLineWriter, logLevel: Logger.Level = .info) {
        self.writer = writer
        self.logLevel = logLevel
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let level = event.level.rawValue
        var line = LogTime.current()
        line += " \(level)" + String(repeating: " ", count: max(0, 8 - level.utf8.count))
        line += " " + Self.oneLine(event.message.description)
        for (name, value) in LogMetadata.merged(metadata, metadataProvider, event) {
            let text = SecretNames.contains(name) ? SecretNames.redacted : Self.text(of: value)
            line += " \(Self.oneLine(name))=\(Self.word(text))"
        }
        line += "\n"
        writer.write(line)
    }

    private static func text(of value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): text
        case .stringConvertible(let other): other.description
        case .array(let values): "[" + values.map { text(of: $0) }.joined(separator: ", ") + "]"
        case .dictionary(let values):
            "["
                + values.sorted { $0.key < $1.key }.map { name, value in
                    "\(name): \(SecretNames.contains(name) ? SecretNames.redacted : text(of: value))"
                }.joined(separator: ", ") + "]"
        }
    }

    /// `text` without line ends and control characters.
    private static func oneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar) {
                safe += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || scalar.value == 0x2028
            || scalar.value == 0x2029
    }

    /// `text` in quotes when it would not read as one word.
    private static func word(_ text: String) -> String {
        let safe = oneLine(text)
        guard safe.isEmpty || safe.contains(where: { " \"=".contains($0) }) else { return safe }
        return "\""
            + safe.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\\\"") + "\""
    }
}
