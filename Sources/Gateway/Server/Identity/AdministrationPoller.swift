import Logging
import Registry
public import ServiceLifecycle

/// Keeps an `AdministrationCache` up to date for as long as the server runs.
public struct AdministrationPoller: Service {
    /// Polls between two writes of when tokens were last used: every ten seconds.
    static let flushEveryPolls = 20

    let cache: AdministrationCache
    let logger: Logger

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var polls = 0
            while !Task.isCancelled {
                await poll(flush: polls % Self.flushEveryPolls == Self.flushEveryPolls - 1)
                polls += 1
                guard (try? await Task.sleep(for: AdministrationCache.pollInterval)) != nil else {
                    break
                }
            }
        }
        await poll(flush: true)
    }

    private func poll(flush: Bool) async {
        do throws(RegistryError) {
            try await cache.refresh()
            if flush { try await cache.flushTokenUses() }
        } catch {
            // Nothing that is remembered is used until a poll succeeds; requests ask the database
            // themselves and tell their clients when it is gone.
            logger.warning(
                "the administration epoch cannot be read", metadata: ["error": "\(error)"])
        }
    }
}
