import FormatKit
import Registry
import TestSupport
import Testing

/// Archives in memory, and what comes of reading them.
enum ArchiveBench {
    /// Reads the files with these names; all of them unless told.
    static func read(
        _ bytes: [UInt8], _ kind: Archive.Kind, only names: Set<String>? = nil,
        limits: ArchiveLimits = ArchiveLimits()
    ) async throws -> ArchiveContents {
        let blobs = InMemoryBlobs()
        let blob = blobs.store(bytes, hashes: [])
        return try await Archive(try blobs.open(blob.key), kind: kind, limits: limits)
            .read { name in names?.contains(name) ?? true }
    }

    /// The refusal of an archive.
    static func refusal(
        _ bytes: [UInt8], _ kind: Archive.Kind, limits: ArchiveLimits = ArchiveLimits(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> RegistryError {
        let error = await #expect(
            throws: RegistryError.self, sourceLocation: sourceLocation
        ) {
            _ = try await read(bytes, kind, limits: limits)
        }
        return try #require(error, sourceLocation: sourceLocation)
    }
}

extension ArchiveContents {
    /// The texts of its files by their names.
    var texts: [String: String] {
        Dictionary(
            uniqueKeysWithValues: files.map { ($0.name, String(decoding: $0.bytes, as: UTF8.self)) }
        )
    }
}
