/// What an archive was found to have.
public struct ArchiveContents: Hashable, Sendable {
    /// An entry that was asked for, with its bytes.
    public struct File: Hashable, Sendable {
        /// The name in the archive, with slashes between its segments and none at its ends.
        public let name: String
        public let bytes: [UInt8]

        public init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    /// The entries that were asked for, in the order of the archive.
    public var files: [File] = []
    /// All entries, folders included.
    public var entryCount = 0
    /// Bytes of all entries when they are unpacked.
    public var expandedBytes: Int64 = 0

    public init() {}

    /// Bytes of the entries that were asked for.
    var readBytes: Int { files.reduce(0) { $0 + $1.bytes.count } }
}
