/// Writes metrics as Prometheus reads them.
///
/// *Source*: Prometheus, "Exposition formats", "Text format details".
struct PrometheusText {
    /// The media type of the text.
    static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var lines = ""

    /// Begins a metric.
    mutating func begin(_ name: String, kind: String, summary: String?) {
        if let summary {
            let escaped = summary.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
            lines += "# HELP \(name) \(escaped)\n"
        }
        lines += "# TYPE \(name) \(kind)\n"
    }

    /// Writes one value; `labels` as `labels(_:)` makes them.
    mutating func line(_ name: String, _ labels: String, _ value: String) {
        lines += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }

    /// Writes a metric with one value.
    mutating func gauge(
        _ name: String, _ summary: String, _ value: Double, kind: String = "gauge"
    ) {
        begin(name, kind: kind, summary: summary)
        line(name, "", Self.number(value))
    }

    /// Writes the buckets, the sum and the count of a histogram.
    mutating func histogram(_ name: String, _ labels: String, _ histogram: PrometheusHistogram) {
        let (counts, sum) = histogram.current
        let prefix = labels.isEmpty ? "" : labels + ","
        var count: Int64 = 0
        for (index, bound) in histogram.bounds.enumerated() {
            count += counts[index]
            let limit = Self.number(Double(bound) * histogram.scale)
            line("\(name)_bucket", "\(prefix)le=\"\(limit)\"", "\(count)")
        }
        count += counts.last ?? 0
        line("\(name)_bucket", "\(prefix)le=\"+Inf\"", "\(count)")
        line("\(name)_sum", labels, Self.number(sum))
        line("\(name)_count", labels, "\(count)")
    }

    /// The name with nothing in it that a name may not have.
    static func name(_ label: String) -> String {
        var name = ""
        for scalar in label.unicodeScalars {
            let isAllowed =
                scalar == "_" || scalar == ":" || ("a"..."z").contains(scalar)
                || ("A"..."Z").contains(scalar)
                || ("0"..."9").contains(scalar) && !name.isEmpty
            name.unicodeScalars.append(isAllowed ? scalar : "_")
        }
        return name
    }

    /// `operation="oci.blob.pull",status="2xx"`, in the order in which they are given.
    static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions.map { dimension in
            let value = dimension.1.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(name(dimension.0))=\"\(value)\""
        }.joined(separator: ",")
    }

    /// A whole number without a decimal point, and any other as short as it is exact to nine digits.
    static func number(_ value: Double) -> String {
        // Sums of scaled units carry the noise of their last bits.
        let rounded = (value * 1e9).rounded() / 1e9
        if rounded == rounded.rounded(), abs(rounded) < 1e15, rounded != 0 || value == 0 {
            return String(Int64(rounded))
        }
        return String(rounded == 0 ? value : rounded)
    }
}
