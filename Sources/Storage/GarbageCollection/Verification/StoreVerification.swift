public import Registry

/// Compares every row with its bytes, all bytes with their rows, and rows with each other, while
/// servers run; and puts right what it can, if it is asked to.
///
/// Memory is constant: rows and files come in pages. What is found is looked at again before it
/// counts, because it may have been collected, replaced or published meanwhile.
///
/// *Source*: `docs/fsck.md`.
public struct StoreVerification: Sendable {
    /// What is asked for.
    public struct Options: Sendable {
        /// Whether the bytes are read; else only their number is looked at.
        public var reads = true
        /// Whether what is wrong is put right.
        public var repairs = false
        /// Only blobs that files of this project name, and its packages.
        public var projectID: Int64?
        /// Only these blobs.
        public var digests: [Digest] = []
        /// Blobs that are read at once.
        public var parallelCount = 4
        /// Bytes a second that are read; `nil` for as many as can be.
        public var bytesPerSecond: Int64?
        /// Bytes without a row are left alone that were written in so many seconds before.
        public var graceSeconds: Int64

        public init(graceSeconds: Int64) {
            self.graceSeconds = graceSeconds
        }

        /// Whether everything is looked at.
        var isWhole: Bool { projectID == nil && digests.isEmpty }
    }

    /// What was looked at, and what came of it.
    public struct Summary: Hashable, Sendable {
        public internal(set) var blobCount = 0
        /// Bytes of those blobs.
        public internal(set) var blobBytes: Int64 = 0
        /// Blobs and uploads in the store that are old enough to need a row.
        public internal(set) var storedCount = 0
        public internal(set) var packageCount = 0
        public internal(set) var findingCount = 0
        /// Findings that were put right.
        public internal(set) var settledCount = 0

        /// Findings that are still there.
        public var remainingCount: Int { findingCount - settledCount }
    }

    /// Rows that are read at once.
    static let pageLimitCount = 500
    /// Packages whose sizes are counted in one transaction.
    static let packagePageLimitCount = 50
    /// The most rows of one kind that are reported in one go.
    static let rowProblemLimitCount = 1000

    let metadata: any MetadataStore
    let blobs: any RepairableBlobStore
    let options: Options
    let clock: any RegistryClock
    let observer: any VerificationObserver
    let repair: BlobRepair
    let verifier: BlobVerifier
    let budget: ReadBudget

    /// A verification of what `metadata` and `blobs` hold.
    public init(
        metadata: any MetadataStore, blobs: any RepairableBlobStore, options: Options,
        clock: any RegistryClock = SystemClock(), observer: any VerificationObserver
    ) {
        self.metadata = metadata
        self.blobs = blobs
        self.options = options
        self.clock = clock
        self.observer = observer
        let budget = ReadBudget(bytesPerSecond: options.bytesPerSecond)
        self.budget = budget
        repair = BlobRepair(metadata: metadata, blobs: blobs, clock: clock)
        verifier = BlobVerifier(
            metadata: metadata, blobs: blobs, reads: options.reads,
            onRead: { bytes in
                observer.read(bytes)
                try await budget.spend(bytes)
            })
    }

    /// Looks at everything that is asked for, once.
    ///
    /// - Throws: what the database or the store throw when they cannot be used, what the observer
    ///   throws, and `notFound` for a digest that there is no blob of.
    public func run() async throws -> Summary {
        var summary = Summary()
        try await verifyBlobs(&summary)
        if options.isWhole { try await verifyStore(&summary) }
        if options.digests.isEmpty { try await verifyRows(&summary) }
        return summary
    }

    func report(_ finding: Finding, _ summary: inout Summary) async throws {
        summary.findingCount += 1
        if finding.isSettled { summary.settledCount += 1 }
        try await observer.report(finding)
    }

    // MARK: Blobs

    private func verifyBlobs(_ summary: inout Summary) async throws {
        let projectID = options.projectID
        guard options.digests.isEmpty else { return try await verifyChosenBlobs(&summary) }
        let total = try await metadata.read { try $0.measureBlobs(inProject: projectID) }
        observer.begin(.blobs, count: total.count, bytes: options.reads ? total.bytes : 0)
        var last: StorageKey?
        while true {
            let previous = last
            let page = try await metadata.read { tx in
                try tx.listBlobs(
                    after: previous, inProject: projectID, limit: Self.pageLimitCount)
            }
            guard let end = page.last else { return }
            try await verify(page, &summary)
            last = end.storageKey
        }
    }

    private func verifyChosenBlobs(_ summary: inout Summary) async throws {
        let digests = options.digests
        let found = try await metadata.read { try $0.findBlobs(digests) }
        let chosen = try digests.map { digest in
            guard let blob = found[digest] else {
                throw RegistryError(.notFound, "there is no blob \(digest)")
            }
            return blob
        }
        let bytes = options.reads ? chosen.reduce(0) { $0 + $1.size } : 0
        observer.begin(.blobs, count: Int64(chosen.count), bytes: bytes)
        try await verify(chosen, &summary)
    }

    private func verify(_ page: [BlobRecord], _ summary: inout Summary) async throws {
        let damaged = try await withThrowingTaskGroup(of: DamagedBlob?.self) { group in
            var rest = page[...]
            var damaged: [DamagedBlob] = []
            for blob in rest.prefix(options.parallelCount) {
                group.addTask { try await verifier.confirmDamage(of: blob) }
            }
            rest = rest.dropFirst(options.parallelCount)
            while let found = try await group.next() {
                observer.finish(1)
                if let found { damaged.append(found) }
                if let blob = rest.popFirst() {
                    group.addTask { try await verifier.confirmDamage(of: blob) }
                }
            }
            return damaged
        }
        summary.blobCount += page.count
        summary.blobBytes += page.reduce(0) { $0 + $1.size }
        for blob in damaged { try await settle(blob, &summary) }
    }

    private func settle(_ damaged: DamagedBlob, _ summary: inout Summary) async throws {
        let digest = damaged.blob.digests.sha256
        var finding = Finding(damaged.damage.kind, damaged.detail)
        finding.digest = digest.description
        finding.storageKey = damaged.blob.storageKey.description
        finding.uses = try await repair.listUses(of: digest)
        if options.repairs {
            do {
                finding.repair = try await repair.repair(damaged)
            } catch let error as RegistryError {
                finding.failure = error.description
            }
        }
        try await report(finding, &summary)
    }
}
