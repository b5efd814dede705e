import Registry

/// What an archive may have at most, so that reading one cannot use up memory or time: the limits
/// against bombs.
public struct ArchiveLimits: Hashable, Sendable {
    /// The most entries, folders included.
    public var entryCount = 200_000
    /// The largest entry that is read into memory, in bytes.
    public var entryBytes = 16 << 20
    /// All entries together that are read into memory, in bytes.
    public var readBytes = 32 << 20
    /// Bytes of all entries when they are unpacked: 64 GiB.
    public var expandedBytes: Int64 = 64 << 30
    /// How many times its own size an archive may have when it is unpacked.
    public var expansionRatio: Int64 = 250
    /// Bytes up to which the ratio is not looked at, since a small archive may well be of zeros.
    public var expansionFloorBytes: Int64 = 64 << 20
    /// The longest name of an entry, in bytes.
    public var nameBytes = 4096

    public init() {}

    /// - Throws: `malformed` with reason `archive_limit` when an archive of `archiveBytes` may not
    ///   become this large.
    func check(expandedBytes: Int64, of archiveBytes: Int64) throws(RegistryError) {
        guard expandedBytes <= self.expandedBytes else {
            throw RegistryError.archiveLimit(
                "it unpacks to more than \(self.expandedBytes) bytes")
        }
        let (most, isOver) = max(1, archiveBytes).multipliedReportingOverflow(by: expansionRatio)
        guard isOver || expandedBytes <= max(most, expansionFloorBytes) else {
            throw RegistryError.archiveLimit(
                "it unpacks to more than \(expansionRatio) times its size")
        }
    }

    func check(entryCount: Int) throws(RegistryError) {
        guard entryCount <= self.entryCount else {
            throw RegistryError.archiveLimit("it has more than \(self.entryCount) entries")
        }
    }

    func check(entryBytes: Int64, read: Int, of name: String) throws(RegistryError) {
        guard entryBytes <= Int64(self.entryBytes), Int64(read) + entryBytes <= readBytes else {
            throw RegistryError.archiveLimit("'\(name)' has more than \(self.entryBytes) bytes")
        }
    }
}

extension RegistryError {
    /// The refusal of an archive that is damaged or made to be read in two ways.
    static func archive(_ what: String, cause: (any Error)? = nil) -> RegistryError {
        RegistryError(
            .malformed, "the archive is refused: \(what)", reason: "archive_invalid", cause: cause)
    }

    /// The refusal of an archive that is beyond a limit.
    static func archiveLimit(_ what: String) -> RegistryError {
        RegistryError(.malformed, "the archive is refused: \(what)", reason: "archive_limit")
    }
}
