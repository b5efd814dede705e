import Logging

/// What the log handlers share.
enum LogMetadata {
    /// Names that a line of JSON has of its own.
    static let reservedNames: Set<String> = ["time", "level", "logger", "message"]

    /// All metadata of an event, the nearest word winning, in the order in which lines show it: what
    /// a reader looks for first comes first, the rest by name.
    static func merged(
        _ own: Logger.Metadata, _ provider: Logger.MetadataProvider?, _ event: LogEvent
    ) -> [(name: String, value: Logger.MetadataValue)] {
        var all = own
        if let provided = provider?.get() { all.merge(provided) { _, new in new } }
        if let explicit = event.metadata {
            if all.isEmpty { all = explicit } else { all.merge(explicit) { _, new in new } }
        }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        return all.map { (rank: rank($0.key), name: $0.key, value: $0.value) }
            .sorted { ($0.rank, $0.name) < ($1.rank, $1.name) }
            .map { (name: $0.name, value: $0.value) }
    }

    private static func rank(_ name: String) -> Int {
        switch name {
        case "request_id": 0
        case "method": 1
        case "path": 2
        case "status": 3
        case "duration_ms": 4
        default: 5
        }
    }
}
