import NIOCore
import Registry

/// An opened blob of the file store. It owns the descriptor, so the bytes stay readable when the
/// blob is removed.
final class FileBlobReader: BlobReader {
    /// The most bytes of a blob that are read together with opening it, which saves a small blob the
    /// second hop to the thread pool.
    static let prefetchLimitBytes: Int64 = 64 << 10
    /// The most bytes of a blob that is closed in place. Closing a removed one frees its blocks,
    /// which takes its time when there are many.
    static let closeInPlaceLimitBytes: Int64 = 16 << 20

    let size: Int64
    private let descriptor: CInt
    private let surroundings: FileBlobSurroundings
    /// All bytes of a small blob.
    private let prefetched: ByteBuffer?

    var fileDescriptor: CInt? { descriptor }

    /// Opens the blob at `path`. Blocks.
    ///
    /// - Throws: `notFound` when there is none.
    init(path: String, _ surroundings: FileBlobSurroundings) throws(RegistryError) {
        let operations = surroundings.operations
        let descriptor: CInt
        do throws(FileFailure) {
            descriptor = try operations.open(path, for: .read)
        } catch {
            throw error.isMissing ? Self.missing : RegistryError(error)
        }
        do throws(RegistryError) {
            let status = try translatingFailures { () throws(FileFailure) in
                try operations.status(of: descriptor)
            }
            guard status.isPlainFile else { throw Self.missing }
            size = status.size
            prefetched =
                status.size <= Self.prefetchLimitBytes
                ? try Self.read(descriptor, at: 0, count: Int(status.size), operations) : nil
        } catch {
            operations.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.surroundings = surroundings
    }

    deinit {
        let (operations, descriptor) = (surroundings.operations, descriptor)
        if size <= Self.closeInPlaceLimitBytes {
            operations.close(descriptor)
        } else {
            surroundings.pool.runLater { operations.close(descriptor) }
        }
    }

    func read(at offset: Int64, limitBytes: Int) async throws(RegistryError) -> ByteBuffer {
        guard offset >= 0, limitBytes >= 0 else {
            throw RegistryError(.internalError, "the registry's storage failed")
        }
        let count = Int(max(0, min(Int64(limitBytes), size - min(offset, size))))
        if let prefetched {
            let start = Int(min(offset, size))
            return prefetched.getSlice(at: start, length: count) ?? ByteBuffer()
        }
        guard count > 0 else { return ByteBuffer() }
        return try await surroundings.pool.run { () throws(RegistryError) in
            try Self.read(self.descriptor, at: offset, count: count, self.surroundings.operations)
        }
    }

    /// Exactly `count` bytes from `offset`.
    private static func read(
        _ descriptor: CInt, at offset: Int64, count: Int, _ operations: any FileOperations
    ) throws(RegistryError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        while buffer.readableBytes < count {
            let done = buffer.readableBytes
            let read: Int
            do throws(FileFailure) {
                read = try operations.read(
                    count - done, from: descriptor, at: offset + Int64(done), into: &buffer)
            } catch {
                throw RegistryError(error)
            }
            guard read > 0 else {
                throw RegistryError(
                    .internalError, "what is stored here is damaged: it ends too early")
            }
        }
        return buffer
    }

    private static var missing: RegistryError {
        RegistryError(.notFound, "the bytes of this file are not in the registry's storage")
    }
}
