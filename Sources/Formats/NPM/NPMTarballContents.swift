import FormatKit
import Registry

/// What a tarball was found to have, once it lies in the store.
struct NPMTarballContents: Sendable {
    let fileCount: Int64
    /// Bytes of all files when they are unpacked.
    let unpackedSize: Int64

    /// The largest `package.json`, in bytes: 4 MiB.
    private static let manifestLimitBytes = 4 << 20

    /// Looks into the tarball, and makes sure that the `package.json` in it is that of `release`.
    ///
    /// - Throws: `malformed` when it is no tarball, has no `package.json`, or that of another.
    init(
        of tarball: any BlobReader, expecting release: NPMRelease
    ) async throws(RegistryError) {
        var limits = ArchiveLimits()
        limits.entryBytes = Self.manifestLimitBytes
        let contents = try await Archive(tarball, kind: .tar, limits: limits).read { name in
            Self.isManifest(name)
        }
        guard contents.files.count == 1, let file = contents.files.first else {
            throw Self.refusal(
                contents.files.isEmpty
                    ? "the tarball has no package.json in its first folder"
                    : "the tarball has more than one folder with a package.json")
        }
        let found = try Self.read(file.bytes)
        guard found.name == release.name.description,
            found.version.map(NPMVersion.clean) == release.version
        else {
            throw Self.refusal(
                "the package.json in the tarball is that of "
                    + "\(found.name ?? "?")@\(found.version ?? "?"), and "
                    + "\(release.name)@\(release.version) is published")
        }
        fileCount = Int64(contents.entryCount)
        unpackedSize = contents.expandedBytes
    }

    /// Whether this is `package.json` in the folder that clients strip: mostly `package/`.
    private static func isManifest(_ name: String) -> Bool {
        let segments = name.split(separator: "/", omittingEmptySubsequences: false)
        return segments.count == 2 && segments[1] == "package.json"
    }

    private static func read(
        _ bytes: [UInt8]
    ) throws(RegistryError) -> (name: String?, version: String?) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var scanner = JSONScanner(bytes.starts(with: mark) ? Array(bytes.dropFirst(3)) : bytes)
        var found: (name: String?, version: String?) = (nil, nil)
        do throws(RegistryError) {
            try scanner.readObject { (member, scanner) throws(RegistryError) in
                switch member {
                case "name": found.name = try scanner.findString()
                case "version": found.version = try scanner.findString()
                default: try scanner.skip()
                }
            }
            try scanner.finish()
        } catch {
            throw Self.refusal("the package.json in the tarball cannot be read: \(error.message)")
        }
        return found
    }

    private static func refusal(_ what: String) -> RegistryError {
        RegistryError(.malformed, what, reason: "tarball_invalid")
    }
}
