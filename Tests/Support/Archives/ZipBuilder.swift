/// Makes ZIP archives, and such as are none.
///
/// *Source*: PKWARE, "APPNOTE.TXT".
public struct ZipBuilder: Sendable {
    /// An entry, and what is wrong about it.
    public struct Entry: Sendable {
        public var name: String
        public var bytes: [UInt8]
        public var isDeflated = true
        /// Whether the sizes stand behind the bytes.
        public var hasDescriptor = false
        /// Whether what stands behind the bytes begins with its signature.
        public var isDescriptorSigned = true
        /// The mode in Unix, with the type of the file.
        public var mode: UInt32 = 0o100644
        /// The name in the local header.
        public var localName: String?
        /// The size that the directory says; `nil` for the right one.
        public var claimedSize: UInt32?
        /// The checksum that both headers say; `nil` for the right one.
        public var claimedChecksum: UInt32?
        public var flags: UInt16 = 0
        /// The number of the method; `nil` for that of `isDeflated`.
        public var method: UInt16?
        /// Bytes between the entry and the one before it.
        public var gap: [UInt8] = []
        /// The extra fields in the directory.
        public var extra: [UInt8] = []
        /// Whether the directory leaves the entry out.
        public var isHidden = false

        public init(_ name: String, _ text: String = "") {
            self.init(name, bytes: Array(text.utf8))
        }

        public init(_ name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
            if name.hasSuffix("/") { mode = 0o040755 }
        }
    }

    public var entries: [Entry]
    /// What stands before the first entry.
    public var prefix: [UInt8] = []
    public var comment: [UInt8] = []
    /// What stands behind the end.
    public var suffix: [UInt8] = []
    /// Whether the end is written in the form for large archives, too.
    public var isLarge = false

    public init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// An archive of these texts by their names.
    public init(_ texts: KeyValuePairs<String, String>) {
        self.init(texts.map { Entry($0.key, $0.value) })
    }

    /// The bytes of the archive.
    public func build() -> [UInt8] {
        var archive = prefix
        var directory: [UInt8] = []
        for entry in entries {
            archive += entry.gap
            let offset = UInt32(archive.count)
            let data = entry.isDeflated ? Deflate.store(entry.bytes) : entry.bytes
            let checksum = entry.claimedChecksum ?? Deflate.crc32(entry.bytes)
            let sizes =
                LittleEndian.bytes(checksum) + LittleEndian.bytes(UInt32(data.count))
                + LittleEndian.bytes(UInt32(entry.bytes.count))
            let flags = entry.flags | (entry.hasDescriptor ? 8 : 0)
            let method = entry.method ?? (entry.isDeflated ? 8 : 0)
            let head =
                LittleEndian.bytes(UInt16(20)) + LittleEndian.bytes(flags)
                + LittleEndian.bytes(method) + [0, 0, 0, 0]
            let localName = Array((entry.localName ?? entry.name).utf8)
            archive += LittleEndian.bytes(UInt32(0x0403_4B50)) + head
            archive += entry.hasDescriptor ? [UInt8](repeating: 0, count: 12) : sizes
            archive += LittleEndian.bytes(UInt16(localName.count)) + [0, 0] + localName + data
            if entry.hasDescriptor {
                if entry.isDescriptorSigned { archive += LittleEndian.bytes(UInt32(0x0807_4B50)) }
                archive += sizes
            }
            guard !entry.isHidden else { continue }
            let claimed = entry.claimedSize ?? UInt32(entry.bytes.count)
            let name = Array(entry.name.utf8)
            directory += LittleEndian.bytes(UInt32(0x0201_4B50))
            directory += LittleEndian.bytes(UInt16(3 << 8 | 20)) + head
            directory += LittleEndian.bytes(checksum) + LittleEndian.bytes(UInt32(data.count))
            directory += LittleEndian.bytes(claimed) + LittleEndian.bytes(UInt16(name.count))
            directory += LittleEndian.bytes(UInt16(entry.extra.count))
            directory += [UInt8](repeating: 0, count: 6)
            directory += LittleEndian.bytes(entry.mode << 16) + LittleEndian.bytes(offset)
            directory += name + entry.extra
        }
        return archive + directory + end(directory, at: archive.count)
    }

    private func end(_ directory: [UInt8], at offset: Int) -> [UInt8] {
        let count = UInt16(entries.filter { !$0.isHidden }.count)
        var end: [UInt8] = []
        if isLarge {
            end += LittleEndian.bytes(UInt32(0x0606_4B50)) + LittleEndian.bytes(UInt64(44))
            end += LittleEndian.bytes(UInt16(45)) + LittleEndian.bytes(UInt16(45))
            end += [UInt8](repeating: 0, count: 8)
            end += LittleEndian.bytes(UInt64(count)) + LittleEndian.bytes(UInt64(count))
            end += LittleEndian.bytes(UInt64(directory.count)) + LittleEndian.bytes(UInt64(offset))
            end += LittleEndian.bytes(UInt32(0x0706_4B50)) + LittleEndian.bytes(UInt32(0))
            end += LittleEndian.bytes(UInt64(offset + directory.count))
            end += LittleEndian.bytes(UInt32(1))
        }
        end += LittleEndian.bytes(UInt32(0x0605_4B50)) + [0, 0, 0, 0]
        end += LittleEndian.bytes(count) + LittleEndian.bytes(count)
        end += LittleEndian.bytes(UInt32(directory.count))
        end += LittleEndian.bytes(isLarge ? UInt32.max : UInt32(offset))
        return end + LittleEndian.bytes(UInt16(comment.count)) + comment + suffix
    }
}
