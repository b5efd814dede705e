import NIOCore
import Registry

/// The file of one unfinished upload and its running hashes. Blocks: used on the thread pool only,
/// by one job at a time.
struct UploadFile: Sendable {
    /// Bytes after which the system is asked to begin writing to the disk, so that the sync at the
    /// end has little left to do.
    static let writeBackBytes: Int64 = 8 << 20
    /// Bytes of another file that are read at once.
    static let readBytes = 1 << 20

    let uploadID: String
    private let surroundings: FileBlobSurroundings
    private let path: String
    private var hashes: RunningHashes
    /// `nil` until the first write: a small blob is opened, written and published in one job.
    private var descriptor: CInt?
    /// Whether the name of the file is durable: it was suspended before.
    private var isNameDurable = false
    /// Bytes for which write-back was started.
    private var writeBackOffset: Int64 = 0
    /// Why nothing more can be written: bytes and hashes may differ from then on (I8).
    private var failure: RegistryError?
    private var isOver = false

    /// A new upload; its file is made by the first write.
    init(new hashes: ExtraHashes, _ surroundings: FileBlobSurroundings) throws(RegistryError) {
        uploadID = FileBlobLayout.makeUploadID()
        path = try surroundings.layout.path(ofUpload: uploadID)
        self.surroundings = surroundings
        self.hashes = RunningHashes(hashes)
    }

    /// The file of an upload that was suspended, opened and locked; `resume` comes next.
    ///
    /// - Throws: `conflict` when there is none, or another request is writing to it.
    init(locking uploadID: String, _ surroundings: FileBlobSurroundings) throws(RegistryError) {
        guard FileBlobLayout.isValid(uploadID: uploadID) else {
            throw Self.lost("it is of another store")
        }
        self.uploadID = uploadID
        path = try surroundings.layout.path(ofUpload: uploadID)
        self.surroundings = surroundings
        hashes = RunningHashes([])
        isNameDurable = true
        do throws(FileFailure) {
            descriptor = try surroundings.operations.open(path, for: .write)
        } catch {
            throw error.isMissing ? Self.lost("its bytes are gone") : RegistryError(error)
        }
        do throws(RegistryError) {
            try lock()
        } catch {
            close()
            throw error
        }
    }

    /// Takes the locked file to where it was suspended last.
    ///
    /// - Throws: `conflict` when the file is not the one that `state` describes.
    mutating func resume(_ state: UploadState) throws(RegistryError) {
        guard state.uploadID == uploadID,
            let hashes = RunningHashes(
                state: state.hashState, hashes: state.hashes, offset: state.offset)
        else {
            throw Self.lost("its state is of another store or version")
        }
        self.hashes = hashes
        writeBackOffset = state.offset
        try cut(to: state.offset)
    }

    /// Writes and hashes `buffers` behind what is there.
    mutating func append(_ buffers: [ByteBuffer]) throws(RegistryError) {
        if let failure { throw failure }
        guard !isOver else { return }
        do throws(RegistryError) {
            for buffer in buffers {
                try append(buffer)
            }
        } catch {
            failure = error
            throw error
        }
    }

    /// Writes and hashes all bytes of the file that is open as `source`, into an upload that has none
    /// yet; where the file system can, the two share their blocks.
    ///
    /// - Parameter reading: what a failure to read means to the caller.
    mutating func append(
        contentsOf source: CInt, _ onRead: @Sendable (_ bytes: Int64) -> Void,
        reading: (FileFailure) -> RegistryError
    ) throws(RegistryError) {
        let descriptor = try openedDescriptor()
        let isCloned = try translatingFailures { () throws(FileFailure) in
            try surroundings.operations.clone(source, to: descriptor)
        }
        var buffer = ByteBuffer()
        while true {
            buffer.clear(minimumCapacity: Self.readBytes)
            let count: Int
            do throws(FileFailure) {
                // What was cloned is read where nobody else can change it.
                count = try surroundings.operations.read(
                    Self.readBytes, from: isCloned ? descriptor : source,
                    at: hashes.countBytes, into: &buffer)
            } catch {
                throw reading(error)
            }
            guard count > 0 else { return }
            if isCloned {
                hashes.update(buffer)
            } else {
                try append(buffer)
            }
            onRead(Int64(count))
        }
    }

    /// Publishes the file under a new key once its bytes are what `expectation` says. Whatever it
    /// throws, nothing is left.
    mutating func commit(
        _ expectation: BlobExpectation
    ) throws(RegistryError) -> CommittedBlob {
        do throws(RegistryError) {
            if let failure { throw failure }
            let digests = hashes.digests()
            try expectation.verify(digests, size: hashes.countBytes)
            let key = FileBlobLayout.makeKey(for: digests.sha256)
            try publish(as: key)
            close()
            isOver = true
            return CommittedBlob(digests: digests, size: hashes.countBytes, key: key)
        } catch {
            abandon()
            throw error
        }
    }

    /// Makes what is there durable; the file stays locked until `release`.
    mutating func synchronizedState() throws(RegistryError) -> UploadState {
        if let failure { throw failure }
        try synchronize()
        if !isNameDurable {
            try translatingFailures { () throws(FileFailure) in
                try surroundings.folders.synchronize(surroundings.layout.uploadsFolder)
            }
        }
        return UploadState(
            uploadID: uploadID, offset: hashes.countBytes, hashes: hashes.extra,
            hashState: hashes.savedState())
    }

    /// Closes the file, and removes it when it was neither saved now nor suspended before.
    mutating func release(isSaved: Bool) {
        guard isSaved || isNameDurable else { return abandon() }
        close()
        isOver = true
    }

    /// Closes and removes the file. Doing it again, or after the upload has ended, changes nothing.
    mutating func abandon() {
        guard !isOver else { return }
        isOver = true
        guard descriptor != nil else { return }
        // What cannot be removed now is an orphan that the sweep finds.
        _ = try? surroundings.operations.remove(path)
        close()
    }

    // MARK: Steps

    private mutating func append(_ buffer: ByteBuffer) throws(RegistryError) {
        let descriptor = try openedDescriptor()
        var rest = buffer
        var offset = hashes.countBytes
        while rest.readableBytes > 0 {
            do throws(FileFailure) {
                let count = try surroundings.operations.write(rest, to: descriptor, at: offset)
                rest.moveReaderIndex(forwardBy: count)
                offset += Int64(count)
            } catch {
                throw RegistryError(error)
            }
        }
        hashes.update(buffer)
        if offset - writeBackOffset >= Self.writeBackBytes {
            surroundings.operations.startWriteBack(
                descriptor, at: writeBackOffset, lengthBytes: offset - writeBackOffset)
            writeBackOffset = offset
        }
    }

    private mutating func openedDescriptor() throws(RegistryError) -> CInt {
        if let descriptor { return descriptor }
        do throws(FileFailure) {
            let opened = try surroundings.operations.open(path, for: .create)
            descriptor = opened
            return opened
        } catch {
            throw RegistryError(error)
        }
    }

    private mutating func synchronize() throws(RegistryError) {
        let descriptor = try touchedDescriptor()
        try translatingFailures { () throws(FileFailure) in
            try surroundings.operations.synchronize(descriptor)
        }
    }

    private mutating func publish(as key: StorageKey) throws(RegistryError) {
        let descriptor = try touchedDescriptor()
        do throws(FileFailure) {
            try surroundings.folders.publish(path, descriptor, as: key)
        } catch {
            throw error.isMissing ? Self.lost("it was discarded meanwhile") : RegistryError(error)
        }
    }

    /// The last byte may have come a day before this call, and the sweep of orphans counts from here.
    private mutating func touchedDescriptor() throws(RegistryError) -> CInt {
        let descriptor = try openedDescriptor()
        try translatingFailures { () throws(FileFailure) in
            try surroundings.operations.setModified(descriptor, at: surroundings.clock.now())
        }
        return descriptor
    }

    /// Two requests that go on with one upload must not both write, and the file must still be an
    /// upload: whoever had the lock before may have published it.
    private func lock() throws(RegistryError) {
        guard let descriptor else { return }
        let operations = surroundings.operations
        let (isLocked, opened, named): (Bool, FileStatus, FileStatus?) =
            try translatingFailures { () throws(FileFailure) in
                (
                    try operations.tryLock(descriptor), try operations.status(of: descriptor),
                    try operations.status(at: path)
                )
            }
        guard isLocked else {
            throw RegistryError(
                .conflict, "another request is writing to this upload", reason: "upload_busy")
        }
        guard opened.number == named?.number, opened.isPlainFile else {
            throw Self.lost("it ended meanwhile")
        }
    }

    private func cut(to offset: Int64) throws(RegistryError) {
        guard let descriptor else { return }
        let operations = surroundings.operations
        let size = try translatingFailures { () throws(FileFailure) in
            try operations.status(of: descriptor).size
        }
        guard size >= offset else {
            throw Self.lost("\(offset) bytes were acknowledged and \(size) are there")
        }
        if size > offset {
            // Written after the last suspend, so nobody was told that these bytes are there (I8).
            try translatingFailures { () throws(FileFailure) in
                try operations.truncate(descriptor, to: offset)
            }
        }
    }

    private mutating func close() {
        if let descriptor {
            surroundings.operations.close(descriptor)
        }
        descriptor = nil
    }

    private static func lost(_ reason: String) -> RegistryError {
        RegistryError(
            .conflict, "this upload cannot go on, start a new one: \(reason)",
            reason: "upload_lost")
    }
}

/// What the parts of one file store share.
struct FileBlobSurroundings: Sendable {
    let layout: FileBlobLayout
    let operations: any FileOperations
    let folders: BlobFolders
    let pool: BlockingPool
    let clock: any RegistryClock
}
