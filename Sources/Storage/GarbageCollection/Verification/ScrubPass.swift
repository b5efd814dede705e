import Registry
import Synchronization

/// How far this replica is with the scrub, and its claim to it.
final class ScrubPass: Sendable {
    /// How long the scrub belongs to a replica that says nothing.
    static let leaseSeconds: Int64 = 120
    /// How often a replica writes down how far it is. Each time costs a transaction, and makes every
    /// replica forget what it remembered of rows.
    static let saveInterval = Duration.seconds(30)

    /// Somebody else has the scrub now.
    struct Lost: Error {}

    private struct Progress {
        var state: ScrubState
        var savedAt = ContinuousClock.now
    }

    private let progress: Mutex<Progress>
    private let metadata: any MetadataStore
    private let owner: String
    private let clock: any RegistryClock

    /// A pass that is at `state`, and was claimed just now.
    init(
        _ state: ScrubState, metadata: any MetadataStore, owner: String, clock: any RegistryClock
    ) {
        progress = Mutex(Progress(state: state))
        self.metadata = metadata
        self.owner = owner
        self.clock = clock
    }

    /// How far it is.
    var state: ScrubState { progress.withLock { $0.state } }

    /// A blob was looked at.
    func finish(_ blob: BlobRecord, isDamaged: Bool) {
        progress.withLock { progress in
            progress.state.cursor = blob.storageKey
            progress.state.checkedCount += 1
            progress.state.checkedBytes += blob.size
            if isDamaged { progress.state.findingCount += 1 }
        }
    }

    /// Writes down how far it is, and keeps the scrub, if that was not done lately.
    ///
    /// - Throws: `Lost`.
    func saveIfDue() async throws {
        let state: ScrubState? = progress.withLock { progress in
            let now = ContinuousClock.now
            guard now - progress.savedAt >= Self.saveInterval else { return nil }
            progress.savedAt = now
            return progress.state
        }
        guard let state else { return }
        let end = clock.now().advanced(bySeconds: Self.leaseSeconds)
        let owner = owner
        guard
            try await metadata.write({ tx in
                try tx.saveScrub(state, owner: owner, until: end)
            })
        else { throw Lost() }
    }

    /// Writes down that every blob was looked at.
    ///
    /// - Throws: `Lost`.
    func end() async throws -> ScrubState {
        var ended = state
        (ended.cursor, ended.endedAt) = (nil, clock.now())
        guard try await release(ended) else { throw Lost() }
        return ended
    }

    /// Leaves the scrub to others, who find it at `state`.
    ///
    /// - Returns: whether it was this replica's to leave.
    @discardableResult
    func release(_ state: ScrubState) async throws -> Bool {
        let owner = owner
        return try await metadata.write { tx in
            try tx.saveScrub(state, owner: owner, until: nil)
        }
    }
}
