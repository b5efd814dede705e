import FormatKit
import HTTPTypes
import Registry

/// Calls on the collector of garbage, for administrators.
enum CollectorEndpoints {
    static let all: [ManagementEndpoint] = [
        ManagementEndpoint(
            .get, "admin/gc", "gc.status",
            "Show what waits to be collected, what was, and what fails.",
            success: .one(CollectionView.entity.one), access: asking(.monitorInstance),
            handler: show),
        ManagementEndpoint(
            .post, "admin/gc/run", "gc.run",
            "Collect what is due, at any hour; or say what that would free.",
            parameters: [
                .optional(
                    "dry_run", .boolean,
                    "Whether to delete nothing, and say what would go and how many bytes that "
                        + "would free."),
                .optional(
                    "limit_seconds", .integer(1...runLimitSeconds),
                    "How long the call may take: 30 unless given. What is left then is left to "
                        + "the next call, or to the servers."),
            ],
            success: .one(CollectionRunView.entity.one),
            failures: [.conflict], access: asking(.administerInstance), handler: run),
        ManagementEndpoint(
            .post, "admin/gc/pause", "gc.pause",
            "Hold the collector back, on every server, until it is resumed.",
            success: .one(CollectionView.entity.one), access: asking(.administerInstance),
            handler: { call async throws(RegistryError) in try await setPaused(true, call) }),
        ManagementEndpoint(
            .post, "admin/gc/resume", "gc.resume", "Let the collector go on.",
            success: .one(CollectionView.entity.one), access: asking(.administerInstance),
            handler: { call async throws(RegistryError) in try await setPaused(false, call) }),
    ]

    /// The longest that one call may run the collector, in seconds.
    private static let runLimitSeconds: Int64 = 300
    /// The same for a call that does not say, in seconds.
    private static let runSeconds: Int64 = 30
    /// The most failures that the status lists.
    private static let blockedLimitCount = 100

    // MARK: Calls

    @Sendable
    private static func show(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let now = call.now
        let view = try await call.read { tx in
            CollectionView(
                summary: try tx.summarizeCollection(at: now),
                blocked: try tx.listBlockedWork(limit: blockedLimitCount))
        }
        return call.answer(CollectionView.entity.json(view))
    }

    @Sendable
    private static func run(
        _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        if call.arguments.findFlag("dry_run") == true {
            let estimate = try await call.api.collector.estimate()
            let view = CollectionRunView(
                estimate: estimate, failedCount: 0, isFinished: false, isDryRun: true)
            return call.answer(CollectionRunView.entity.json(view))
        }
        // It is in the audit that somebody began it, whatever comes of it.
        try await call.change("gc.run") { tx in
            guard try !tx.isCollectionPaused() else {
                throw RegistryError(.conflict, "the collector is paused; resume it first")
            }
            return Change((), subject: "collector", in: nil)
        }
        let seconds = call.arguments.findInteger("limit_seconds") ?? runSeconds
        let result = try await call.api.collector.run(for: .seconds(seconds))
        let view = CollectionRunView(
            estimate: CollectionEstimate(result.outcome),
            failedCount: result.outcome.failedCount, isFinished: result.isFinished,
            isDryRun: false)
        return call.answer(CollectionRunView.entity.json(view))
    }

    private static func setPaused(
        _ isPaused: Bool, _ call: ManagementCall
    ) async throws(RegistryError) -> FormatResponse {
        let now = call.now
        try await call.change(isPaused ? "gc.pause" : "gc.resume") { tx in
            let wasPaused = try tx.isCollectionPaused()
            if wasPaused != isPaused { try tx.setCollectionPaused(isPaused ? now : nil) }
            return Change((), subject: "collector", in: nil, happened: wasPaused != isPaused)
        }
        return try await show(call)
    }
}
