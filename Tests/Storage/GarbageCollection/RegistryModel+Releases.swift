import Registry

/// Versions that live until somebody deletes them, whose files come and go one by one.
extension RegistryModel {
    struct Release: Hashable, Sendable {
        struct RemovedFile: Hashable, Sendable {
            let path: String
            let text: String
            let deletedAt: Timestamp
        }

        struct File: Hashable, Sendable {
            let id: Int64
            let text: String
        }

        let id: Int64
        let name: String
        /// By path.
        var files: [String: File] = [:]
        /// By the number of the file.
        var removedFiles: [Int64: RemovedFile] = [:]
        var trashedAt: Timestamp?
        /// When a collector looks at it at the latest, if anything of it is in the trash.
        var lookedAtBy: Timestamp
    }

    var liveReleases: [Release] { releases.values.filter { $0.trashedAt == nil } }

    func liveRelease(_ name: String) -> Release? {
        releases.values.first { $0.name == name && $0.trashedAt == nil }
    }

    /// Whether a deleted release keeps the name from being published.
    func isReserved(_ name: String, at now: Timestamp) -> Bool {
        releases.values.contains { release in
            release.name == name
                && release.trashedAt.map { isRestorable(since: $0, at: now) } ?? false
        }
    }

    /// The blobs that the package of releases must serve.
    var releasedBlobs: Set<String> {
        var blobs: Set<String> = []
        for release in liveReleases { blobs.formUnion(release.files.values.map(\.text)) }
        return blobs
    }

    mutating func trashRelease(_ id: Int64, at now: Timestamp) {
        releases[id]?.trashedAt = now
        noteLook(atRelease: id, from: now)
    }

    mutating func restoreRelease(_ id: Int64, at now: Timestamp) {
        releases[id]?.trashedAt = nil
        noteLook(atRelease: id, from: now)
    }

    mutating func trashFile(_ path: String, of id: Int64, at now: Timestamp) {
        guard let file = releases[id]?.files.removeValue(forKey: path) else { return }
        releases[id]?.removedFiles[file.id] = Release.RemovedFile(
            path: path, text: file.text, deletedAt: now)
        noteLook(atRelease: id, from: now)
    }

    mutating func restoreFile(_ fileID: Int64, of id: Int64, at now: Timestamp) {
        guard let file = releases[id]?.removedFiles.removeValue(forKey: fileID) else { return }
        trashFile(file.path, of: id, at: now)
        releases[id]?.files[file.path] = Release.File(id: fileID, text: file.text)
    }

    private mutating func noteLook(atRelease id: Int64, from now: Timestamp) {
        guard let release = releases[id] else { return }
        let moment = max(release.lookedAtBy, latestLook(from: now))
        releases[id]?.lookedAtBy = moment
    }
}
