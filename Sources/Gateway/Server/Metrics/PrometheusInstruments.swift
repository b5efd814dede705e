import Metrics
import Synchronization

/// A number that grows, and that many threads add to.
final class PrometheusCounter: CounterHandler {
    private let value = Atomic<Int64>(0)

    var current: Int64 { value.load(ordering: .relaxed) }

    func increment(by amount: Int64) {
        value.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() {
        value.store(0, ordering: .relaxed)
    }
}

/// A number that goes up and down.
final class PrometheusGauge: MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    var current: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Int64) { set(Double(value)) }

    func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func increment(by amount: Double) {
        var known = bits.load(ordering: .relaxed)
        while true {
            let next = (Double(bitPattern: known) + amount).bitPattern
            let exchange = bits.weakCompareExchange(
                expected: known, desired: next, ordering: .relaxed)
            if exchange.exchanged { return }
            known = exchange.original
        }
    }

    func decrement(by amount: Double) { increment(by: -amount) }

    func record(_ value: Int64) { set(Double(value)) }

    func record(_ value: Double) { set(value) }
}

/// How often a value lay below each of some bounds, and the sum of all values.
final class PrometheusHistogram: TimerHandler, RecorderHandler {
    /// The bounds of durations, in nanoseconds: from half a millisecond to half a minute.
    static let durationBounds: [Int64] = [
        500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
        250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
        30_000_000_000,
    ]
    /// The bounds of sizes, in bytes: from 1 KiB to 1 GiB.
    static let sizeBounds: [Int64] = [
        1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28,
        1 << 30,
    ]

    /// The highest value of each bucket but the last, which has none.
    let bounds: [Int64]
    /// What one unit of a value is in the unit that is shown.
    let scale: Double
    private let buckets: [PrometheusCounter]
    private let total = Atomic<Int64>(0)

    init(bounds: [Int64], scale: Double) {
        self.bounds = bounds
        self.scale = scale
        buckets = (0...bounds.count).map { _ in PrometheusCounter() }
    }

    /// Values of each bucket, and the sum of all.
    var current: (counts: [Int64], sum: Double) {
        (buckets.map(\.current), Double(total.load(ordering: .relaxed)) * scale)
    }

    func recordNanoseconds(_ duration: Int64) { record(duration) }

    func record(_ value: Int64) {
        // Most values are small, so the first bounds decide.
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        buckets[index].increment(by: 1)
        total.wrappingAdd(value, ordering: .relaxed)
    }

    func record(_ value: Double) { record(Int64(value)) }
}
