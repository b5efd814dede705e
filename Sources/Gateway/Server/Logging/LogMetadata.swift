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
        if let explicit = event.metadata { all.merge(explicit) { _, new in new } }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        return all.map { (name: $0.key, value: $0.value) }.sorted {
            (rank($0.name), $0.name) < (rank($1.name), $1.name)
        }
    }

    private static let firstNames = [
        "request_id": 0, "method": 1, "path": 2, "status": 3, "duration_ms": 4,
    ]

    private static func rank(_ name: String) -> Int { firstNames[name] ?? firstNames.count }
}
