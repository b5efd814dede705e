import CArchive
import Foundation
import NIOCore
import Registry

/// libarchive: the only place that calls it. Everything here blocks.
enum LibArchive {
    /// What is read from the blob at once, in bytes.
    static let pieceBytes = 256 * 1024

    /// The bytes of the only entry of a ZIP archive that lies in memory.
    ///
    /// - Throws: `malformed` when they cannot be unpacked, or are not `size` bytes.
    static func unpackEntry(
        _ archive: ByteBuffer, size: Int, name: String
    ) throws(RegistryError) -> [UInt8] {
        let result = archive.withUnsafeReadableBytes { bytes in
            Result { () throws(RegistryError) -> [UInt8] in
                let reader = try Reader()
                archive_read_support_format_zip_streamable(reader.archive)
                guard
                    archive_read_open_memory(reader.archive, bytes.baseAddress, bytes.count)
                        == ARCHIVE_OK
                else { throw reader.failure }
                guard try reader.nextEntry() != nil else {
                    throw RegistryError.archive("the entry '\(name.prefix(100))' is not there")
                }
                return try reader.readEntry(name, limitBytes: size)
            }
        }
        let bytes = try result.get()
        guard bytes.count == size else {
            throw RegistryError.archive(
                "the entry '\(name.prefix(100))' has \(bytes.count) bytes, not \(size)")
        }
        return bytes
    }

    /// Goes through a tape archive, compressed or not.
    static func readTape(
        _ blob: BlockingBlob<ArchiveContents>, _ limits: ArchiveLimits,
        where isWanted: (String) -> Bool
    ) throws(RegistryError) -> ArchiveContents {
        let reader = try Reader()
        archive_read_support_format_tar(reader.archive)
        archive_read_support_filter_gzip(reader.archive)
        archive_read_support_filter_bzip2(reader.archive)
        archive_read_support_filter_xz(reader.archive)
        archive_read_set_options(reader.archive, "hdrcharset=UTF-8")
        let source = BlobSource(blob)
        defer { withExtendedLifetime(source) {} }
        try reader.open(source)
        var contents = ArchiveContents()
        var names = ArchiveNames(limits)
        while let entry = try reader.nextEntry() {
            contents.entryCount += 1
            try limits.check(entryCount: contents.entryCount)
            contents.expandedBytes = contents.expandedBytes.addingClamped(max(0, entry.size))
            try limits.check(expandedBytes: contents.expandedBytes, of: blob.size)
            let name = try names.insert(entry.name, isFolder: entry.isFolder)
            guard let name, !entry.isFolder, isWanted(name) else { continue }
            try limits.check(entryBytes: entry.size, read: contents.readBytes, of: name)
            contents.files.append(
                ArchiveContents.File(
                    name: name,
                    bytes: try reader.readEntry(name, limitBytes: Int(entry.size))))
        }
        if let failure = source.failure { throw failure }
        guard contents.entryCount > 0 else {
            throw RegistryError.archive("it has no entries")
        }
        return contents
    }

    /// An entry's header.
    struct Entry {
        let name: String
        /// Bytes.
        let size: Int64
        let isFolder: Bool
    }

    /// A handle of libarchive's for reading, and the locale in which it reads names, which counts for
    /// this thread alone.
    final class Reader {
        let archive: OpaquePointer
        private let names: locale_t?
        private let previous: locale_t?
        private var source: BlobSource?

        init() throws(RegistryError) {
            guard let archive = archive_read_new() else {
                throw RegistryError(.internalError, "no memory is left to read an archive")
            }
            self.archive = archive
            names = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
            previous = names.flatMap { uselocale($0) }
        }

        deinit {
            archive_read_free(archive)
            if let names {
                uselocale(previous)
                freelocale(names)
            }
        }

        /// Lets the blob be what is read.
        func open(_ source: BlobSource) throws(RegistryError) {
            self.source = source
            archive_read_set_callback_data(archive, Unmanaged.passUnretained(source).toOpaque())
            archive_read_set_read_callback(archive) { _, source, bytes in
                guard let source, let bytes else { return -1 }
                return Unmanaged<BlobSource>.fromOpaque(source).takeUnretainedValue().read(bytes)
            }
            guard archive_read_open1(archive) == ARCHIVE_OK else { throw failure }
        }

        /// The next entry, or `nil` behind the last.
        func nextEntry() throws(RegistryError) -> Entry? {
            var entry: OpaquePointer?
            let status = archive_read_next_header(archive, &entry)
            if status == ARCHIVE_EOF { return nil }
            // A warning is about a name or a date that cannot be shown; the name is looked at below.
            guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry else { throw failure }
            guard let name = archive_entry_pathname_utf8(entry).map({ String(cString: $0) }) else {
                throw RegistryError.archive("the name of an entry is not UTF-8")
            }
            let type = UInt32(archive_entry_filetype(entry))
            let isFolder = type == 0o040000
            guard isFolder || type == 0o100000, archive_entry_hardlink(entry) == nil else {
                throw RegistryError.archive(
                    "the entry '\(name.prefix(100))' is a link or a device")
            }
            guard archive_entry_size_is_set(entry) != 0 || isFolder else {
                throw RegistryError.archive("the size of an entry is missing")
            }
            return Entry(name: name, size: archive_entry_size(entry), isFolder: isFolder)
        }

        /// The bytes of the entry whose header was read last.
        func readEntry(_ name: String, limitBytes limit: Int) throws(RegistryError) -> [UInt8] {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(limit)
            var piece = [UInt8](repeating: 0, count: 64 * 1024)
            while true {
                let count = archive_read_data(archive, &piece, piece.count)
                if count == 0 { return bytes }
                guard count > 0 else { throw failure }
                bytes.append(contentsOf: piece[..<count])
                guard bytes.count <= limit else {
                    throw RegistryError.archive(
                        "the entry '\(name.prefix(100))' has more than \(limit) bytes")
                }
            }
        }

        /// What libarchive says went wrong; what the blob says counts first.
        var failure: RegistryError {
            if let failure = source?.failure { return failure }
            let words = archive_error_string(archive).map { String(cString: $0) }
            return RegistryError.archive(
                "it cannot be unpacked", cause: words.map(Complaint.init))
        }
    }

    /// What libarchive said, for logs.
    struct Complaint: Error, CustomStringConvertible {
        let description: String

        init(_ words: String) { description = "libarchive: \(words)" }
    }

    /// The bytes of a blob, from its beginning to its end, as libarchive asks for them.
    final class BlobSource {
        private let blob: BlockingBlob<ArchiveContents>
        private var position: Int64 = 0
        /// The bytes that were handed out last: they have to stay where they are until more are asked
        /// for.
        private let memory: UnsafeMutableRawBufferPointer
        private(set) var failure: RegistryError?

        init(_ blob: BlockingBlob<ArchiveContents>) {
            self.blob = blob
            memory = .allocate(byteCount: LibArchive.pieceBytes, alignment: 16)
        }

        deinit {
            memory.deallocate()
        }

        func read(_ bytes: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
            do throws(RegistryError) {
                let limit = Int(min(Int64(LibArchive.pieceBytes), blob.size - position))
                guard limit > 0 else { return 0 }
                let piece = try blob.read(at: position, limitBytes: limit)
                piece.withUnsafeReadableBytes { memory.copyMemory(from: $0) }
                position += Int64(piece.readableBytes)
                bytes.pointee = UnsafeRawPointer(memory.baseAddress)
                return piece.readableBytes
            } catch {
                failure = error
                return -1
            }
        }
    }
}
