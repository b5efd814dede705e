/// A row of `version_pulls`: how often a version was downloaded, and when last.
public struct PullRecord: Hashable, Sendable {
    public var count: Int64
    public var lastAt: Timestamp

    public init(count: Int64, lastAt: Timestamp) {
        self.count = count
        self.lastAt = lastAt
    }

    /// Adds downloads of the same version.
    public mutating func add(_ other: PullRecord) {
        count += other.count
        lastAt = max(lastAt, other.lastAt)
    }
}

/// Queries on `version_pulls`.
public protocol PullReading {
    /// Of these versions, those that were ever downloaded.
    func listPulls(versionIDs: [Int64]) throws -> [Int64: PullRecord]
}

/// Changes of `version_pulls`, which stands apart from `versions` so that counting waits for no
/// publish, and no publish for it.
public protocol PullWriting: PullReading {
    /// Adds downloads to those that were counted before, here or elsewhere; versions that are gone are
    /// left out. The collector counts the period of a version that nothing refers to from the last.
    ///
    /// - Throws: `conflict` when a version goes just now.
    func addPulls(_ pulls: [Int64: PullRecord]) throws
}
