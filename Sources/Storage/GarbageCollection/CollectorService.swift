public import Logging
import Registry
public import ServiceLifecycle

/// Runs a collector for as long as the server runs, at a pace that leaves room for requests.
public struct CollectorService: Service {
    /// The wait after a pass that found nothing to do.
    public static let idleInterval = Duration.seconds(5)
    /// The share by which waits differ by chance, so that replicas do not work in step.
    static let jitterShare = 0.2

    private let collector: Collector
    private let worksPerSecond: Int
    private let logger: Logger

    /// - Parameter worksPerSecond: the most reviews and files that are worked on in a second.
    public init(collector: Collector, worksPerSecond: Int, logger: Logger) {
        self.collector = collector
        self.worksPerSecond = max(1, worksPerSecond)
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            // Cancellation is the way this loop ends.
            var wait = Duration.zero
            while (try? await Task.sleep(for: wait)) != nil {
                wait = await runPass()
            }
        }
    }

    /// - Returns: how long to wait before the next.
    private func runPass() async -> Duration {
        do throws(RegistryError) {
            let outcome = try await collector.runPass()
            guard outcome.workedCount > 0 else { return Self.jittered(Self.idleInterval) }
            logger.debug(
                "collected garbage",
                metadata: [
                    "blobs": .stringConvertible(outcome.collectedBlobCount),
                    "versions": .stringConvertible(outcome.collectedVersionCount),
                    "uploads": .stringConvertible(outcome.collectedUploadCount),
                    "bytes": .stringConvertible(outcome.collectedBytes),
                    "kept": .stringConvertible(outcome.keptCount),
                    "removed_files": .stringConvertible(outcome.removedFileCount),
                    "failed": .stringConvertible(outcome.failedCount),
                ])
            return .seconds(Double(outcome.workedCount) / Double(worksPerSecond))
        } catch {
            logger.warning(
                "the collector cannot work now; it tries again",
                metadata: ["error": "\(error)"])
            return Self.jittered(Self.idleInterval)
        }
    }

    static func jittered(_ duration: Duration) -> Duration {
        duration * (1 + Double.random(in: -jitterShare...jitterShare))
    }
}
