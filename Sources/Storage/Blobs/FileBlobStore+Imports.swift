import NIOCore
public import NIOPosix
public import Registry

extension FileBlobStore {
    /// How the bytes of a file come into the store.
    public enum ImportMethod: String, Hashable, Sendable {
        /// The file gets a second name, and nothing is copied. Whoever has the first one must never
        /// change the file in place.
        case link
        /// The bytes are copied; where the file system can, by sharing blocks.
        case copy
    }

    /// A file that was taken into the store.
    public struct ImportedFile: Hashable, Sendable {
        public let blob: CommittedBlob
        public let method: ImportMethod
    }

    /// Takes the bytes of a file that is not the store's under a new key, hashed and synced as those
    /// of an upload (I1, I2).
    ///
    /// - Parameters:
    ///   - method: `link` copies where the file cannot have a second name here: it is in another file
    ///     system, or belongs to another user. What was linked counts as written now, so that no
    ///     sweep takes it for old.
    ///   - onRead: is told of each piece that was read, in bytes, on another thread.
    /// - Throws: `unprocessable` when the bytes are not what `expectation` says, or, with the reason
    ///   `source_unreadable`, cannot be read; the file is as it was then, and so is the store.
    public func importFile(
        at path: String, by method: ImportMethod, expecting expectation: BlobExpectation,
        onRead: @escaping @Sendable (_ bytes: Int64) -> Void = { _ in }
    ) async throws(RegistryError) -> ImportedFile {
        let file = FileImport(path: path, expectation: expectation, onRead: onRead)
        return try await surroundings.pool.run { () throws(RegistryError) in
            try file.run(by: method, surroundings)
        }
    }

    /// Reads a file and changes nothing.
    ///
    /// - Throws: as `importFile`.
    public static func verifyFile(
        at path: String, expecting expectation: BlobExpectation, threadPool: NIOThreadPool,
        onRead: @escaping @Sendable (_ bytes: Int64) -> Void = { _ in }
    ) async throws(RegistryError) {
        let file = FileImport(path: path, expectation: expectation, onRead: onRead)
        try await BlockingPool(threads: threadPool).run { () throws(RegistryError) in
            try file.verify(POSIXFileOperations())
        }
    }
}
