import Registry

/// What waits to be collected, and what was.
struct CollectionRow: OutputRow {
    static let headings = [
        "REVIEWS", "DUE", "OVERDUE", "OLDEST DUE", "FILES TO REMOVE", "BLOCKED", "UPLOADS",
        "LAST MINUTE", "LAST HOUR", "RECLAIMED, 24 H", "RECLAIMED", "WINDOW", "PAUSED",
        "SCRUB",
    ]

    let reviewCount: Int
    let dueCount: Int
    let overdueCount: Int
    let oldestDueAt: String?
    let unlinkCount: Int
    let unlinkBytes: Int64
    let blockedCount: Int
    let openUploadCount: Int
    let reviewsPerSecondLastMinute: Double
    let bytesPerSecondLastMinute: Double
    let reviewsPerSecondLastHour: Double
    let bytesPerSecondLastHour: Double
    let reclaimedBytesLastDay: Int64
    let reclaimedBytes: Int64
    let window: String?
    let pausedAt: String?
    let scrub: ScrubRow
    let blocked: [BlockedRow]

    init(_ summary: CollectionSummary, _ blocked: [BlockedRow]) {
        reviewCount = summary.reviewCount
        dueCount = summary.dueCount
        overdueCount = summary.overdueCount
        oldestDueAt = summary.oldestDueAt?.iso8601
        unlinkCount = summary.unlinkCount
        unlinkBytes = summary.unlinkBytes
        blockedCount = summary.blockedCount
        openUploadCount = summary.openUploadCount
        reviewsPerSecondLastMinute = summary.lastMinute.reviewsPerSecond
        bytesPerSecondLastMinute = summary.lastMinute.bytesPerSecond
        reviewsPerSecondLastHour = summary.lastHour.reviewsPerSecond
        bytesPerSecondLastHour = summary.lastHour.bytesPerSecond
        reclaimedBytesLastDay = summary.lastDay.reclaimedBytes
        reclaimedBytes = summary.total.reclaimedBytes
        window = summary.window
        pausedAt = summary.pausedAt?.iso8601
        scrub = ScrubRow(summary.scrub)
        self.blocked = blocked
    }

    var cells: [String] {
        [
            String(reviewCount), String(dueCount), String(overdueCount), oldestDueAt ?? "",
            "\(unlinkCount) (\(ByteCount(unlinkBytes)))", String(blockedCount),
            "\(openUploadCount) open",
            Self.rate(reviewsPerSecondLastMinute, bytesPerSecondLastMinute),
            Self.rate(reviewsPerSecondLastHour, bytesPerSecondLastHour),
            "\(ByteCount(reclaimedBytesLastDay))", "\(ByteCount(reclaimedBytes))",
            window.map { "\($0) UTC" } ?? "", pausedAt.map { "since \($0)" } ?? "no",
            scrub.summary,
        ]
    }

    /// `12.5 reviews/s, 3.1 MiB/s`
    private static func rate(_ reviews: Double, _ bytes: Double) -> String {
        let tenths = (reviews * 10).rounded() / 10
        return "\(tenths) reviews/s, \(ByteCount(Int64(bytes)))/s"
    }
}

/// How far the slow reading of all blobs is.
struct ScrubRow: Encodable {
    let running: Bool
    let beganAt: String?
    let endedAt: String?
    /// The storage key that was reached.
    let position: String?
    let checkedCount: Int64
    let checkedBytes: Int64
    let damagedCount: Int64

    init(_ state: ScrubState) {
        running = state.isRunning
        beganAt = state.beganAt?.iso8601
        endedAt = state.endedAt?.iso8601
        position = state.cursor?.description
        checkedCount = state.checkedCount
        checkedBytes = state.checkedBytes
        damagedCount = state.findingCount
    }

    /// `reading since 2027-01-15T08:00:00.000Z, at sha256/3f/a0: 812 blobs, 4.2 GiB, 0 damaged`
    var summary: String {
        guard let beganAt else { return "not yet" }
        // The rest of the key says nothing about how far it is.
        let place = (position ?? "").split(separator: "/").prefix(3).joined(separator: "/")
        let state =
            running ? "reading since \(beganAt), at \(place)" : "ended \(endedAt ?? beganAt)"
        return "\(state): \(checkedCount) blobs, \(ByteCount(checkedBytes)), "
            + "\(damagedCount) damaged"
    }
}

/// A review or a removal that failed.
struct BlockedRow: OutputRow {
    static let headings = ["BLOCKED", "ASKED BY", "ATTEMPTS", "NEXT TRY", "REASON"]

    let kind: String
    let name: String
    let event: String?
    let attempts: Int
    let nextTryAt: String
    let failure: String

    init(_ work: BlockedWork) {
        kind = work.kind
        name = work.name
        event = work.event
        attempts = work.attemptCount
        nextTryAt = work.nextTryAt.iso8601
        failure = work.failure
    }

    var cells: [String] {
        ["\(kind) \(name)", event ?? "-", String(attempts), nextTryAt, failure]
    }
}

/// What a run of the collector did.
struct CollectedRow: OutputRow {
    static let headings = ["BLOBS", "VERSIONS", "UPLOADS", "FILES REMOVED", "RECLAIMED", "FAILED"]

    let blobCount: Int
    let versionCount: Int
    let uploadCount: Int
    let removedFileCount: Int
    let bytes: Int64
    let failedCount: Int

    init(_ outcome: CollectionOutcome) {
        blobCount = outcome.collectedBlobCount
        versionCount = outcome.collectedVersionCount
        uploadCount = outcome.collectedUploadCount
        removedFileCount = outcome.removedFileCount
        bytes = outcome.reclaimedBytes
        failedCount = outcome.failedCount
    }

    var cells: [String] {
        [
            String(blobCount), String(versionCount), String(uploadCount),
            String(removedFileCount), "\(ByteCount(bytes))", String(failedCount),
        ]
    }
}

/// What a run of the collector would do.
struct EstimateRow: OutputRow {
    static let headings = ["BLOBS", "VERSIONS", "UPLOADS", "FILES TO REMOVE", "TO RECLAIM"]

    let blobCount: Int
    let versionCount: Int
    /// Whether more versions would go than were counted.
    let hasMoreVersions: Bool
    let uploadCount: Int
    let fileCount: Int
    let bytes: Int64

    init(_ estimate: CollectionEstimate) {
        blobCount = estimate.blobCount
        versionCount = estimate.versionCount
        hasMoreVersions = estimate.hasMoreVersions
        uploadCount = estimate.uploadCount
        fileCount = estimate.fileCount
        bytes = estimate.bytes
    }

    var cells: [String] {
        [
            String(blobCount), "\(hasMoreVersions ? "at least " : "")\(versionCount)",
            String(uploadCount), String(fileCount),
            "\(ByteCount(bytes))",
        ]
    }
}
