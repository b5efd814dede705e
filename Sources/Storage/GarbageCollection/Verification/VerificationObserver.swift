/// Hears how far a verification is, and what it finds.
public protocol VerificationObserver: Sendable {
    /// A part of the work begins: so many things, and of blobs that are read, so many bytes.
    func begin(_ phase: VerificationPhase, count: Int64, bytes: Int64)
    /// Bytes were read.
    func read(_ bytes: Int64)
    /// So many things were looked at.
    func finish(_ count: Int)
    /// Something is wrong, or was. One at a time.
    func report(_ finding: Finding) async throws
}

/// The parts of a verification, in their order.
public enum VerificationPhase: String, Hashable, Sendable, CaseIterable {
    /// Every row of `blobs` against its bytes.
    case blobs
    /// Everything in the blob store against its row.
    case files
    /// Sizes of packages, and rows against each other.
    case rows
}
