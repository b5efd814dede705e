import Registry
import Synchronization

/// The folders of the store: makes them, and makes their names durable.
final class BlobFolders: Sendable {
    private let layout: FileBlobLayout
    private let operations: any FileOperations
    /// The folders `ab` and `ab/cd` that exist, whose names this process has synchronized. Another
    /// process may have made one and be about to lose it with the power, so existing is not enough.
    private let durable = Mutex<Set<String>>([])

    init(layout: FileBlobLayout, operations: any FileOperations) {
        self.layout = layout
        self.operations = operations
    }

    /// Makes the folders that every store has, and those above it.
    func makeRoots() throws(FileFailure) {
        try makeFolders(downTo: layout.root)
        try operations.makeFolder(layout.blobsFolder)
        try operations.makeFolder(layout.digestsFolder)
        try operations.makeFolder(layout.uploadsFolder)
        try synchronize(layout.blobsFolder)
        try synchronize(layout.root)
    }

    /// Moves the file at `path`, which is open as `descriptor`, to the place of `key`, and returns
    /// when its bytes and its name are durable.
    ///
    /// When it throws, nothing is at that place. The file gets its name first and is synchronized
    /// together with it: a file system with a journal then writes that once for all.
    func publish(
        _ path: String, _ descriptor: CInt, as key: StorageKey
    ) throws(FileFailure) {
        let shards = key.description.split(separator: "/").dropFirst().prefix(2)
        guard let first = shards.first, let second = shards.last else { return }
        let target = "\(layout.blobsFolder)/\(key.description)"
        try makeShard(String(first), String(second))
        do throws(FileFailure) {
            try operations.rename(path, to: target)
        } catch {
            guard error.isMissing else { throw error }
            // Somebody removed the folder since this process made it.
            durable.withLock { $0.subtract([String(first), "\(first)/\(second)"]) }
            try makeShard(String(first), String(second))
            try operations.rename(path, to: target)
        }
        do throws(FileFailure) {
            try operations.synchronize(descriptor)
            try synchronize("\(layout.digestsFolder)/\(first)/\(second)")
            try synchronizeShard(String(first), String(second))
        } catch {
            // The name may or may not survive, and no row will ever have it. What cannot be removed
            // now is an orphan that the sweep finds.
            _ = try? operations.remove(target)
            throw error
        }
    }

    /// Returns when the names in the folder are durable.
    func synchronize(_ path: String) throws(FileFailure) {
        let descriptor = try operations.open(path, for: .folder)
        defer { operations.close(descriptor) }
        try operations.synchronize(descriptor)
    }

    /// Makes a folder and those above it that are missing.
    func makeFolders(downTo path: String) throws(FileFailure) {
        guard try operations.status(at: path) == nil else { return }
        let parent = FileBlobLayout.parent(of: path)
        try makeFolders(downTo: parent)
        try operations.makeFolder(path)
        try synchronize(parent)
    }

    private func makeShard(_ first: String, _ second: String) throws(FileFailure) {
        guard !isDurable("\(first)/\(second)") else { return }
        if !isDurable(first) { try operations.makeFolder("\(layout.digestsFolder)/\(first)") }
        try operations.makeFolder("\(layout.digestsFolder)/\(first)/\(second)")
    }

    private func synchronizeShard(_ first: String, _ second: String) throws(FileFailure) {
        try synchronize("\(layout.digestsFolder)/\(first)", with: "\(first)/\(second)")
        try synchronize(layout.digestsFolder, with: first)
    }

    /// Makes the name of `shard` durable, which is in the folder at `path`.
    private func synchronize(_ path: String, with shard: String) throws(FileFailure) {
        guard !isDurable(shard) else { return }
        try synchronize(path)
        durable.withLock { _ = $0.insert(shard) }
    }

    private func isDurable(_ shard: String) -> Bool {
        durable.withLock { $0.contains(shard) }
    }
}
