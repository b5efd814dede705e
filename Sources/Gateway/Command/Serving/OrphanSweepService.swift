import BlobStorage
import Logging
import Registry
import ServiceLifecycle

/// Looks for bytes that no row names, soon after the start and then from time to time.
struct OrphanSweepService: Service {
    /// The longest wait before the first pass, in seconds; by chance, so that replicas that start
    /// together do not sweep together.
    static let firstDelayLimitSeconds = 30.0
    /// How far a wait may differ from the interval, as a share of it.
    static let jitterShare = 0.1

    let sweeper: OrphanSweeper
    let intervalSeconds: Int
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var delay = Double.random(in: 0...Self.firstDelayLimitSeconds)
            // Cancellation is the way this loop ends.
            while (try? await Task.sleep(for: .seconds(delay))) != nil {
                await sweep()
                let jitter = Double.random(in: -Self.jitterShare...Self.jitterShare)
                delay = Double(intervalSeconds) * (1 + jitter)
            }
        }
    }

    private func sweep() async {
        do throws(RegistryError) {
            let outcome = try await sweeper.sweep()
            logger.log(
                level: outcome.failedCount > 0 ? .warning : .info,
                "searched the blob store for orphans",
                metadata: [
                    "examined": .stringConvertible(outcome.examinedCount),
                    "removed_blobs": .stringConvertible(outcome.removedBlobCount),
                    "removed_uploads": .stringConvertible(outcome.removedUploadCount),
                    "removed_bytes": .stringConvertible(outcome.removedBytes),
                    "failed": .stringConvertible(outcome.failedCount),
                ])
        } catch {
            logger.warning(
                "the search for orphans stopped; the next one goes on",
                metadata: ["error": "\(error)"])
        }
    }
}
