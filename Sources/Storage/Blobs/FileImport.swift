import NIOCore
import Registry

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Brings the bytes of a file that is not the store's into it. Blocks: used on the thread pool only.
struct FileImport: Sendable {
    let path: String
    let expectation: BlobExpectation
    let onRead: @Sendable (_ bytes: Int64) -> Void

    /// Takes the file in.
    func run(
        by method: FileBlobStore.ImportMethod, _ surroundings: FileBlobSurroundings
    ) throws(RegistryError) -> FileBlobStore.ImportedFile {
        let source = try openSource(surroundings.operations)
        defer { surroundings.operations.close(source) }
        if method == .link, let blob = try link(source, surroundings) {
            return FileBlobStore.ImportedFile(blob: blob, method: .link)
        }
        return FileBlobStore.ImportedFile(blob: try copy(source, surroundings), method: .copy)
    }

    /// Reads the file and compares.
    func verify(_ operations: any FileOperations) throws(RegistryError) {
        let source = try openSource(operations)
        defer { operations.close(source) }
        let hashes = try hash(source, operations)
        try expectation.verify(hashes.digests(), size: hashes.countBytes)
    }

    // MARK: Steps

    private func openSource(_ operations: any FileOperations) throws(RegistryError) -> CInt {
        let source: CInt
        do throws(FileFailure) {
            source = try operations.open(path, for: .read)
        } catch {
            throw Self.unreadable(error)
        }
        do throws(FileFailure) {
            guard try operations.status(of: source).isPlainFile else {
                throw FileFailure("open", path: path, code: EISDIR)
            }
            return source
        } catch {
            operations.close(source)
            throw Self.unreadable(error)
        }
    }

    /// - Returns: `nil` where the file cannot have a second name in the store.
    private func link(
        _ source: CInt, _ surroundings: FileBlobSurroundings
    ) throws(RegistryError) -> CommittedBlob? {
        let operations = surroundings.operations
        let name = try surroundings.layout.path(ofUpload: FileBlobLayout.makeUploadID())
        do throws(FileFailure) {
            // Before it has a name that a sweep could take for an old one.
            try operations.setModified(source, at: surroundings.clock.now())
            try operations.link(path, to: name)
        } catch {
            guard Self.linkRefusals.contains(error.code) else { throw RegistryError(error) }
            return nil
        }
        do throws(RegistryError) {
            try check(source, isAt: name, operations)
            let hashes = try hash(source, operations)
            let digests = hashes.digests()
            try expectation.verify(digests, size: hashes.countBytes)
            let key = FileBlobLayout.makeKey(for: digests.sha256)
            try translatingFailures { () throws(FileFailure) in
                try surroundings.folders.publish(name, source, as: key)
            }
            return CommittedBlob(digests: digests, size: hashes.countBytes, key: key)
        } catch {
            // What cannot be removed now is an orphan that the sweep finds.
            _ = try? operations.remove(name)
            throw error
        }
    }

    /// What was hashed must be what got the name, also when somebody replaces the file meanwhile.
    private func check(
        _ source: CInt, isAt name: String, _ operations: any FileOperations
    ) throws(RegistryError) {
        let (opened, named) = try translatingFailures { () throws(FileFailure) in
            (try operations.status(of: source), try operations.status(at: name))
        }
        guard opened.number == named?.number, named?.isPlainFile == true else {
            throw RegistryError(
                .unprocessable, "the file was replaced while it was read",
                reason: "source_unreadable")
        }
    }

    private func copy(
        _ source: CInt, _ surroundings: FileBlobSurroundings
    ) throws(RegistryError) -> CommittedBlob {
        var file = try UploadFile(new: expectation.neededHashes, surroundings)
        do throws(RegistryError) {
            try file.append(contentsOf: source, onRead, reading: Self.unreadable)
        } catch {
            file.abandon()
            throw error
        }
        return try file.commit(expectation)
    }

    private func hash(
        _ source: CInt, _ operations: any FileOperations
    ) throws(RegistryError) -> RunningHashes {
        var hashes = RunningHashes(expectation.neededHashes)
        var buffer = ByteBufferAllocator().buffer(capacity: UploadFile.readBytes)
        while true {
            buffer.clear()
            let count: Int
            do throws(FileFailure) {
                count = try operations.read(
                    UploadFile.readBytes, from: source, at: hashes.countBytes, into: &buffer)
            } catch {
                throw Self.unreadable(error)
            }
            guard count > 0 else { return hashes }
            hashes.update(buffer)
            onRead(Int64(count))
        }
    }

    /// Failures that say that the file cannot have a second name here, and not that the store fails.
    /// A file that somebody removed since it was opened can still be read.
    private static let linkRefusals: Set<CInt> = [
        EACCES, EMLINK, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, EROFS, EXDEV,
    ]

    /// Failures of this process, and not of the file.
    private static let ownFailures: Set<CInt> = [EMFILE, ENFILE, ENOMEM]

    private static func unreadable(_ failure: FileFailure) -> RegistryError {
        guard !ownFailures.contains(failure.code) else { return RegistryError(failure) }
        return RegistryError(
            .unprocessable, "the file cannot be read", reason: "source_unreadable", cause: failure)
    }
}
