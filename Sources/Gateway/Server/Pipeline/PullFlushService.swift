public import Logging
public import Registry
public import ServiceLifecycle

/// Writes down from time to time what was downloaded. To be shut down after the server, so that the
/// last downloads are written down as well.
public struct PullFlushService: Service {
    /// The time between two writes, and what a process that is killed forgets at most.
    public static let interval = Duration.seconds(10)

    private let services: RegistryServices
    private let interval: Duration
    private let logger: Logger

    public init(
        services: RegistryServices, interval: Duration = Self.interval, logger: Logger
    ) {
        self.services = services
        self.interval = interval
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancellation is the way this loop ends.
            while (try? await Task.sleep(for: interval)) != nil { await flush() }
        }
        await flush()
    }

    private func flush() async {
        do throws(RegistryError) {
            try await services.flushPulls()
        } catch {
            logger.warning(
                "downloads cannot be written down now; they are kept",
                metadata: [
                    "versions": .stringConvertible(services.pulls.pendingCount),
                    "error": "\(error)",
                ])
        }
    }
}
