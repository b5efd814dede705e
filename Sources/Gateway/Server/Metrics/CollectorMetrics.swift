public import Metrics
public import Registry

/// Counts what the collector of this process did.
public struct CollectorMetrics: Sendable {
    private static let kinds = ["blob", "version", "upload"]
    private static let outcomes = ["collected", "kept", "postponed", "absent", "failed"]

    /// By kind and outcome.
    private let reviews: [String: [String: Counter]]
    private let removed: Counter
    private let failed: Counter
    private let reclaimedBytes: Counter

    /// Metrics of the collector, among those of `factory`.
    public init(factory: any MetricsFactory) {
        let name = "packhouse_gc_reviews_total"
        reviews = Dictionary(
            uniqueKeysWithValues: Self.kinds.map { kind in
                let counters = Self.outcomes.map { outcome in
                    (
                        outcome,
                        Counter(
                            label: name, dimensions: [("subject", kind), ("outcome", outcome)],
                            factory: factory)
                    )
                }
                return (kind, Dictionary(uniqueKeysWithValues: counters))
            })
        let removals = "packhouse_gc_removals_total"
        removed = Counter(
            label: removals, dimensions: [("outcome", "removed")], factory: factory)
        failed = Counter(label: removals, dimensions: [("outcome", "failed")], factory: factory)
        reclaimedBytes = Counter(label: "packhouse_gc_reclaimed_bytes_total", factory: factory)
        guard let registry = factory as? PrometheusRegistry else { return }
        registry.describe(name, "Things that the collector of this process looked at.")
        registry.describe(removals, "Files that the collector of this process removed, or not.")
        registry.describe(
            "packhouse_gc_reclaimed_bytes_total",
            "Bytes of the files that the collector of this process removed.")
    }

    /// Counts what came of one thing.
    public func record(_ event: CollectionEvent) {
        switch event {
        case .reviewed(let review, let outcome):
            reviews[review.subject.kind]?[outcome.word]?.increment()
        case .reviewFailed(let review, _, _):
            reviews[review.subject.kind]?["failed"]?.increment()
        case .removed(let unlink):
            removed.increment()
            reclaimedBytes.increment(by: unlink.size)
        case .removalFailed:
            failed.increment()
        }
    }
}
