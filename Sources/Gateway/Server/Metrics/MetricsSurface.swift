import Foundation
import HTTPTypes
import NIOCore
import Registry

/// `/metrics`: what was counted, and what is looked up when somebody asks.
struct MetricsSurface: RequestSurface {
    let registry: PrometheusRegistry
    let gauges: CollectionGaugeReader
    let version: String

    func prepare(_ head: RequestHead) throws(RegistryError) -> PreparedOperation? {
        guard head.method == .get || head.method == .head else {
            throw RegistryError(
                .methodNotAllowed, "this address takes GET and HEAD",
                headers: [.allow: "GET, HEAD"])
        }
        return PreparedOperation(
            label: "metrics.show", access: [AccessRequirement(.monitorInstance, on: .instance)],
            bodyLimitBytes: 0, family: nil,
            run: { (_, _) async throws(RegistryError) -> FormatResponse in
                let text = await render()
                return FormatResponse(
                    headers: [
                        .contentType: PrometheusText.mediaType, .cacheControl: "no-store",
                    ],
                    body: .bytes(ByteBuffer(string: text)))
            })
    }

    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        FallbackSurface().render(failure, for: head)
    }

    private func render() async -> String {
        var text = PrometheusText()
        text.begin("packhouse_build", kind: "gauge", summary: "The version of the program.")
        text.line("packhouse_build", PrometheusText.labels([("version", version)]), "1")
        // Without a database there is still much to see, and what is missing is seen as well.
        if let gauges = await gauges.read() { Self.write(gauges, to: &text) }
        Self.writeProcess(to: &text)
        return registry.render() + text.lines
    }

    private static func write(_ found: CollectionGaugeReader.Found, to text: inout PrometheusText) {
        let gauges = found.gauges
        text.gauge(
            "packhouse_gc_reviews_due", "Things that the collectors have to look at now.",
            Double(gauges.dueCount))
        let delay = gauges.oldestDueAt.map { found.at.microseconds - $0.microseconds } ?? 0
        text.gauge(
            "packhouse_gc_delay_seconds", "For how long the first of them has been due.",
            Double(max(0, delay)) / 1_000_000)
        text.gauge(
            "packhouse_gc_blocked", "Reviews and removals that failed and are tried again later.",
            Double(gauges.blockedCount))
        text.gauge(
            "packhouse_gc_files_to_remove", "Files that wait to be removed.",
            Double(gauges.unlinkCount))
        text.gauge(
            "packhouse_gc_paused", "Whether somebody paused the collectors.",
            gauges.isPaused ? 1 : 0)
        text.gauge(
            "packhouse_uploads_open", "Uploads that are not finished.",
            Double(gauges.openUploadCount))
        write(gauges.scrub, to: &text)
    }

    private static func write(_ scrub: ScrubState, to text: inout PrometheusText) {
        text.gauge(
            "packhouse_scrub_running", "Whether a pass over all blobs has begun and not ended.",
            scrub.isRunning ? 1 : 0)
        text.gauge(
            "packhouse_scrub_checked_blobs", "Blobs that were read in this or the last pass.",
            Double(scrub.checkedCount))
        text.gauge(
            "packhouse_scrub_checked_bytes", "Bytes of these blobs.", Double(scrub.checkedBytes))
        text.gauge(
            "packhouse_scrub_damaged_blobs", "Those of them that something was wrong with.",
            Double(scrub.findingCount))
        let times = [("began", scrub.beganAt), ("ended", scrub.endedAt)]
        for case (let name, let moment?) in times {
            text.gauge(
                "packhouse_scrub_\(name)_timestamp_seconds", "When the last pass \(name).",
                Double(moment.microseconds) / 1_000_000)
        }
    }

    /// *Source*: Prometheus, "Writing client libraries", "Process metrics".
    private static func writeProcess(to text: inout PrometheusText) {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        text.gauge(
            "process_cpu_seconds_total", "User and system time of the process.",
            Double(time.tv_sec) + Double(time.tv_nsec) / 1e9, kind: "counter")
        // Only Linux has the file; its second number are pages in memory.
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?
            .split(separator: " ").dropFirst().first.flatMap { Double($0) }
        if let pages {
            text.gauge(
                "process_resident_memory_bytes", "Memory of the process.",
                pages * Double(sysconf(CInt(_SC_PAGESIZE))))
        }
    }
}

/// Reads the numbers that every replica answers with. They are kept for a moment, so that asking
/// often costs nothing.
actor CollectionGaugeReader {
    /// How long an answer is good for.
    static let answerLifetime = Duration.seconds(5)

    /// The numbers, and when they were right.
    struct Found: Sendable {
        let gauges: CollectionGauges
        let at: Timestamp
    }

    private let services: RegistryServices
    private var answer: (at: ContinuousClock.Instant, found: Found)?

    init(services: RegistryServices) {
        self.services = services
    }

    /// The numbers; `nil` while the database cannot be asked.
    func read() async -> Found? {
        if let answer, ContinuousClock.now - answer.at < Self.answerLifetime {
            return answer.found
        }
        let now = services.clock.now()
        do throws(RegistryError) {
            let gauges = try await services.metadata.read { try $0.gaugeCollection(at: now) }
            let found = Found(gauges: gauges, at: now)
            answer = (ContinuousClock.now, found)
            return found
        } catch {
            return nil
        }
    }
}
