import NIOCore
public import Registry

extension FileBlobStore: RepairableBlobStore {
    public func openKept(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        try await open(key)
    }

    public func quarantine(
        _ key: StorageKey, report: String
    ) async throws(RegistryError) -> Bool {
        let path = try surroundings.layout.path(of: key)
        let target = try surroundings.layout.quarantinePath(of: key)
        let surroundings = surroundings
        return try await surroundings.pool.run { () throws(RegistryError) in
            try translatingFailures { () throws(FileFailure) in
                guard try surroundings.operations.status(at: path) != nil else { return false }
                let folder = FileBlobLayout.parent(of: target)
                try surroundings.folders.makeFolders(downTo: folder)
                try Self.write(report + "\n", to: target + ".json", surroundings.operations)
                do throws(FileFailure) {
                    try surroundings.operations.rename(path, to: target)
                } catch {
                    // The collector was faster.
                    guard error.isMissing else { throw error }
                    return false
                }
                try surroundings.folders.synchronize(folder)
                try surroundings.folders.synchronize(FileBlobLayout.parent(of: path))
                return true
            }
        }
    }

    public func recover(_ blob: BlobRecord) async throws(RegistryError) -> CommittedBlob? {
        let copies = try await listCopies(of: blob)
        for copy in copies {
            do throws(RegistryError) {
                return try await importFile(at: copy, by: .link, expecting: BlobExpectation(blob))
                    .blob
            } catch {
                // Not the bytes either, or gone.
                guard error.code == .unprocessable else { throw error }
            }
        }
        return nil
    }

    /// The files, other than that of its key, that were published with the digest of the blob: what
    /// lost a race for the row, and what was put aside.
    private func listCopies(of blob: BlobRecord) async throws(RegistryError) -> [String] {
        let layout = surroundings.layout
        let operations = surroundings.operations
        let hex = blob.digests.sha256.hex
        let shard = "sha256/\(hex.prefix(2))/\(hex.dropFirst(2).prefix(2))"
        return try await surroundings.pool.run { () throws(RegistryError) in
            try translatingFailures { () throws(FileFailure) in
                var paths: [String] = []
                for root in [layout.blobsFolder, layout.quarantineFolder] {
                    for name in try operations.listFolder("\(root)/\(shard)")
                    where name.hasPrefix(hex + "-") {
                        let key = StorageKey(stored: "\(shard)/\(name)")
                        let isOwn = key == blob.storageKey && root == layout.blobsFolder
                        if FileBlobLayout.isValid(key), !isOwn {
                            paths.append("\(root)/\(key)")
                        }
                    }
                }
                return paths
            }
        }
    }

    private static func write(
        _ text: String, to path: String, _ operations: any FileOperations
    ) throws(FileFailure) {
        let descriptor = try operations.open(path, for: .replace)
        defer { operations.close(descriptor) }
        var rest = ByteBuffer(string: text)
        var offset: Int64 = 0
        while rest.readableBytes > 0 {
            let count = try operations.write(rest, to: descriptor, at: offset)
            rest.moveReaderIndex(forwardBy: count)
            offset += Int64(count)
        }
        try operations.synchronize(descriptor)
    }
}
