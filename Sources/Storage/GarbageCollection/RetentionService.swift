public import Logging
public import Registry
public import ServiceLifecycle

/// Applies what projects keep for as long as the server runs. Servers share the work: each run belongs
/// to the one that claims it.
public struct RetentionService: Service {
    /// The wait while nothing is due.
    public static let idleInterval = Duration.seconds(10)

    private let runner: RetentionRunner
    private let interval: Duration
    private let logger: Logger

    /// - Parameter interval: the wait while nothing is due.
    public init(
        runner: RetentionRunner, interval: Duration = Self.idleInterval, logger: Logger
    ) {
        self.runner = runner
        self.interval = interval
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancellation is the way this loop ends.
            while (try? await Task.sleep(for: CollectorService.jittered(interval))) != nil {
                await work()
            }
        }
    }

    private func work() async {
        do throws(RegistryError) {
            try await runner.schedule()
            while !Task.isCancelled, let report = try await runner.runNext() { log(report) }
        } catch {
            logger.warning(
                "retention cannot be applied now; it is tried again",
                metadata: ["error": "\(error)"])
        }
    }

    private func log(_ report: RetentionReport) {
        var metadata: Logger.Metadata = [
            "project_id": .stringConvertible(report.projectID),
            "kept": .stringConvertible(report.outcome.keptCount),
            "removed": .stringConvertible(report.outcome.removedCount),
        ]
        if let interruption = report.interruption { metadata["ended_early"] = "\(interruption)" }
        if let failure = report.failure { metadata["error"] = "\(failure)" }
        logger.log(
            level: report.failure == nil ? .info : .warning, "applied what a project keeps",
            metadata: metadata)
    }
}
