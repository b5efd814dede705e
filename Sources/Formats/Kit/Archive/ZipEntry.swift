import NIOCore
import Registry

/// An entry of a ZIP archive, as its central directory has it.
///
/// *Source*: PKWARE, "APPNOTE.TXT", sections 4.3.7, 4.3.9, 4.3.12 and 4.5.3.
struct ZipEntry: Sendable {
    /// How the bytes are kept.
    enum Method: UInt16 {
        case stored = 0
        case deflated = 8
    }

    let name: String
    /// The name as it is written.
    private let nameBytes: ByteBuffer
    private let flags: UInt16
    private let method: Method
    private let checksum: UInt32
    private let packedBytes: Int64
    /// Bytes when it is unpacked.
    let size: Int64
    /// Where its local header begins.
    let offset: Int64
    let isFolder: Bool

    private static let isEncryptedFlags: UInt16 = 0x2041
    private static let hasDescriptorFlag: UInt16 = 0x0008

    /// Reads the entry at `position` of the directory, and moves behind it.
    init(
        reading window: inout BlobWindow, at position: inout Int64, end: Int64
    ) async throws(RegistryError) {
        let damaged = RegistryError.archive("its directory is damaged")
        guard position <= end - 46, var head = try await window.read(at: position, count: 46),
            head.readInteger(endianness: .little, as: UInt32.self) == 0x0201_4B50,
            let (madeBy, _, flags, method) = head.readMultipleIntegers(
                endianness: .little, as: (UInt16, UInt16, UInt16, UInt16).self),
            let (_, checksum, packed, size) = head.readMultipleIntegers(
                endianness: .little, as: (UInt32, UInt32, UInt32, UInt32).self),
            let (nameCount, extraCount, commentCount, disk, _) = head.readMultipleIntegers(
                endianness: .little, as: (UInt16, UInt16, UInt16, UInt16, UInt16).self),
            let (attributes, offset) = head.readMultipleIntegers(
                endianness: .little, as: (UInt32, UInt32).self)
        else { throw damaged }
        let restCount = Int(nameCount) + Int(extraCount) + Int(commentCount)
        guard position <= end - 46 - Int64(restCount),
            var rest = try await window.read(at: position + 46, count: restCount),
            let nameBytes = rest.readSlice(length: Int(nameCount)),
            let extra = rest.readSlice(length: Int(extraCount))
        else { throw damaged }
        position += 46 + Int64(restCount)
        guard let name = String(validating: nameBytes.readableBytesView, as: UTF8.self) else {
            throw RegistryError.archive("the name of an entry is not UTF-8")
        }
        guard flags & Self.isEncryptedFlags == 0 else {
            throw RegistryError.archive("the entry '\(name.prefix(100))' is encrypted")
        }
        guard let method = Method(rawValue: method) else {
            throw RegistryError.archive(
                "the entry '\(name.prefix(100))' is neither stored nor deflated")
        }
        let large = try ZipLargeFields(
            extra, name: nameBytes, wantsSize: size == .max, wantsPacked: packed == .max,
            wantsOffset: offset == .max)
        self.name = name
        self.nameBytes = nameBytes
        self.flags = flags
        self.method = method
        self.checksum = checksum
        self.size = large.size ?? Int64(size)
        packedBytes = large.packed ?? Int64(packed)
        self.offset = large.offset ?? Int64(offset)
        isFolder = name.hasSuffix("/")
        guard disk == 0 || disk == .max else {
            throw RegistryError.archive("it is a part of several")
        }
        try check(mode: madeBy >> 8 == 3 || madeBy >> 8 == 19 ? attributes >> 16 : 0)
    }

    /// Refuses what is neither a file nor a folder, by its mode in Unix; 0 says nothing.
    private func check(mode: UInt32) throws(RegistryError) {
        let type = mode & 0o170000
        guard type == 0 || type == (isFolder ? 0o040000 : 0o100000) else {
            throw RegistryError.archive(
                "the entry '\(name.prefix(100))' is neither a file nor a folder")
        }
        guard size >= 0, packedBytes >= 0, offset >= 0 else {
            throw RegistryError.archive("its directory is damaged")
        }
        guard method == .deflated || size == packedBytes, !isFolder || size == 0 else {
            throw RegistryError.archive(
                "the entry '\(name.prefix(100))' has two sizes")
        }
    }

    /// Where the bytes begin, and where the next entry has to: by the local header, which has to say
    /// what the directory says.
    func findData(
        _ window: inout BlobWindow, before limit: Int64
    ) async throws(RegistryError) -> (start: Int64, next: Int64) {
        let differs = RegistryError.archive(
            "the entry '\(name.prefix(100))' is not what the directory says")
        guard var head = try await window.read(at: offset, count: 30),
            head.readInteger(endianness: .little, as: UInt32.self) == 0x0403_4B50,
            let (_, flags, method) = head.readMultipleIntegers(
                endianness: .little, as: (UInt16, UInt16, UInt16).self),
            let (_, checksum, packed, size) = head.readMultipleIntegers(
                endianness: .little, as: (UInt32, UInt32, UInt32, UInt32).self),
            let (nameCount, extraCount) = head.readMultipleIntegers(
                endianness: .little, as: (UInt16, UInt16).self),
            var rest = try await window.read(
                at: offset + 30, count: Int(nameCount) + Int(extraCount)),
            let name = rest.readSlice(length: Int(nameCount))
        else { throw differs }
        let hasDescriptor = flags & Self.hasDescriptorFlag != 0
        guard name == nameBytes, method == self.method.rawValue,
            hasDescriptor == (self.flags & Self.hasDescriptorFlag != 0)
        else { throw differs }
        let large = try ZipLargeFields(
            rest, name: name, wantsSize: size == .max, wantsPacked: packed == .max,
            wantsOffset: false)
        let said = (large.size ?? Int64(size), large.packed ?? Int64(packed), checksum)
        // What is written behind the bytes may be missing, or be there, in front of them.
        guard
            said == (self.size, packedBytes, self.checksum)
                || hasDescriptor && said == (0, 0, 0)
        else { throw differs }
        let start = offset + 30 + Int64(nameCount) + Int64(extraCount)
        let end = start.addingClamped(packedBytes)
        guard end <= limit else { throw differs }
        guard hasDescriptor else { return (start, end) }
        guard let next = try await findDescriptorEnd(&window, at: end, before: limit) else {
            throw differs
        }
        return (start, next)
    }

    /// The end of the sizes behind the bytes: with or without a signature, of 4 or of 8 bytes each.
    private func findDescriptorEnd(
        _ window: inout BlobWindow, at start: Int64, before limit: Int64
    ) async throws(RegistryError) -> Int64? {
        for isSigned in [true, false] {
            for isLarge in [false, true] {
                let count = (isSigned ? 4 : 0) + (isLarge ? 20 : 12)
                guard start <= limit - Int64(count),
                    var record = try await window.read(at: start, count: count)
                else { continue }
                if isSigned {
                    guard record.readInteger(endianness: .little, as: UInt32.self) == 0x0807_4B50
                    else { continue }
                }
                let checksum = record.readInteger(endianness: .little, as: UInt32.self)
                let packed = record.readSize(isLarge)
                let size = record.readSize(isLarge)
                let next = start + Int64(count)
                guard checksum == self.checksum, packed == packedBytes, size == self.size,
                    try await isBoundary(&window, at: next, limit)
                else { continue }
                return next
            }
        }
        return nil
    }

    /// Whether an entry begins here, or the directory.
    private func isBoundary(
        _ window: inout BlobWindow, at offset: Int64, _ limit: Int64
    ) async throws(RegistryError) -> Bool {
        if offset == limit { return true }
        guard var next = try await window.read(at: offset, count: 4) else { return false }
        return next.readInteger(endianness: .little, as: UInt32.self) == 0x0403_4B50
    }

    /// The bytes, unpacked and compared with their checksum.
    func read(
        _ start: Int64, from blob: any BlobReader, _ limits: ArchiveLimits
    ) async throws(RegistryError) -> [UInt8] {
        // Bytes that do not pack grow by a few in each block.
        guard packedBytes <= Int64(limits.entryBytes) + 65_536 else {
            throw RegistryError.archiveLimit(
                "'\(name.prefix(100))' has more than \(limits.entryBytes) bytes")
        }
        // A whole archive of this one entry, whose header says all that there is to say.
        var archive = ByteBuffer()
        archive.writeMultipleIntegers(
            UInt32(0x0403_4B50), UInt16(20), UInt16(0), method.rawValue, UInt32(0), checksum,
            UInt32(packedBytes), UInt32(size), UInt16(1), UInt16(0), endianness: .little)
        archive.writeString("e")
        var position = start
        while position < start + packedBytes {
            let wanted = Int(min(start + packedBytes - position, 1 << 20))
            var piece = try await blob.read(at: position, limitBytes: wanted)
            guard piece.readableBytes == wanted else {
                throw RegistryError.archive("it ends inside an entry")
            }
            position += Int64(wanted)
            archive.writeBuffer(&piece)
        }
        let (bytes, expected, name) = (archive, Int(size), name)
        return try await BlockingBlob<[UInt8]>.run(blob) { (_) throws(RegistryError) in
            try LibArchive.unpackEntry(bytes, size: expected, name: name)
        }
    }
}

extension ByteBuffer {
    /// A size of 8 bytes, or of 4.
    fileprivate mutating func readSize(_ isLarge: Bool) -> Int64? {
        isLarge
            ? readInteger(endianness: .little, as: Int64.self)
            : readInteger(endianness: .little, as: UInt32.self).map(Int64.init)
    }
}

/// The numbers that do not fit into the fields of a header, from its extra fields.
///
/// *Source*: PKWARE, "APPNOTE.TXT", sections 4.5.3 and 4.6.9.
struct ZipLargeFields {
    private(set) var size: Int64?
    private(set) var packed: Int64?
    private(set) var offset: Int64?

    private static let largeID: UInt16 = 0x0001
    private static let unicodePathID: UInt16 = 0x7075

    /// - Parameter name: the name in the header, which another one would contradict.
    init(
        _ extra: ByteBuffer, name: ByteBuffer, wantsSize: Bool, wantsPacked: Bool,
        wantsOffset: Bool
    ) throws(RegistryError) {
        let damaged = RegistryError.archive("the extra fields of an entry are damaged")
        var extra = extra
        var hasLarge = false
        while extra.readableBytes > 0 {
            guard
                let (id, count) = extra.readMultipleIntegers(
                    endianness: .little, as: (UInt16, UInt16).self),
                var field = extra.readSlice(length: Int(count))
            else {
                // Some writers pad with zeros.
                guard extra.readableBytesView.allSatisfy({ $0 == 0 }), extra.readableBytes < 4
                else { throw damaged }
                break
            }
            switch id {
            case Self.largeID:
                guard !hasLarge else { throw damaged }
                hasLarge = true
                if wantsSize { size = field.readInteger(endianness: .little) }
                if wantsPacked { packed = field.readInteger(endianness: .little) }
                if wantsOffset { offset = field.readInteger(endianness: .little) }
            case Self.unicodePathID:
                // A version, a checksum of the name, and a name that some readers prefer.
                field.moveReaderIndex(forwardBy: min(5, field.readableBytes))
                guard field == name else {
                    throw RegistryError.archive("an entry has two names")
                }
            default:
                break
            }
        }
        try requireAll(wantsSize, wantsPacked, wantsOffset)
    }

    private func requireAll(
        _ wantsSize: Bool, _ wantsPacked: Bool, _ wantsOffset: Bool
    ) throws(RegistryError) {
        guard !wantsSize || size != nil, !wantsPacked || packed != nil,
            !wantsOffset || offset != nil
        else { throw RegistryError.archive("the size of an entry is missing") }
    }
}
