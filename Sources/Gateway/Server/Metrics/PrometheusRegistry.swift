public import Metrics
import Synchronization

/// Keeps what is counted, for Prometheus to fetch. Instruments are made once and kept by whoever
/// counts; counting touches nothing but the instrument.
///
/// A timer is shown as a histogram of seconds, a recorder that aggregates as a histogram of sizes.
///
/// *Source*: Prometheus, "Exposition formats", version 0.0.4.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    /// The most combinations of labels that one name may have; what comes beyond is not counted, so
    /// that no mistake with labels fills the memory.
    public static let seriesLimitCount = 4096

    private enum Instrument {
        case counter(PrometheusCounter)
        case gauge(PrometheusGauge)
        case histogram(PrometheusHistogram)

        var kind: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private struct Family {
        let kind: String
        /// By the labels as they are written.
        var series: [String: Instrument] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var summaries: [String: String] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Says what the metric of this name means, for people.
    public func describe(_ name: String, _ summary: String) {
        state.withLock { $0.summaries[name] = summary }
    }

    public func makeCounter(
        label: String, dimensions: [(String, String)]
    ) -> any CounterHandler {
        let made = instrument(label, dimensions) { .counter(PrometheusCounter()) }
        if case .counter(let counter)? = made { return counter }
        return NOOPMetricsHandler.instance
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        let made = instrument(label, dimensions) { .gauge(PrometheusGauge()) }
        if case .gauge(let gauge)? = made { return gauge }
        return NOOPMetricsHandler.instance
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        let made = instrument(label, dimensions) {
            aggregate
                ? .histogram(PrometheusHistogram(bounds: PrometheusHistogram.sizeBounds, scale: 1))
                : .gauge(PrometheusGauge())
        }
        switch made {
        case .gauge(let gauge): return gauge
        case .histogram(let histogram): return histogram
        case .counter, nil: return NOOPMetricsHandler.instance
        }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let made = instrument(label, dimensions) {
            .histogram(
                PrometheusHistogram(bounds: PrometheusHistogram.durationBounds, scale: 1e-9))
        }
        if case .histogram(let histogram)? = made { return histogram }
        return NOOPMetricsHandler.instance
    }

    /// What was counted stays: a counter never falls.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    /// The instrument of this name and these labels, made where there is none; `nil` where the name
    /// belongs to another kind, or has too many labels.
    private func instrument(
        _ label: String, _ dimensions: [(String, String)], _ make: () -> Instrument
    ) -> Instrument? {
        let name = PrometheusText.name(label)
        let labels = PrometheusText.labels(dimensions)
        return state.withLock { state in
            if let known = state.families[name]?.series[labels] { return known }
            let made = make()
            var family = state.families[name] ?? Family(kind: made.kind)
            guard family.kind == made.kind, family.series.count < Self.seriesLimitCount else {
                return nil
            }
            family.series[labels] = made
            state.families[name] = family
            return made
        }
    }

    /// Everything that was counted, as Prometheus reads it, in the order of names and labels.
    public func render() -> String {
        let (families, summaries) = state.withLock { ($0.families, $0.summaries) }
        var text = PrometheusText()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.begin(name, kind: family.kind, summary: summaries[name])
            for (labels, instrument) in family.series.sorted(by: { $0.key < $1.key }) {
                switch instrument {
                case .counter(let counter): text.line(name, labels, "\(counter.current)")
                case .gauge(let gauge):
                    text.line(name, labels, PrometheusText.number(gauge.current))
                case .histogram(let histogram): text.histogram(name, labels, histogram)
                }
            }
        }
        return text.lines
    }
}
