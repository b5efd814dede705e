import NIOCore
import Registry

/// All bytes of a blob, in memory.
final class RememberedBlob: BlobReader {
    let bytes: ByteBuffer

    var size: Int64 { Int64(bytes.readableBytes) }

    var fileDescriptor: CInt? { nil }

    init(_ bytes: ByteBuffer) {
        self.bytes = bytes
    }

    func read(at offset: Int64, limitBytes: Int) async throws(RegistryError) -> ByteBuffer {
        guard offset >= 0, limitBytes >= 0 else {
            throw RegistryError(.internalError, "the registry's storage failed")
        }
        let start = Int(min(offset, size))
        let count = min(limitBytes, bytes.readableBytes - start)
        return bytes.getSlice(at: bytes.readerIndex + start, length: count) ?? ByteBuffer()
    }
}
