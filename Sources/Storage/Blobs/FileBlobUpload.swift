import NIOCore
import Registry
import Synchronization

/// One upload into the file store. Chunks are gathered into a buffer; a full one is written and
/// hashed on the thread pool while the next fills, so at most two are in memory (I7). What fails in
/// the background is thrown by the next call.
final class FileBlobUpload: BlobUploadSink {
    /// Bytes that are gathered before they go to the thread pool.
    static let bufferBytes = 512 << 10

    private let pool: BlockingPool
    private let file: Mutex<UploadFile>
    private let progress: Mutex<Progress>

    /// The upload into `file`, which has `offset` bytes.
    init(_ file: UploadFile, offset: Int64, pool: BlockingPool) {
        self.file = Mutex(file)
        self.progress = Mutex(Progress(offset: offset))
        self.pool = pool
    }

    var offset: Int64 {
        progress.withLock { $0.offset }
    }

    func append(_ chunk: ByteBuffer) async throws(RegistryError) {
        let isFull = try progress.withLock { (progress) throws(RegistryError) -> Bool in
            if let failure = progress.job?.failure { throw failure }
            progress.add(chunk)
            return progress.gatheredBytes >= Self.bufferBytes
        }
        guard isFull else { return }
        try await finishWriting()
        progress.withLock { progress in
            let buffers = progress.takeGathered()
            progress.job = pool.start { () throws(RegistryError) in
                try self.file.withLock { (file) throws(RegistryError) in try file.append(buffers) }
            }
        }
    }

    func commit(_ expectation: BlobExpectation) async throws(RegistryError) -> CommittedBlob {
        try await finishWriting()
        let rest = progress.withLock { $0.takeGathered() }
        return try await pool.run { () throws(RegistryError) in
            try self.file.withLock { (file) throws(RegistryError) in
                // Its failure is kept, and thrown by the commit, which cleans up.
                try? file.append(rest)
                return try file.commit(expectation)
            }
        }
    }

    func suspend(
        _ save: @Sendable (UploadState) async throws(RegistryError) -> Void
    ) async throws(RegistryError) {
        do throws(RegistryError) {
            try await finishWriting()
            let rest = progress.withLock { $0.takeGathered() }
            let state = try await pool.run { () throws(RegistryError) in
                try self.file.withLock { (file) throws(RegistryError) in
                    try file.append(rest)
                    return try file.synchronizedState()
                }
            }
            try await save(state)
            await release(isSaved: true)
        } catch {
            await release(isSaved: false)
            throw error
        }
    }

    /// Takes the locked file to the state that counts now.
    func resume(
        _ readState: @Sendable () async throws(RegistryError) -> UploadState
    ) async throws(RegistryError) {
        do throws(RegistryError) {
            let state = try await readState()
            try await pool.run { () throws(RegistryError) in
                try self.file.withLock { (file) throws(RegistryError) in
                    try file.resume(state)
                }
            }
            progress.withLock { $0 = Progress(offset: state.offset) }
        } catch {
            await release(isSaved: true)
            throw error
        }
    }

    /// Lets others write to the file; one that nobody was told of is removed.
    private func release(isSaved: Bool) async {
        await withCheckedContinuation { continuation in
            pool.runLater {
                self.file.withLock { $0.release(isSaved: isSaved) }
                continuation.resume()
            }
        }
    }

    func discard() {
        pool.runLater {
            self.file.withLock { $0.abandon() }
        }
    }

    /// Awaits the buffer that is being written, if there is one.
    private func finishWriting() async throws(RegistryError) {
        guard let job = progress.withLock({ $0.job }) else { return }
        try await job.wait()
        progress.withLock { $0.job = nil }
    }
}

/// What an upload has taken and not yet handed to the thread pool.
private struct Progress: Sendable {
    /// Bytes taken, written or not.
    var offset: Int64
    /// The write that is under way.
    var job: PoolJob?
    private(set) var gatheredBytes = 0
    private var gathered: [ByteBuffer] = []
    /// Whether the last of `gathered` is a copy that can take more.
    private var isLastOwn = false

    init(offset: Int64) {
        self.offset = offset
    }

    /// Keeps `chunk`, or copies it when it would hold much more memory than it has bytes: a slice of
    /// a few bytes keeps the whole receive buffer.
    mutating func add(_ chunk: ByteBuffer) {
        offset += Int64(chunk.readableBytes)
        gatheredBytes += chunk.readableBytes
        if chunk.readableBytes * 2 >= chunk.storageCapacity {
            gathered.append(chunk)
            isLastOwn = false
        } else if isLastOwn {
            gathered[gathered.count - 1].writeImmutableBuffer(chunk)
        } else {
            var copy = ByteBufferAllocator().buffer(capacity: chunk.readableBytes)
            copy.writeImmutableBuffer(chunk)
            gathered.append(copy)
            isLastOwn = true
        }
    }

    mutating func takeGathered() -> [ByteBuffer] {
        defer {
            gathered = []
            gatheredBytes = 0
            isLastOwn = false
        }
        return gathered
    }
}
