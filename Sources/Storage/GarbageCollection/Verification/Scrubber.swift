public import Logging
public import Registry

/// Reads all blobs slowly, one after the other, and puts aside or heals what is damaged.
///
/// How far it is stands in the database. One replica at a time has the scrub, so that the budget is
/// kept over all of them; when it ends or dies, another goes on from where it was.
///
/// *Source*: `docs/fsck.md`.
public struct Scrubber: Sendable {
    /// The least time from the begin of a pass to the begin of the next: a week.
    public static let passIntervalSeconds: Int64 = 7 * 86_400
    /// Blobs that are listed at once.
    static let pageLimitCount = 100
    /// The most files that the log names for a damaged blob.
    static let useLimitCount = 5

    /// What came of a turn.
    public enum Turn: Hashable, Sendable {
        /// Another replica has the scrub, or the last pass is not long ago.
        case idle
        /// Another replica took the scrub, because this one was silent for too long.
        case lost
        /// The pass is at its end.
        case ended(ScrubState)
    }

    private let metadata: any MetadataStore
    private let blobs: any RepairableBlobStore
    private let budget: ReadBudget
    private let clock: any RegistryClock
    private let owner: String
    private let logger: Logger

    /// A scrub of what `metadata` and `blobs` hold, which reads at most so many bytes a second.
    ///
    /// - Parameter owner: a name that no other replica has.
    public init(
        metadata: any MetadataStore, blobs: any RepairableBlobStore, bytesPerSecond: Int64?,
        owner: String, clock: any RegistryClock = SystemClock(), logger: Logger
    ) {
        self.metadata = metadata
        self.blobs = blobs
        budget = ReadBudget(bytesPerSecond: bytesPerSecond)
        self.owner = owner
        self.clock = clock
        self.logger = logger
    }

    /// Goes on with the scrub to the end of the pass, if it is this replica's to do.
    ///
    /// - Throws: what the database or the store throw when they cannot be used, and
    ///   `CancellationError`. How far it is was written down then, as far as that was possible.
    public func runTurn() async throws -> Turn {
        // A look that costs nothing, before a claim that is a transaction.
        guard isDue(try await metadata.read { try $0.findScrubState() }) else { return .idle }
        let (now, owner) = (clock.now(), owner)
        let end = now.advanced(bySeconds: ScrubPass.leaseSeconds)
        let claimed = try await metadata.write { tx in
            try tx.claimScrub(owner: owner, at: now, until: end)
        }
        guard let claimed else { return .idle }
        let isNew = claimed.cursor == nil
        let pass = ScrubPass(
            isNew ? ScrubState(beganAt: now, endedAt: claimed.endedAt) : claimed,
            metadata: metadata, owner: owner, clock: clock)
        guard isDue(claimed) else {
            try await pass.release(claimed)
            return .idle
        }
        do {
            try await run(pass)
            return .ended(try await pass.end())
        } catch is ScrubPass.Lost {
            return .lost
        } catch {
            // Whoever comes next begins where this one stopped.
            let reached = pass.state
            try await pass.release(reached.cursor == nil ? claimed : reached)
            throw error
        }
    }

    private func isDue(_ state: ScrubState) -> Bool {
        guard state.cursor == nil, let beganAt = state.beganAt else { return true }
        return beganAt.advanced(bySeconds: Self.passIntervalSeconds) <= clock.now()
    }

    private func run(_ pass: ScrubPass) async throws {
        let verifier = BlobVerifier(
            metadata: metadata, blobs: blobs, reads: true,
            onRead: { [budget] bytes in
                try await budget.spend(bytes)
                try await pass.saveIfDue()
            })
        while true {
            let last = pass.state.cursor
            let page = try await metadata.read { tx in
                try tx.listBlobs(after: last, inProject: nil, limit: Self.pageLimitCount)
            }
            if page.isEmpty { return }
            for blob in page {
                try await budget.spend(ReadBudget.blobCostBytes)
                let damaged = try await verifier.confirmDamage(of: blob)
                if let damaged { try await settle(damaged) }
                pass.finish(blob, isDamaged: damaged != nil)
                try await pass.saveIfDue()
            }
        }
    }

    private func settle(_ damaged: DamagedBlob) async throws {
        let repair = BlobRepair(metadata: metadata, blobs: blobs, clock: clock)
        let digest = damaged.blob.digests.sha256
        let uses = try await repair.listUses(of: digest, limit: Self.useLimitCount)
        var details: Logger.Metadata = [
            "digest": "\(digest)", "storage_key": "\(damaged.blob.storageKey)",
            "problem": "\(damaged.damage.kind.rawValue)", "detail": "\(damaged.detail)",
            "named_by": .array(
                uses.map {
                    "\($0.project)/-/\($0.format)/\($0.package)/\($0.version)/\($0.path)"
                }),
        ]
        do {
            let outcome = try await repair.repair(damaged)
            details["repair"] = "\(outcome?.rawValue ?? "none")"
            logger.log(
                level: outcome == .healed || outcome == .corrected ? .warning : .error,
                outcome == .healed || outcome == .corrected
                    ? "a damaged blob was repaired"
                    : "a blob is damaged or lost; publishing the same content again heals it",
                metadata: details)
        } catch let error as RegistryError {
            // It is found again in the next pass, and by fsck.
            details["error"] = "\(error)"
            logger.error("a damaged blob could not be put aside", metadata: details)
        }
    }
}
