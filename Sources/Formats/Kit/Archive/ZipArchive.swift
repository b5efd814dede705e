import NIOCore
import Registry

/// Reads a ZIP archive by its central directory, and makes sure that whoever reads it from its
/// beginning, entry by entry, finds the very same.
///
/// The archive begins with its first entry, entries follow each other without gaps or overlaps, the
/// directory follows the last of them, and the one end of the directory ends the file.
///
/// *Source*: PKWARE, "APPNOTE.TXT – .ZIP File Format Specification", 6.3.10.
struct ZipArchive: Sendable {
    private let limits: ArchiveLimits
    private var window: BlobWindow

    init(_ blob: any BlobReader, _ limits: ArchiveLimits) {
        self.limits = limits
        window = BlobWindow(blob)
    }

    func read(
        where isWanted: @escaping @Sendable (String) -> Bool
    ) async throws(RegistryError) -> ArchiveContents {
        var walk = self
        return try await walk.walk(where: isWanted)
    }

    private mutating func walk(
        where isWanted: (String) -> Bool
    ) async throws(RegistryError) -> ArchiveContents {
        let directory = try await ZipDirectoryEnd(reading: &window)
        try limits.check(entryCount: Int(clamping: directory.entryCount))
        var contents = ArchiveContents()
        var names = ArchiveNames(limits)
        var position = directory.offset
        var expected: Int64 = 0
        // The directory and the entries are read in turns: a window for each.
        var entries = BlobWindow(window.blob)
        for _ in 0..<directory.entryCount {
            let entry = try await ZipEntry(reading: &window, at: &position, end: directory.end)
            guard entry.offset == expected else {
                throw RegistryError.archive("its entries do not follow each other")
            }
            let data = try await entry.findData(&entries, before: directory.offset)
            expected = data.next
            contents.entryCount += 1
            contents.expandedBytes = contents.expandedBytes.addingClamped(entry.size)
            try limits.check(
                expandedBytes: contents.expandedBytes, of: window.blob.size)
            let name = try names.insert(entry.name, isFolder: entry.isFolder)
            guard let name, !entry.isFolder, isWanted(name) else { continue }
            try limits.check(entryBytes: entry.size, read: contents.readBytes, of: name)
            let bytes = try await entry.read(data.start, from: window.blob, limits)
            contents.files.append(ArchiveContents.File(name: name, bytes: bytes))
        }
        guard position == directory.end else {
            throw RegistryError.archive("its directory is larger than its entries")
        }
        guard expected == directory.offset else {
            throw RegistryError.archive("something lies between its entries and its directory")
        }
        return contents
    }
}

/// The end of a central directory: the only one, and the last thing in the file.
private struct ZipDirectoryEnd {
    static let recordBytes = 22
    static let commentLimitBytes = 65_535
    static let signature: UInt32 = 0x0605_4B50

    /// Where the directory begins.
    let offset: Int64
    /// Behind its last entry.
    let end: Int64
    let entryCount: Int64

    init(reading window: inout BlobWindow) async throws(RegistryError) {
        let size = window.blob.size
        let tailBytes = min(size, Int64(Self.recordBytes + Self.commentLimitBytes))
        let tail = try await window.blob.read(at: size - tailBytes, limitBytes: Int(tailBytes))
        let starts = Self.signatures(in: tail)
        guard let start = starts.last, starts.count == 1,
            var record = tail.getSlice(
                at: start, length: tail.writerIndex - start)
        else {
            throw RegistryError.archive(
                starts.isEmpty
                    ? "it has no end of a directory, so it is no ZIP file or a part of one"
                    : "it has two ends of a directory")
        }
        let recordOffset = size - Int64(tail.writerIndex - start)
        guard let fields = record.readDirectoryEnd() else {
            throw RegistryError.archive("the end of its directory is cut off")
        }
        guard Int(fields.commentBytes) == record.readableBytes else {
            throw RegistryError.archive("something follows its end")
        }
        guard fields.isOneDisk else { throw RegistryError.archive("it is a part of several") }
        var directory = (
            offset: Int64(fields.offset), size: Int64(fields.size), count: Int64(fields.count)
        )
        var end = recordOffset
        if fields.offset == .max || fields.size == .max || fields.count == .max {
            guard let large = try await Self.readLarge(&window, before: recordOffset) else {
                throw RegistryError.archive("the end of its directory is damaged")
            }
            guard fields.agrees(with: large) else {
                throw RegistryError.archive("the two forms of its end differ")
            }
            directory = (large.offset, large.size, large.count)
            end = large.start
        } else if try await Self.readLarge(&window, before: recordOffset) != nil {
            // One reader would believe the large form, another the small one.
            throw RegistryError.archive("it has an end of the large form that it does not need")
        }
        guard directory.offset >= 0, directory.size >= 0, directory.count >= 0,
            directory.offset.addingClamped(directory.size) == end
        else { throw RegistryError.archive("its directory does not end where it says") }
        self.offset = directory.offset
        self.end = end
        self.entryCount = directory.count
    }

    /// The end in the form for large archives, with where it begins; `nil` when there is none.
    private static func readLarge(
        _ window: inout BlobWindow, before offset: Int64
    ) async throws(RegistryError) -> (
        start: Int64, offset: Int64, size: Int64, count: Int64
    )? {
        guard offset >= 20, var locator = try await window.read(at: offset - 20, count: 20),
            locator.readInteger(endianness: .little, as: UInt32.self) == 0x0706_4B50
        else { return nil }
        let disk = locator.readInteger(endianness: .little, as: UInt32.self)
        let start = locator.readInteger(endianness: .little, as: Int64.self) ?? -1
        guard disk == 0, start >= 0, start == offset - 20 - 56,
            var record = try await window.read(at: start, count: 56),
            record.readInteger(endianness: .little, as: UInt32.self) == 0x0606_4B50,
            // What follows the length; nothing may be added to it.
            record.readInteger(endianness: .little, as: Int64.self) == 44
        else { throw RegistryError.archive("the end of its directory is damaged") }
        record.moveReaderIndex(forwardBy: 4)
        let disks = record.readMultipleIntegers(
            endianness: .little, as: (UInt32, UInt32).self)
        guard let disks, disks == (0, 0),
            let (count, total, size, directory) = record.readMultipleIntegers(
                endianness: .little, as: (Int64, Int64, Int64, Int64).self),
            count == total
        else { throw RegistryError.archive("it is a part of several") }
        return (start, directory, size, count)
    }

    /// Where the signature stands, counted in `buffer`.
    private static func signatures(in buffer: ByteBuffer) -> [Int] {
        var starts: [Int] = []
        var rest = buffer.readableBytesView
        while let start = rest.firstIndex(of: 0x50) {
            if buffer.getInteger(at: start, endianness: .little, as: UInt32.self) == signature,
                buffer.writerIndex - start >= 4
            {
                starts.append(start)
            }
            rest = rest[(start + 1)...]
        }
        return starts
    }
}

/// What the record at the end of an archive says.
private struct ZipEndFields {
    let isOneDisk: Bool
    let count: UInt16
    let size: UInt32
    let offset: UInt32
    let commentBytes: UInt16

    /// Whether what is said here is said by the large form as well; the largest value of each field
    /// says to look there.
    func agrees(
        with large: (start: Int64, offset: Int64, size: Int64, count: Int64)
    ) -> Bool {
        (offset == .max || Int64(offset) == large.offset)
            && (size == .max || Int64(size) == large.size)
            && (count == .max || Int64(count) == large.count)
    }
}

extension ByteBuffer {
    fileprivate mutating func readDirectoryEnd() -> ZipEndFields? {
        moveReaderIndex(forwardBy: 4)
        guard
            let (disk, directoryDisk, countHere, count) = readMultipleIntegers(
                endianness: .little, as: (UInt16, UInt16, UInt16, UInt16).self),
            let (size, offset) = readMultipleIntegers(
                endianness: .little, as: (UInt32, UInt32).self),
            let commentBytes = readInteger(endianness: .little, as: UInt16.self)
        else { return nil }
        let isOneDisk = (disk == 0 || disk == .max) && (directoryDisk == 0 || directoryDisk == .max)
        return ZipEndFields(
            isOneDisk: isOneDisk && countHere == count, count: count, size: size, offset: offset,
            commentBytes: commentBytes)
    }
}

extension Int64 {
    /// The sum, or the largest number where it is larger; neither may be negative.
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
