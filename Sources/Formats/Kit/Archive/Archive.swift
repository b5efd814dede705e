public import Registry

/// An archive that lies in the blob store, to be looked into and never unpacked to a disk.
///
/// Everything is looked at, and only what is asked for is read: an archive is refused that has links
/// or devices, names that lead out of it or come twice, or that is beyond a limit. Memory stays
/// constant, whatever the size of the archive.
public struct Archive: Sendable {
    /// The kinds of archives.
    public enum Kind: String, Sendable, CaseIterable {
        /// Entries that are stored or deflated.
        case zip
        /// A tape archive, as it is or compressed by gzip, bzip2 or xz.
        case tar
    }

    private let blob: any BlobReader
    private let kind: Kind
    private let limits: ArchiveLimits

    /// The archive of this kind that `blob` holds.
    public init(_ blob: any BlobReader, kind: Kind, limits: ArchiveLimits = ArchiveLimits()) {
        self.blob = blob
        self.kind = kind
        self.limits = limits
    }

    /// Goes through the archive, and reads the files whose names `isWanted` says yes to.
    ///
    /// - Throws: `malformed` with reason `archive_invalid` for an archive that is damaged or could be
    ///   read in two ways, and `archive_limit` for one beyond a limit; and what the blob throws.
    public func read(
        where isWanted: @escaping @Sendable (_ name: String) -> Bool
    ) async throws(RegistryError) -> ArchiveContents {
        switch kind {
        case .zip:
            try await ZipArchive(blob, limits).read(where: isWanted)
        case .tar:
            try await TarArchive(blob, limits).read(where: isWanted)
        }
    }
}
