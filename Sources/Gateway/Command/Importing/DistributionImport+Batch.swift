import BlobStorage
import NIOCore
import OCIFormat
import Registry

/// A few manifests at a time: their blobs, then what names them.
extension DistributionImport {
    /// A file of the source.
    private struct SourceFile: Sendable {
        let path: String
        let expectation: BlobExpectation
    }

    /// What came of a file.
    private enum FileOutcome: Sendable {
        case imported(FileBlobStore.ImportedFile)
        /// A dry run found it whole.
        case whole
        case damaged(String)
    }

    /// Brings a batch over. Manifests that cannot be taken are added to `failed`.
    mutating func bring(
        _ batch: [PendingManifest], of repository: SourceRepository,
        failed: inout Set<Digest>
    ) async throws {
        try await bringBlobs(of: batch, repository)
        var whole: [PendingManifest] = []
        for item in batch {
            if let reason = obstacle(to: item.source, failed) {
                fail(item, of: repository, reason, &failed)
            } else {
                whole.append(item)
            }
        }
        let outcomes = try await take(
            whole.map {
                SourceFile(
                    path: context.folder.path(of: $0.source.digest),
                    expectation: BlobExpectation($0.source.digest, size: $0.source.size))
            }, onRead: { _ in })
        for (item, outcome) in zip(whole, outcomes) {
            switch outcome {
            case .damaged(let reason):
                fail(item, of: repository, reason, &failed)
            case .whole:
                // A part may have failed meanwhile.
                if let reason = obstacle(to: item.source, failed) {
                    fail(item, of: repository, reason, &failed)
                } else {
                    succeed(item, context.canLink ? .linked : .copied)
                }
            case .imported(let file):
                let reason: String?
                if let known = obstacle(to: item.source, failed) {
                    reason = known
                } else {
                    reason = try await publish(item, of: repository, file.blob)
                }
                if let reason {
                    try await context.store?.remove(file.blob.key)
                    fail(item, of: repository, reason, &failed)
                } else {
                    succeed(item, file.method == .link ? .linked : .copied)
                }
            }
        }
    }

    // MARK: Blobs

    private mutating func bringBlobs(
        of batch: [PendingManifest], _ repository: SourceRepository
    ) async throws {
        var seen: Set<Digest> = []
        let needed = batch.filter(\.isNew).flatMap(\.source.blobs).filter {
            damaged[$0.storedDigest] == nil && seen.insert($0.digest).inserted
        }
        guard !needed.isEmpty else { return }
        let stored = try await findStored(needed)
        let missing = needed.filter {
            stored[$0.digest] == nil && !verified.contains($0.storedDigest)
        }
        let imported = try await take(missing)
        for blob in needed where !missing.contains(blob) {
            summary.present.add(blob.size)
            count([blob])
        }
        guard !context.isDryRun else { return }
        do throws(RegistryError) {
            try await package(of: repository).adoptBlobs(imported, stored: Array(stored.values))
        } catch {
            // Some blob was collected since it was found; the source still has it.
            guard error.code == .conflict else { throw error }
            let again = try await take(needed.filter { damaged[$0.storedDigest] == nil })
            try await discard(imported)
            try await package(of: repository).adoptBlobs(again, stored: [])
        }
    }

    private func findStored(_ blobs: [SourceBlob]) async throws -> [Digest: BlobRecord] {
        guard let services else { return [:] }
        return try await services.findStoredBlobs(blobs.map(\.digest))
    }

    /// Brings the bytes of blobs over, and remembers which are damaged.
    private mutating func take(_ blobs: [SourceBlob]) async throws -> [CommittedBlob] {
        let (folder, progress) = (context.folder, context.progress)
        let outcomes = try await take(
            blobs.map {
                SourceFile(path: folder.path(of: $0.storedDigest), expectation: $0.expectation)
            }, onRead: { progress.read($0) })
        var taken: [CommittedBlob] = []
        for (blob, outcome) in zip(blobs, outcomes) {
            countRead(blob)
            switch outcome {
            case .damaged(let reason): damaged[blob.storedDigest] = reason
            case .whole:
                verified.insert(blob.storedDigest)
                summary.add(context.canLink ? .linked : .copied, blob.size)
            case .imported(let file):
                taken.append(file.blob)
                summary.add(file.method == .link ? .linked : .copied, blob.size)
            }
        }
        return taken
    }

    private func discard(_ blobs: [CommittedBlob]) async throws {
        for blob in blobs { try await context.store?.remove(blob.key) }
    }

    // MARK: Files

    private func take(
        _ files: [SourceFile], onRead: @escaping @Sendable (Int64) -> Void
    ) async throws -> [FileOutcome] {
        let context = context
        return try await context.concurrently(files) { file in
            do throws(RegistryError) {
                guard !context.isDryRun, let store = context.store else {
                    try await FileBlobStore.verifyFile(
                        at: file.path, expecting: file.expectation, threadPool: context.threads,
                        onRead: onRead)
                    return .whole
                }
                return .imported(
                    try await store.importFile(
                        at: file.path, by: context.options.copies ? .copy : .link,
                        expecting: file.expectation, onRead: onRead))
            } catch {
                guard error.code == .unprocessable else { throw error }
                return .damaged(Console.describe(error))
            }
        }
    }

    // MARK: Manifests

    /// What keeps a manifest from being published.
    private func obstacle(to manifest: SourceManifest, _ failed: Set<Digest>) -> String? {
        for blob in manifest.blobs {
            if let reason = damaged[blob.storedDigest] {
                return "the blob \(blob.digest) is damaged: \(reason)"
            }
        }
        return manifest.children.first(where: failed.contains).map {
            "its part \($0) cannot be taken"
        }
    }

    /// Makes a manifest visible with its tags.
    ///
    /// - Returns: why it was refused; `nil` when it is there.
    private func publish(
        _ item: PendingManifest, of repository: SourceRepository, _ blob: CommittedBlob
    ) async throws -> String? {
        guard let services else { return nil }
        let package = try package(of: repository)
        do throws(RegistryError) {
            let reader = try await services.blobs.open(blob.key)
            let bytes = try await reader.read(at: 0, limitBytes: OCIManifest.limitBytes)
            let manifest = try OCIManifest(
                parsing: Array(bytes.readableBytesView), contentType: nil)
            let draft = try await manifest.draft(
                of: blob, as: item.source.digest, tags: item.tags, in: package)
            _ = try await package.publish(draft)
            return nil
        } catch {
            switch error.code {
            case .conflict, .forbidden, .malformed, .unprocessable: return error.message
            default: throw error
            }
        }
    }

    private func package(of repository: SourceRepository) throws(RegistryError) -> HostedPackage {
        guard let services else {
            throw RegistryError(.internalError, "a dry run writes nothing")
        }
        return try HostedProject(
            project: context.project,
            remainder: repository.package.split(separator: "/").map(String.init),
            actor: context.actor, services: services
        ).hostedPackage(OCIFormat.id)
    }

    private var services: RegistryServices? {
        context.store.map { RegistryServices(metadata: context.metadata, blobs: $0) }
    }

    private mutating func succeed(_ item: PendingManifest, _ bytes: ImportedBytes) {
        if item.isNew {
            summary.newManifestCount += 1
            summary.add(bytes, item.source.size)
        }
        summary.newTagCount += item.newTags.count
        summary.movedTagCount += item.movedTags.count
        context.progress.finish()
    }

    private mutating func fail(
        _ item: PendingManifest, of repository: SourceRepository, _ reason: String,
        _ failed: inout Set<Digest>
    ) {
        failed.insert(item.source.digest)
        let subjects =
            item.tags.isEmpty ? ["@\(item.source.digest)"] : item.tags.map { ":\($0)" }
        note(
            subjects.map {
                ImportProblem(repository: repository.name, subject: $0, reason: reason)
            })
        count(item.source.blobs)
        context.progress.finish()
    }
}
