public import Registry

extension FileBlobStore {
    public func listEntries(
        writtenBefore moment: Timestamp,
        _ visit: @Sendable (_ page: [BlobStoreEntry]) async throws(RegistryError) -> Void
    ) async throws(RegistryError) {
        let layout = surroundings.layout
        var page: [BlobStoreEntry] = []
        try await gather(
            layout.uploadsFolder, writtenBefore: moment, into: &page, visit
        ) { name, size in
            FileBlobLayout.isValid(uploadID: name) ? .upload(id: name, size: size) : nil
        }
        for first in try await names(
            in: layout.digestsFolder, where: FileBlobLayout.isValid(shard:))
        {
            let folder = "\(layout.digestsFolder)/\(first)"
            for second in try await names(in: folder, where: FileBlobLayout.isValid(shard:)) {
                try await gather(
                    "\(folder)/\(second)", writtenBefore: moment, into: &page, visit
                ) { name, size in
                    let key = StorageKey(stored: "sha256/\(first)/\(second)/\(name)")
                    return FileBlobLayout.isValid(key) ? .blob(key, size: size) : nil
                }
            }
        }
        if !page.isEmpty {
            try await visit(page)
        }
    }

    /// Adds the entries of one folder to `page`, and visits it whenever it is full.
    private func gather(
        _ folder: String, writtenBefore moment: Timestamp, into page: inout [BlobStoreEntry],
        _ visit: @Sendable (_ page: [BlobStoreEntry]) async throws(RegistryError) -> Void,
        _ entry: @escaping @Sendable (_ name: String, _ size: Int64) -> BlobStoreEntry?
    ) async throws(RegistryError) {
        let operations = surroundings.operations
        var rest = try await names(in: folder, where: { _ in true })[...]
        while !rest.isEmpty {
            let some = rest.prefix(Self.pageLimitCount - page.count)
            rest = rest.dropFirst(some.count)
            page += try await surroundings.pool.run { () throws(RegistryError) in
                var entries: [BlobStoreEntry] = []
                for name in some {
                    // What has no status was renamed or removed since the folder was read.
                    let status = try translatingFailures { () throws(FileFailure) in
                        try operations.status(at: "\(folder)/\(name)")
                    }
                    if let status, status.isPlainFile, status.modifiedAt < moment,
                        let entry = entry(name, status.size)
                    {
                        entries.append(entry)
                    }
                }
                return entries
            }
            if page.count == Self.pageLimitCount {
                try await visit(page)
                page = []
            }
        }
    }

    private func names(
        in folder: String, where isWanted: @escaping @Sendable (String) -> Bool
    ) async throws(RegistryError) -> [String] {
        let operations = surroundings.operations
        return try await surroundings.pool.run { () throws(RegistryError) in
            try translatingFailures { () throws(FileFailure) in
                try operations.listFolder(folder).filter(isWanted)
            }
        }
    }
}
