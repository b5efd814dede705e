import NIOCore
import Registry
import TestSupport
import Testing

/// Holds what is served, what can be restored, and what is gone, against the model.
extension ModelClient {
    /// Names the schedule in every failure.
    private static func note(_ seed: UInt64) -> String { "PACKHOUSE_GC_SEED=\(seed)" }

    /// What a version or a file in the trash has to bring back.
    private struct Kept: Sendable {
        let versionID: Int64
        let deletedAt: Timestamp?
        /// What the files hold, by path.
        var texts: [String: String]
        /// Files that went to the trash themselves.
        var removedFiles: Set<Int64> = []
        /// What those of them hold that can be restored.
        var removedTexts: [Int64: String] = [:]
    }

    /// Looks at a few things, as clients do: through the calls that serve them.
    mutating func checkSome(_ seed: UInt64) async throws {
        let (required, released) = (model.requiredBlobs(at: now).sorted(), model.releasedBlobs)
        for text in required.shuffled(using: &generator).prefix(3) {
            let served = try await bench.served(text, from: package)
            #expect(served == text, "\(text) is lost: \(Self.note(seed))")
        }
        if let text = released.sorted().randomElement(using: &generator) {
            let served = try await bench.served(text, from: releases)
            #expect(served == text, "\(text) is lost: \(Self.note(seed))")
        }
        let kept = keptThings().shuffled(using: &generator).prefix(2)
        try await check(Array(kept), seed)
    }

    /// Everything that must be there is served, byte by byte, and everything that can be restored
    /// is whole.
    func checkEverything(_ seed: UInt64) async throws {
        for (package, texts) in [
            (package, model.requiredBlobs(at: now)), (releases, model.releasedBlobs),
        ] {
            let found = try await findBlobs(Array(texts), in: package)
            for text in texts {
                let blob = found[CollectorBench.digest(text)]
                #expect(
                    blob?.isHeld(at: now) == true, "\(text) is not held: \(Self.note(seed))")
                guard let blob else { continue }
                let served = try await read(blob.blob.storageKey, size: blob.blob.size)
                #expect(served == text, "\(text) is lost: \(Self.note(seed))")
            }
        }
        try await check(keptThings(), seed)
        try await checkTags(seed)
    }

    private func findBlobs(
        _ texts: [String], in package: HostedPackage
    ) async throws -> [Digest: HeldBlob] {
        guard !texts.isEmpty, let record = try await package.find() else { return [:] }
        let digests = texts.map(CollectorBench.digest)
        return try await bench.metadata.read { tx in
            try tx.findBlobs(digests, packageID: record.id)
        }
    }

    private func read(_ key: StorageKey, size: Int64) async throws -> String {
        let reader = try await bench.scopes.blobs.open(key)
        return String(buffer: try await reader.read(at: 0, limitBytes: Int(size) + 1))
    }

    private func checkTags(_ seed: UInt64) async throws {
        let (tags, removed, moment) = (model.tags, model.removedTags, now)
        guard let packageID else { return }
        let (found, kept) = try await bench.metadata.read { tx in
            (
                try tags.keys.reduce(into: [String: Int64]()) { found, tag in
                    found[tag] = try tx.findTag(tag, packageID: packageID)?.version.id
                },
                try Set(removed.map(\.name)).reduce(into: [String: Int64]()) { found, tag in
                    found[tag] = try tx.findRemovedTag(tag, packageID: packageID)?.version.id
                }
            )
        }
        #expect(found == model.visibleTags.mapValues(\.id), "tags: \(Self.note(seed))")
        for name in Set(removed.map(\.name)) {
            guard let last = removed.last(where: { $0.name == name }),
                model.isRestorable(since: last.deletedAt, at: moment)
            else { continue }
            #expect(kept[name] == last.imageID, "removed tag \(name): \(Self.note(seed))")
        }
    }

    // MARK: Trash

    /// What can be restored for certain.
    private func keptThings() -> [Kept] {
        let moment = now
        var kept = model.restorableImages(at: moment).map { image in
            var texts = ["manifest": image.text]
            for layer in image.layers { texts[CollectorBench.digest(layer).description] = layer }
            return Kept(versionID: image.id, deletedAt: image.trashedAt, texts: texts)
        }
        for release in model.releases.values {
            let removed = release.removedFiles.filter {
                model.isRestorable(since: $0.value.deletedAt, at: moment)
            }.mapValues(\.text)
            if let trashedAt = release.trashedAt {
                guard model.isRestorable(since: trashedAt, at: moment) else { continue }
            } else if removed.isEmpty {
                continue
            }
            kept.append(
                Kept(
                    versionID: release.id, deletedAt: release.trashedAt,
                    texts: release.files.mapValues(\.text),
                    removedFiles: Set(release.removedFiles.keys), removedTexts: removed))
        }
        return kept.sorted { $0.versionID < $1.versionID }
    }

    private func check(_ kept: [Kept], _ seed: UInt64) async throws {
        guard !kept.isEmpty else { return }
        let found = try await bench.metadata.read { tx in
            try kept.map { one in
                (
                    version: try tx.findVersion(one.versionID),
                    // With a version in the trash its files are; those that were not before it.
                    files: try tx.listFiles(
                        versionID: one.versionID, isDeleted: one.deletedAt != nil,
                        page: PageRequest(size: 100)
                    ).rows.filter { !one.removedFiles.contains($0.id) },
                    removed: try one.removedTexts.keys.compactMap { try tx.findFile($0)?.file }
                )
            }
        }
        for (one, row) in zip(kept, found) {
            let name = "version \(one.versionID) in the trash: \(Self.note(seed))"
            #expect(row.version?.deletedAt == one.deletedAt, "\(name)")
            #expect(row.version != nil && row.files.count == one.texts.count, "\(name)")
            #expect(row.removed.count == one.removedTexts.count, "\(name)")
            for file in row.files + row.removed {
                let text = one.removedTexts[file.id] ?? one.texts[file.path]
                let stored = try await read(file.storageKey, size: file.size)
                #expect(stored == text, "\(file.path) of \(name)")
            }
        }
    }

    // MARK: After a collection

    /// Looks whether collectors that have nothing left to do have deleted what is over, and forgets
    /// it.
    mutating func settle(_ seed: UInt64) async throws {
        let moment = now
        let (required, possible) = (
            model.requiredImages(at: moment), model.possibleImages(at: moment)
        )
        let (images, releases) = (Array(model.images.keys), Array(model.releases.keys))
        let left = try await bench.metadata.read { tx in
            try Set((images + releases).filter { try tx.findVersion($0) != nil })
        }
        for image in model.images.values {
            let isThere = left.contains(image.id)
            if let trashedAt = image.trashedAt {
                let isKept = model.isRestorable(since: trashedAt, at: moment)
                let mustGo = !isKept && image.lookedAtBy <= moment
                #expect(
                    isThere ? !mustGo : !isKept,
                    "\(image.text) in the trash: \(Self.note(seed))")
            } else {
                #expect(
                    isThere ? possible.contains(image.id) : !required.contains(image.id),
                    "\(image.text) after a collection: \(Self.note(seed))")
            }
            if !isThere { model.forgetImage(image.id) }
        }
        for release in model.releases.values {
            let isThere = left.contains(release.id)
            let isKept =
                release.trashedAt.map { model.isRestorable(since: $0, at: moment) } ?? true
            let mustGo = !isKept && release.lookedAtBy <= moment
            #expect(
                isThere ? !mustGo : !isKept,
                "\(release.name) after a collection: \(Self.note(seed))")
            if !isThere { model.releases[release.id] = nil }
        }
        model.leases = model.leases.filter { moment < $0.value }
        try await settleRemoved(seed)
        try await checkEverything(seed)
    }

    /// The same for removed tags, and for removed files of versions that stay.
    private mutating func settleRemoved(_ seed: UInt64) async throws {
        let moment = now
        let files = model.releases.values.flatMap(\.removedFiles.keys)
        let projectID = package.project.id
        let packageID = packageID
        let (left, removedTags) = try await bench.metadata.read { tx in
            let removed = try packageID.map { id in
                try tx.listRemovedTags(
                    projectID: projectID, packageID: id, page: PageRequest(size: 100)
                ).rows
            }
            return (try Set(files.filter { try tx.findFile($0) != nil }), removed ?? [])
        }
        for release in model.releases.values {
            for (id, file) in release.removedFiles {
                let isKept = model.isRestorable(since: file.deletedAt, at: moment)
                let mustGo = !isKept && release.lookedAtBy <= moment
                let isThere = left.contains(id)
                #expect(
                    isThere ? !mustGo : !isKept, "\(release.name)/\(file): \(Self.note(seed))")
                if !isThere { model.releases[release.id]?.removedFiles[id] = nil }
            }
        }
        // A list has at most a hundred of them.
        guard removedTags.count < 100 else { return }
        let tags = Set(removedTags.map(RegistryModel.RemovedTag.init))
        for tag in Set(model.removedTags) {
            let isKept = model.isRestorable(since: tag.deletedAt, at: moment)
            let lookedAtBy = model.images[tag.imageID]?.lookedAtBy ?? moment
            let isThere = tags.contains(tag)
            #expect(
                isThere ? isKept || lookedAtBy > moment : !isKept,
                "removed \(tag): \(Self.note(seed))")
            if !isThere { model.removedTags.removeAll { $0 == tag } }
        }
    }
}

extension RegistryModel.RemovedTag {
    fileprivate init(_ record: RemovedTagRecord) {
        self.init(name: record.name, imageID: record.version.id, deletedAt: record.deletedAt)
    }
}
