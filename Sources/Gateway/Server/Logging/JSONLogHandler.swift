public import Logging

/// Writes each event as one line of JSON: `time`, `level`, `logger`, `message`, and the metadata
/// beside them. Numbers and booleans stay what they are.
public struct JSONLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level

    private let label: String
    private let writer: any LogLineWriter

    /// A handler of the logger `label` that writes to `writer`.
    public init(label: String, writer: any LogLineWriter, logLevel: Logger.Level = .info) {
        self.label = label
        self.writer = writer
        self.logLevel = logLevel
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let all = LogMetadata.merged(metadata, metadataProvider, event)
        var line =
            "{\"time\":\"\(LogTime.current())\",\"level\":\"\(event.level.rawValue)\""
        line += ",\"logger\":"
        JSONText.append(label, to: &line)
        line += ",\"message\":"
        JSONText.append(event.message.description, to: &line)
        for (name, value) in all {
            line += ","
            JSONText.append(LogMetadata.reservedNames.contains(name) ? "_" + name : name, to: &line)
            line += ":"
            if SecretNames.contains(name) {
                JSONText.append(SecretNames.redacted, to: &line)
            } else {
                Self.append(value, to: &line)
            }
        }
        line += "}\n"
        writer.write(line)
    }

    private static func append(_ value: Logger.MetadataValue, to line: inout String) {
        switch value {
        case .string(let text):
            JSONText.append(text, to: &line)
        case .stringConvertible(let number as any BinaryInteger):
            line += number.description
        case .stringConvertible(let number as Double) where number.isFinite:
            line += number.description
        case .stringConvertible(let flag as Bool):
            line += flag.description
        case .stringConvertible(let other):
            JSONText.append(other.description, to: &line)
        case .array(let values):
            line += "["
            for (index, value) in values.enumerated() {
                if index > 0 { line += "," }
                append(value, to: &line)
            }
            line += "]"
        case .dictionary(let values):
            line += "{"
            for (index, (name, value)) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { line += "," }
                JSONText.append(name, to: &line)
                line += ":"
                append(
                    SecretNames.contains(name) ? .string(SecretNames.redacted) : value, to: &line)
            }
            line += "}"
        }
    }
}
