public import Metrics
import Synchronization

/// Counts requests: how many, how long they took, and their bytes, by operation.
///
/// The instruments of an operation are made when it is first seen, and found again without a lock.
public final class RequestMetrics: Sendable {
    /// The most operations that are told apart; the rest count as `other`.
    static let operationLimitCount = 512
    /// Places of the table, twice as many so that few share one; a power of two.
    private static let placeCount = 1024

    /// Metrics of requests, among those of `factory`.
    public init(factory: any MetricsFactory) {
        self.factory = factory
        places = (0..<Self.placeCount).map { _ in Place() }
        unrecognized = Instruments("unrecognized", factory)
        other = Instruments("other", factory)
        if let registry = factory as? PrometheusRegistry { Self.describe(in: registry) }
    }

    /// Counts a request that was answered.
    ///
    /// - Parameter operation: what it was; `nil` where nothing recognised it.
    func record(
        _ operation: String?, status: Int, duration: Duration, receivedBytes: Int64,
        sentBytes: Int64
    ) {
        let instruments = operation.map(find) ?? unrecognized
        let (seconds, attoseconds) = duration.components
        instruments.duration.recordNanoseconds(
            seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        instruments.answers[min(max(status / 100, 1), 5) - 1].increment()
        if receivedBytes > 0 { instruments.receivedBytes.increment(by: receivedBytes) }
        if sentBytes > 0 { instruments.sentBytes.increment(by: sentBytes) }
    }

    // MARK: Finding

    private let factory: any MetricsFactory
    private let places: [Place]
    private let count = Atomic<Int>(0)
    private let unrecognized: Instruments
    private let other: Instruments

    /// A place that is taken once and for good.
    private final class Place: Sendable {
        let instruments = AtomicLazyReference<Instruments>()
    }

    private func find(_ operation: String) -> Instruments {
        var index = operation.hashValue & (Self.placeCount - 1)
        while true {
            let place = places[index]
            if let known = place.instruments.load() {
                if known.operation == operation { return known }
                index = (index + 1) & (Self.placeCount - 1)
                continue
            }
            // Fewer operations are let in than there are places, so there is always a free one.
            guard
                count.wrappingAdd(1, ordering: .relaxed).oldValue < Self.operationLimitCount
            else { return other }
            // Two threads may make the same; the registry gives both the same instruments.
            _ = place.instruments.storeIfNil(Instruments(operation, factory))
        }
    }

    private final class Instruments: Sendable {
        let operation: String
        /// From 1xx to 5xx.
        let answers: [Counter]
        let duration: Metrics.Timer
        let receivedBytes: Counter
        let sentBytes: Counter

        init(_ operation: String, _ factory: any MetricsFactory) {
            self.operation = operation
            let label = [("operation", operation)]
            answers = (1...5).map { hundreds in
                Counter(
                    label: "packhouse_http_requests_total",
                    dimensions: label + [("status", "\(hundreds)xx")], factory: factory)
            }
            duration = Metrics.Timer(
                label: "packhouse_http_request_duration_seconds", dimensions: label,
                factory: factory)
            receivedBytes = Counter(
                label: "packhouse_http_received_bytes_total", dimensions: label, factory: factory)
            sentBytes = Counter(
                label: "packhouse_http_sent_bytes_total", dimensions: label, factory: factory)
        }
    }

    private static func describe(in registry: PrometheusRegistry) {
        registry.describe(
            "packhouse_http_requests_total", "Requests that were answered, by class of status.")
        registry.describe(
            "packhouse_http_request_duration_seconds",
            "Time from the head of a request to the end of its answer.")
        registry.describe(
            "packhouse_http_received_bytes_total", "Bytes of the bodies of requests.")
        registry.describe("packhouse_http_sent_bytes_total", "Bytes of the bodies of answers.")
    }
}
