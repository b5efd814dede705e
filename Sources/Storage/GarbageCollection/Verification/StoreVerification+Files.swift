import Registry

/// What is in the store, against the rows.
extension StoreVerification {
    func verifyStore(_ summary: inout Summary) async throws {
        // About as many as there are rows; nobody counts files without listing them.
        observer.begin(.files, count: Int64(summary.blobCount), bytes: 0)
        let moment = clock.now().advanced(bySeconds: -options.graceSeconds)
        let found = FoundEntries()
        // Findings are settled while the store is walked: what is put aside was listed already.
        try await blobs.listEntries(writtenBefore: moment) { page throws(RegistryError) in
            do {
                await found.add(try await verify(page))
            } catch {
                throw RegistryError.wrapping(error)
            }
        }
        summary.storedCount += await found.storedCount
        summary.findingCount += await found.findingCount
        summary.settledCount += await found.settledCount
    }

    private func verify(_ page: [BlobStoreEntry]) async throws -> FoundEntries.Page {
        let suspects = try await filterUnknown(page)
        var result = FoundEntries.Page(storedCount: page.count)
        // Once more: what had no row a moment ago may have one by now, or be gone.
        for orphan in try await filterUnknown(suspects) {
            guard let finding = try await settle(orphan) else { continue }
            result.findingCount += 1
            if finding.isSettled { result.settledCount += 1 }
            try await observer.report(finding)
        }
        observer.finish(page.count)
        return result
    }

    /// The entries that no row of `blobs`, `unlinks` or `uploads` names.
    private func filterUnknown(_ entries: [BlobStoreEntry]) async throws -> [BlobStoreEntry] {
        var keys: [StorageKey] = []
        var uploads: [String] = []
        for entry in entries {
            switch entry {
            case .blob(let key, _): keys.append(key)
            case .upload(let id, _): uploads.append(id)
            }
        }
        guard !entries.isEmpty else { return [] }
        let (knownKeys, knownUploads) = try await metadata.read { [keys, uploads] tx in
            // What waits to be removed is a blob by its key, or an upload by its name.
            let names = keys + uploads.map { StorageKey(stored: $0) }
            let pending = try tx.filterUnlinks(names)
            return (
                try tx.filterKnownKeys(keys).union(pending),
                try tx.filterKnownUploads(uploads).union(pending.map(\.description))
            )
        }
        return entries.filter { entry in
            switch entry {
            case .blob(let key, _): !knownKeys.contains(key)
            case .upload(let id, _): !knownUploads.contains(id)
            }
        }
    }

    /// - Returns: `nil` when it is gone.
    private func settle(_ orphan: BlobStoreEntry) async throws -> Finding? {
        var finding: Finding
        switch orphan {
        case .blob(let key, let size):
            guard try await blobs.size(of: key) != nil else { return nil }
            finding = Finding(.orphanBlob, "no row names these \(size) bytes")
            finding.storageKey = key.description
        case .upload(let id, let size):
            finding = Finding(
                .orphanUpload, "nobody can go on with these \(size) bytes of an upload")
            finding.subject = id
        }
        guard options.repairs else { return finding }
        do throws(RegistryError) {
            switch orphan {
            case .blob(let key, _):
                finding.repair =
                    try await putAside(key, finding.detail) ? .putAside : .removed
            case .upload(let id, _):
                try await blobs.discardUpload(id)
                finding.repair = .removed
            }
        } catch {
            finding.failure = error.description
        }
        return finding
    }

    private func putAside(
        _ key: StorageKey, _ detail: String
    ) async throws(RegistryError) -> Bool {
        do {
            return try await repair.quarantine(key, nil, .orphanBlob, detail)
        } catch {
            throw RegistryError.wrapping(error)
        }
    }
}

/// What the walk through the store came to.
private actor FoundEntries {
    struct Page: Sendable {
        let storedCount: Int
        var findingCount = 0
        var settledCount = 0
    }

    private(set) var storedCount = 0
    private(set) var findingCount = 0
    private(set) var settledCount = 0

    func add(_ page: Page) {
        storedCount += page.storedCount
        findingCount += page.findingCount
        settledCount += page.settledCount
    }
}
