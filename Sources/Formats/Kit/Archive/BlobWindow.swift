import NIOCore
import Registry

/// Reads small pieces of a blob that lie near each other with few reads, and little memory.
struct BlobWindow: Sendable {
    /// What is read at once, in bytes.
    static let sizeBytes = 32 * 1024

    let blob: any BlobReader
    private var start: Int64 = 0
    private var bytes = ByteBuffer()

    init(_ blob: any BlobReader) {
        self.blob = blob
    }

    /// `count` bytes from `offset`, or `nil` when the blob does not have them.
    mutating func read(at offset: Int64, count: Int) async throws(RegistryError) -> ByteBuffer? {
        guard offset >= 0, count >= 0, offset <= blob.size - Int64(count) else { return nil }
        let end = start + Int64(bytes.readableBytes)
        if offset < start || offset + Int64(count) > end {
            bytes = try await blob.read(at: offset, limitBytes: max(count, Self.sizeBytes))
            start = offset
        }
        return bytes.getSlice(
            at: bytes.readerIndex + Int(offset - start), length: count)
    }
}
