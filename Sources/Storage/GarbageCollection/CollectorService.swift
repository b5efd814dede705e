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
    private let pace: CollectionPace
    private let window: CollectionWindow?
    private let logger: Logger

    /// - Parameters:
    ///   - worksPerSecond: the most things that are looked at in a second.
    ///   - window: the hours in which it works; `nil` for all.
    public init(
        collector: Collector, worksPerSecond: Int, window: CollectionWindow? = nil, logger: Logger
    ) {
        self.init(
            collector: collector, pace: CollectionPace(worksPerSecond: worksPerSecond),
            window: window, logger: logger)
    }

    init(
        collector: Collector, pace: CollectionPace, window: CollectionWindow? = nil, logger: Logger
    ) {
        self.collector = collector
        self.pace = pace
        self.window = window
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await announceWindow()
            // Cancellation is the way this loop ends.
            var wait = Duration.zero
            while (try? await Task.sleep(for: wait)) != nil {
                wait = await work()
            }
        }
    }

    /// Lets people see the hours who look from elsewhere.
    private func announceWindow() async {
        let window = window?.description
        do throws(RegistryError) {
            try await collector.metadata.write { try $0.setCollectionWindow(window) }
        } catch {
            logger.warning(
                "the hours of the collector cannot be shown", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: how long to wait before the next.
    func work() async -> Duration {
        if let window, !window.contains(collector.clock.now()) {
            return Self.jittered(Self.idleInterval)
        }
        do throws(RegistryError) {
            let outcome = try await collector.runPass(pace: pace)
            return outcome.workedCount > 0 ? .zero : Self.jittered(Self.idleInterval)
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
