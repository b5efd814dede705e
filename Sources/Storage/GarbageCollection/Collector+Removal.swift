import Registry

extension Collector {
    /// Removes the files of rows that are gone, and adds the pass to what all collectors did. Only
    /// what was committed is removed, and whatever breaks off in between is done again.
    func removeFiles(
        at now: Timestamp, _ pace: CollectionPace?, _ outcome: inout CollectionOutcome
    ) async throws(RegistryError) {
        let limit = settings.unlinkBatchCount
        let end = now.advanced(bySeconds: settings.leaseSeconds)
        // Not deferred: with it, all that was deferred before is on the disk, and no loss of power brings
        // the row of a removed file back.
        let unlinks = try await metadata.write(.background) { tx -> [Unlink] in
            guard try !tx.isCollectionPaused() else { return [] }
            return try tx.claimUnlinks(limit: limit, at: now, until: end)
        }
        let results = await remove(unlinks, pace)
        let removed = results.filter { $0.failure == nil }.map(\.unlink)
        let failed = results.compactMap { result in
            result.failure.map { failure in
                FailedRemoval(
                    unlink: result.unlink, failure: failure,
                    nextTryAt: nextTry(after: result.unlink.attemptCount, from: now))
            }
        }
        let reviewCount = outcome.reviewCount
        if reviewCount > 0 || !unlinks.isEmpty {
            outcome.reclaimedBytes += try await metadata.write(.deferred) { tx in
                let bytes = try tx.finishUnlinks(removed)
                for one in failed {
                    try tx.postponeUnlink(
                        one.unlink, until: one.nextTryAt, failure: one.failure.message)
                }
                try tx.recordCollection(
                    reviewCount: reviewCount, reclaimedBytes: bytes, at: now)
                return bytes
            }
        }
        outcome.removedFileCount += removed.count
        outcome.failedCount += failed.count
        for unlink in removed { onEvent(.removed(unlink)) }
        for one in failed {
            onEvent(.removalFailed(one.unlink, one.failure, nextTryAt: one.nextTryAt))
        }
    }

    private struct FailedRemoval {
        let unlink: Unlink
        let failure: RegistryError
        let nextTryAt: Timestamp
    }

    private struct Removal {
        let unlink: Unlink
        let failure: RegistryError?
    }

    /// Removes files, in steps: many at once would fill the file system's journal, for which whoever
    /// synchronizes a file waits.
    private func remove(_ unlinks: [Unlink], _ pace: CollectionPace?) async -> [Removal] {
        guard let pace else { return await remove(unlinks[...]) }
        var done: [Removal] = []
        var waiting = unlinks[...]
        while !waiting.isEmpty {
            let step = waiting.prefix(max(1, settings.removalStepCount))
            done += await remove(step)
            waiting = waiting.dropFirst(step.count)
            await pace.spend(Double(step.count) / 2)
        }
        return done
    }

    /// Removes files, a few at the same time.
    private func remove(_ unlinks: ArraySlice<Unlink>) async -> [Removal] {
        await withTaskGroup(of: Removal.self) { group in
            var (waiting, done) = (unlinks, [Removal]())
            for _ in 0..<max(1, settings.removalWidthCount) {
                guard let next = waiting.popFirst() else { break }
                group.addTask { await remove(next) }
            }
            while let removal = await group.next() {
                done.append(removal)
                if let next = waiting.popFirst() { group.addTask { await remove(next) } }
            }
            return done
        }
    }

    private func remove(_ unlink: Unlink) async -> Removal {
        do throws(RegistryError) {
            switch unlink.target {
            case .blob(let key): try await blobs.remove(key)
            case .upload(let id): try await blobs.discardUpload(id)
            }
            return Removal(unlink: unlink, failure: nil)
        } catch {
            return Removal(unlink: unlink, failure: error)
        }
    }
}
