import CArchive
public import NIOCore
public import Registry

/// Compresses derived documents, which are made once and sent many times.
///
/// *Source*: RFC 1952.
public enum Gzip {
    /// How much time is taken: little, since these documents repeat themselves and shrink to a tenth
    /// anyway.
    private static let level = "4"
    /// What the format adds to content that does not shrink at all, in bytes, beside a thousandth.
    private static let overheadBytes = 4096

    /// The content in gzip, without a time in it, so that the same content is the same bytes.
    ///
    /// - Throws: `internalError` when the library fails, for want of memory.
    public static func compress(_ content: ByteBuffer) throws(RegistryError) -> ByteBuffer {
        guard let archive = archive_write_new() else { throw failure(nil) }
        defer { archive_write_free(archive) }
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_filetype(entry, UInt32(S_IFREG))
        let capacity = content.readableBytes + content.readableBytes / 1000 + overheadBytes
        var compressed = ByteBuffer()
        var usedBytes = 0
        var isWritten = false
        compressed.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { target in
            isWritten =
                archive_write_add_filter_gzip(archive) == ARCHIVE_OK
                && archive_write_set_filter_option(archive, "gzip", "compression-level", level)
                    == ARCHIVE_OK
                && archive_write_set_filter_option(archive, "gzip", "timestamp", nil) == ARCHIVE_OK
                && archive_write_set_format_raw(archive) == ARCHIVE_OK
                && archive_write_open_memory(
                    archive, target.baseAddress, target.count, &usedBytes) == ARCHIVE_OK
                && archive_write_header(archive, entry) == ARCHIVE_OK
                && write(content, to: archive)
                && archive_write_close(archive) == ARCHIVE_OK
            return isWritten ? usedBytes : 0
        }
        guard isWritten else { throw failure(archive) }
        return compressed
    }

    private static func write(_ content: ByteBuffer, to archive: OpaquePointer) -> Bool {
        content.withUnsafeReadableBytes { source in
            source.isEmpty
                || archive_write_data(archive, source.baseAddress, source.count) == source.count
        }
    }

    private static func failure(_ archive: OpaquePointer?) -> RegistryError {
        struct Cause: Error, CustomStringConvertible {
            let description: String
        }
        let text = archive.flatMap { archive_error_string($0) }.map { String(cString: $0) }
        return RegistryError(
            .internalError, "a document could not be compressed",
            cause: Cause(description: text ?? "libarchive failed"))
    }
}
