import Registry

/// Reads a tape archive from its beginning to its end, as it is or compressed, with libarchive on a
/// thread of its own.
struct TarArchive: Sendable {
    private let blob: any BlobReader
    private let limits: ArchiveLimits

    init(_ blob: any BlobReader, _ limits: ArchiveLimits) {
        self.blob = blob
        self.limits = limits
    }

    func read(
        where isWanted: @escaping @Sendable (String) -> Bool
    ) async throws(RegistryError) -> ArchiveContents {
        let limits = limits
        return try await BlockingBlob<ArchiveContents>.run(blob) { (blob) throws(RegistryError) in
            try LibArchive.readTape(blob, limits, where: isWanted)
        }
    }
}
