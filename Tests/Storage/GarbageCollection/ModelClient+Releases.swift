import Registry
import TestSupport
import Testing

/// What a client does with releases: versions of chosen names, which live until somebody deletes them.
extension ModelClient {
    mutating func publishRelease() async throws {
        let (name, text) = ("1.\(Int.random(in: 0..<5, using: &generator))", randomLayer())
        let path = ["a", "b"].randomElement(using: &generator) ?? "a"
        let moment = now
        var upload = try await bench.scopes.blobs.beginUpload(hashes: [])
        try await upload.append(body: CollectorBench.body(text))
        let blob = try await upload.commit()
        let live = model.liveRelease(name)
        let isReserved = live == nil && model.isReserved(name, at: moment)
        let outcome: PublishOutcome
        do throws(RegistryError) {
            outcome = try await releases.publish(
                PublishDraft(
                    package: releases.name, version: name,
                    files: [FileDraft(path: path, blob: blob)]))
        } catch {
            guard error.reason == "name_reserved" else { throw error }
            #expect(isReserved, "\(error)")
            // As a client's bytes are that were refused.
            try await bench.scopes.blobs.remove(blob.key)
            return
        }
        #expect(!isReserved, "\(name) was published, and is reserved")
        let (id, file) = (outcome.version.id, outcome.files[0])
        #expect(live == nil || live?.id == id, "\(name) was published anew")
        if live == nil {
            model.releases[id] = RegistryModel.Release(id: id, name: name, lookedAtBy: moment)
        }
        if let old = live?.files[path] {
            let outcomeOfFile: FileOutcome = old.text == text ? .unchanged : .replaced
            #expect(outcome.outcomes == [outcomeOfFile], "\(name)/\(path)")
            if old.text == text { return }
            model.trashFile(path, of: id, at: moment)
        }
        model.releases[id]?.files[path] = RegistryModel.Release.File(id: file.id, text: text)
    }

    mutating func trashRelease() async throws {
        let live = model.liveReleases.sorted { $0.id < $1.id }
        guard let release = live.randomElement(using: &generator) else { return }
        try await trashRelease(release)
    }

    mutating func trashRelease(_ release: RegistryModel.Release) async throws {
        let moment = now
        #expect(try await releases.trashVersion(release.name), "\(release.name)")
        model.trashRelease(release.id, at: moment)
    }

    mutating func restoreRelease() async throws {
        let trash = model.releases.values.filter { $0.trashedAt != nil }.sorted { $0.id < $1.id }
        guard let release = trash.randomElement(using: &generator),
            let trashedAt = release.trashedAt
        else { return }
        let (moment, policy) = (now, randomPolicy())
        let taken = model.liveRelease(release.name)
        do throws(RegistryError) {
            try await bench.restore(release.id, of: releases, policy)
        } catch {
            switch error.reason {
            case "version_taken": #expect(taken != nil && policy == .refusing, "\(error)")
            case "gone":
                #expect(
                    !model.isRestorable(since: trashedAt, at: moment),
                    "\(release.name) cannot be restored")
                model.releases[release.id] = nil
            default: throw error
            }
            return
        }
        if let taken {
            #expect(policy == .overwriting, "\(release.name) was overwritten")
            model.trashRelease(taken.id, at: moment)
        }
        model.restoreRelease(release.id, at: moment)
    }

    mutating func trashFile() async throws {
        let names = model.liveReleases.flatMap { release in
            release.files.keys.map { (id: release.id, name: release.name, path: $0) }
        }.sorted { ($0.id, $0.path) < ($1.id, $1.path) }
        guard let file = names.randomElement(using: &generator) else { return }
        let moment = now
        let address = FileAddress(
            format: Self.releaseFormat, package: releases.name, version: file.name, path: file.path)
        #expect(
            try await bench.scopes.project.trashFile(address, ifMatches: nil),
            "\(file.name)/\(file.path)")
        model.trashFile(file.path, of: file.id, at: moment)
    }

    mutating func restoreFile() async throws {
        let removed = model.liveReleases.flatMap { release in
            release.removedFiles.map { (releaseID: release.id, id: $0.key, file: $0.value) }
        }.sorted { $0.id < $1.id }
        guard let (releaseID, id, file) = removed.randomElement(using: &generator) else { return }
        let (moment, policy) = (now, randomPolicy())
        let isTaken = model.releases[releaseID]?.files[file.path] != nil
        do throws(RegistryError) {
            try await bench.metadata.write { tx in
                guard let package = try tx.findVersion(releaseID)?.package else { return }
                try tx.touchPackage(package.id, at: moment)
                guard let found = try tx.findFile(id), found.file.deletedAt != nil else {
                    throw RegistryError(.notFound, "it is not in the trash", reason: "gone")
                }
                try tx.restore(found, policy, by: Authority(.owner), at: moment)
            }
        } catch {
            switch error.reason {
            case "file_exists": #expect(isTaken && policy == .refusing, "\(error)")
            case "gone":
                #expect(
                    !model.isRestorable(since: file.deletedAt, at: moment),
                    "\(file.path) of \(releaseID) cannot be restored")
                model.releases[releaseID]?.removedFiles[id] = nil
            default: throw error
            }
            return
        }
        #expect(!isTaken || policy == .overwriting, "\(file.path) was overwritten")
        model.restoreFile(id, of: releaseID, at: moment)
    }
}
