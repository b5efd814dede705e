import NIOCore
public import NIOPosix
public import Registry

/// Keeps blobs as files below one folder, which several processes may share.
///
/// A blob is `blobs/sha256/ab/cd/<digest>-<nonce>`, an unfinished upload `uploads/<name>`. A blob
/// gets its name by a rename once all its bytes are written; name and bytes are synchronized before
/// anybody is told of it, so whatever a row names is complete (I1), and no name is used twice (I2).
public struct FileBlobStore: BlobStore {
    /// The most entries that `listEntries` hands over at once.
    public static let pageLimitCount = 500

    let surroundings: FileBlobSurroundings

    /// The store below `root`, whose folders are made when they are missing. Blocks shortly: it
    /// belongs to the start of the program.
    ///
    /// - Throws: `insufficientStorage`, `unavailable` or `internalError` when a folder cannot be made.
    public init(
        root: String, threadPool: NIOThreadPool,
        operations: any FileOperations = POSIXFileOperations(),
        clock: any RegistryClock = SystemClock()
    ) throws(RegistryError) {
        let layout = FileBlobLayout(root: root)
        let folders = BlobFolders(layout: layout, operations: operations)
        try translatingFailures { () throws(FileFailure) in try folders.makeRoots() }
        surroundings = FileBlobSurroundings(
            layout: layout, operations: operations, folders: folders,
            pool: BlockingPool(threads: threadPool), clock: clock)
    }

    public func beginUpload(hashes: ExtraHashes) async throws(RegistryError) -> BlobUpload {
        let file = try UploadFile(new: hashes, surroundings)
        return BlobUpload(sink: FileBlobUpload(file, offset: 0, pool: surroundings.pool))
    }

    public func resumeUpload(
        _ uploadID: String,
        readState: @Sendable () async throws(RegistryError) -> UploadState
    ) async throws(RegistryError) -> BlobUpload {
        let file = try await surroundings.pool.run { () throws(RegistryError) in
            try UploadFile(locking: uploadID, surroundings)
        }
        let upload = FileBlobUpload(file, offset: 0, pool: surroundings.pool)
        try await upload.resume(readState)
        return BlobUpload(sink: upload)
    }

    public func discardUpload(_ uploadID: String) async throws(RegistryError) {
        let path = try surroundings.layout.path(ofUpload: uploadID)
        try await remove(path)
    }

    public func open(_ key: StorageKey) async throws(RegistryError) -> any BlobReader {
        let path = try surroundings.layout.path(of: key)
        return try await surroundings.pool.run { () throws(RegistryError) in
            try FileBlobReader(path: path, surroundings)
        }
    }

    public func size(of key: StorageKey) async throws(RegistryError) -> Int64? {
        let path = try surroundings.layout.path(of: key)
        let operations = surroundings.operations
        return try await surroundings.pool.run { () throws(RegistryError) in
            let status = try translatingFailures { () throws(FileFailure) in
                try operations.status(at: path)
            }
            return status.flatMap { $0.isPlainFile ? $0.size : nil }
        }
    }

    public func remove(_ key: StorageKey) async throws(RegistryError) {
        try await remove(try surroundings.layout.path(of: key))
    }

    public func checkHealth() async throws(RegistryError) {
        try await surroundings.pool.run { () throws(RegistryError) in
            do throws(FileFailure) {
                try writeHealthFile()
            } catch {
                throw RegistryError(
                    .unavailable, "the registry's storage takes no writes at the moment",
                    retryAfterSeconds: RegistryError.storeRetryAfterSeconds, cause: error)
            }
        }
    }

    /// The folder is not synchronized: a file that comes back with the power is an orphan, and the
    /// sweep finds it.
    private func remove(_ path: String) async throws(RegistryError) {
        let operations = surroundings.operations
        try await surroundings.pool.run { () throws(RegistryError) in
            _ = try translatingFailures { () throws(FileFailure) in try operations.remove(path) }
        }
    }

    private func writeHealthFile() throws(FileFailure) {
        let (operations, path) = (surroundings.operations, surroundings.layout.healthFile)
        guard try operations.status(at: surroundings.layout.digestsFolder) != nil else {
            throw FileFailure.missing(surroundings.layout.digestsFolder)
        }
        let descriptor = try operations.open(path, for: .replace)
        defer { operations.close(descriptor) }
        _ = try operations.write(ByteBuffer(string: "healthy\n"), to: descriptor, at: 0)
        try operations.remove(path)
    }
}
