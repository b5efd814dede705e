import Foundation
import Glibc
import OCIFormat
import Registry

/// What a registry of the CNCF's distribution keeps on disk. Only ever read. Blocks.
///
///     <root>/blobs/sha256/ab/<hex>/data
///     <root>/repositories/<name>/_layers/sha256/<hex>/link
///     <root>/repositories/<name>/_manifests/revisions/sha256/<hex>/link
///     <root>/repositories/<name>/_manifests/tags/<tag>/current/link
///
/// A link holds a digest, as `sha256:<hex>`.
///
/// *Source*: distribution, `registry/storage/paths.go`.
struct DistributionFolder: Sendable {
    /// The longest link that is read, in bytes; a digest is shorter.
    private static let linkLimitBytes = 256

    /// The folder with `blobs` and `repositories`.
    let root: String

    /// The registry at `path`: its root as the registry is configured with it, or the folder
    /// `docker/registry/v2` in that, or one between the two.
    ///
    /// - Throws: `CommandError` when there is none.
    init(_ path: String) throws {
        let root = ["", "/v2", "/registry/v2", "/docker/registry/v2"].map { path + $0 }
            .first { Self.isFolder("\($0)/repositories") && Self.isFolder("\($0)/blobs") }
        guard let root else {
            throw CommandError(
                "\(path) is not the folder of a distribution registry: there is no "
                    + "docker/registry/v2/repositories in it that this user may read")
        }
        self.root = root
    }

    /// The names of all repositories, in bytewise order.
    func listRepositories() throws -> [String] {
        var found: [String] = []
        var folders = [""]
        while let name = folders.popLast() {
            for entry in try Self.list("\(root)/repositories/\(name)") {
                let child = name.isEmpty ? entry : "\(name)/\(entry)"
                if entry == "_manifests" {
                    found.append(name)
                } else if !entry.hasPrefix("_"), child.utf8.count <= OCIRepositoryName.limitBytes,
                    Self.isFolder("\(root)/repositories/\(child)")
                {
                    folders.append(child)
                }
            }
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The names of a repository's tags, in bytewise order.
    func listTags(of repository: String) throws -> [String] {
        try Self.list("\(root)/repositories/\(repository)/_manifests/tags")
    }

    /// The digests of the manifests that were pushed to a repository, deleted ones too.
    func listRevisions(of repository: String) throws -> [Digest] {
        let folder = "\(root)/repositories/\(repository)/_manifests/revisions"
        return try Self.list(folder).flatMap { algorithm in
            try Self.list("\(folder)/\(algorithm)").compactMap { hex in
                try? Digest(parsing: "\(algorithm):\(hex)")
            }
        }
    }

    /// What a tag names, or `nil` when there is no such tag.
    ///
    /// - Throws: `malformed` when its link is damaged.
    func findTag(_ tag: String, of repository: String) throws(RegistryError) -> Digest? {
        try readLink("repositories/\(repository)/_manifests/tags/\(tag)/current")
    }

    /// Whether a repository has this manifest: deleting it removes its link alone.
    ///
    /// - Throws: `malformed` when its link is damaged.
    func hasRevision(_ digest: Digest, of repository: String) throws(RegistryError) -> Bool {
        try readLink(
            "repositories/\(repository)/_manifests/revisions/\(digest.algorithm)/\(digest.hex)")
            == digest
    }

    /// The digest under which the bytes of a repository's blob are kept: another one than its own
    /// when a client chose another algorithm. `nil` when the repository does not have it.
    ///
    /// - Throws: `malformed` when its link is damaged.
    func findLayer(_ digest: Digest, of repository: String) throws(RegistryError) -> Digest? {
        try readLink("repositories/\(repository)/_layers/\(digest.algorithm)/\(digest.hex)")
    }

    /// The file with the bytes of this digest.
    func path(of digest: Digest) -> String {
        "\(root)/blobs/\(digest.algorithm)/\(digest.hex.prefix(2))/\(digest.hex)/data"
    }

    /// Bytes of that file; `nil` when there is none.
    func size(of digest: Digest) -> Int64? {
        var status = stat()
        guard lstat(path(of: digest), &status) == 0, status.st_mode & S_IFMT == S_IFREG
        else { return nil }
        return Int64(status.st_size)
    }

    /// The number of the file system that the registry is in.
    var fileSystem: dev_t? { Self.fileSystem(of: root) }

    /// The number of the file system that `path` is in, or would be.
    static func fileSystem(of path: String) -> dev_t? {
        var status = stat()
        var url = URL(fileURLWithPath: path).standardizedFileURL
        while stat(url.path, &status) != 0 {
            guard url.path != "/" else { return nil }
            url.deleteLastPathComponent()
        }
        return status.st_dev
    }

    // MARK: Files

    private func readLink(_ folder: String) throws(RegistryError) -> Digest? {
        let path = "\(root)/\(folder)/link"
        let text: String
        do {
            guard let file = FileHandle(forReadingAtPath: path) else {
                guard errno == ENOENT || errno == ENOTDIR else { throw POSIXError.current }
                return nil
            }
            let bytes = try file.read(upToCount: Self.linkLimitBytes) ?? Data()
            try file.close()
            text = String(decoding: bytes, as: UTF8.self)
        } catch {
            throw RegistryError(.malformed, "its link cannot be read", cause: error)
        }
        do throws(RegistryError) {
            return try Digest(parsing: text.trimmingCharacters(in: .whitespacesAndNewlines))
        } catch {
            throw RegistryError(.malformed, "its link is damaged")
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }

    /// The names in a folder, in bytewise order; none when it does not exist.
    private static func list(_ path: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        } catch CocoaError.fileReadNoSuchFile {
            return []
        } catch {
            throw CommandError("cannot read the folder \(path): \(error.localizedDescription)")
        }
    }
}

extension POSIXError {
    /// The last failure of a call.
    fileprivate static var current: POSIXError {
        POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
}
