public import Logging
import Registry
public import ServiceLifecycle

/// Runs the scrub for as long as the server runs.
public struct ScrubService: Service {
    /// The longest wait before the first turn, in seconds; by chance, so that replicas that start
    /// together do not ask together.
    static let firstDelayLimitSeconds = 30.0
    /// The wait after a turn that found nothing to do, or failed, in seconds, give or take a fifth.
    static let idleSeconds = 60.0

    private let scrubber: Scrubber
    private let logger: Logger

    public init(scrubber: Scrubber, logger: Logger) {
        self.scrubber = scrubber
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var delay = Double.random(in: 0...Self.firstDelayLimitSeconds)
            // Cancellation is the way this loop ends.
            while (try? await Task.sleep(for: .seconds(delay))) != nil {
                await runTurn()
                delay = Self.idleSeconds * Double.random(in: 0.8...1.2)
            }
        }
    }

    private func runTurn() async {
        do {
            switch try await scrubber.runTurn() {
            case .idle: break
            case .lost: logger.info("another replica went on with the scrub")
            case .ended(let state):
                logger.log(
                    level: state.findingCount > 0 ? .warning : .info,
                    "every blob was read and compared with its digest",
                    metadata: [
                        "blobs": .stringConvertible(state.checkedCount),
                        "bytes": .stringConvertible(state.checkedBytes),
                        "damaged": .stringConvertible(state.findingCount),
                        "began_at": "\(state.beganAt?.iso8601 ?? "")",
                    ])
            }
        } catch is CancellationError {
            // The server ends; the next one goes on.
        } catch {
            logger.warning(
                "the scrub cannot go on now; it tries again", metadata: ["error": "\(error)"])
        }
    }
}
