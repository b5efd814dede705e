public import NIOCore
public import Registry

/// Every call that the file store makes to the operating system, so that a test can count them and
/// fail any one. All of them block: they are made on the thread pool only.
public protocol FileOperations: Sendable {
    /// Opens `path` and gives the descriptor, which the caller closes.
    func open(_ path: String, for access: FileAccess) throws(FileFailure) -> CInt

    /// Closes `descriptor`. What could fail here has been found by `synchronize` before.
    func close(_ descriptor: CInt)

    /// Writes bytes from the front of `bytes` at `offset`, and gives how many: at least one.
    func write(
        _ bytes: ByteBuffer, to descriptor: CInt, at offset: Int64
    ) throws(FileFailure) -> Int

    /// Reads up to `limitBytes` at `offset` behind what `buffer` holds, and gives how many: none at
    /// the end of the file.
    func read(
        _ limitBytes: Int, from descriptor: CInt, at offset: Int64, into buffer: inout ByteBuffer
    ) throws(FileFailure) -> Int

    /// Returns when all that was written to the file or folder would survive a loss of power.
    func synchronize(_ descriptor: CInt) throws(FileFailure)

    /// Asks the system to begin writing a range to the disk, so that `synchronize` is short later.
    /// Only a wish.
    func startWriteBack(_ descriptor: CInt, at offset: Int64, lengthBytes: Int64)

    /// Cuts the file to `sizeBytes`.
    func truncate(_ descriptor: CInt, to sizeBytes: Int64) throws(FileFailure)

    /// Sets the moment at which the file was last written.
    func setModified(_ descriptor: CInt, at moment: Timestamp) throws(FileFailure)

    /// Takes the lock of the file that no other open of it, in any process, has; closing the
    /// descriptor gives it back.
    ///
    /// - Returns: whether the lock was free.
    func tryLock(_ descriptor: CInt) throws(FileFailure) -> Bool

    /// What is known of an open file.
    func status(of descriptor: CInt) throws(FileFailure) -> FileStatus

    /// What is known of the file at `path`, or `nil` when there is none. Links are not followed.
    func status(at path: String) throws(FileFailure) -> FileStatus?

    /// Gives the file a new path, in one step.
    func rename(_ path: String, to newPath: String) throws(FileFailure)

    /// Gives the file at `path` a second name; both are then the same file.
    func link(_ path: String, to newPath: String) throws(FileFailure)

    /// Makes an empty file share the blocks of another, where the file system can do that: neither
    /// sees what is written to the other afterwards.
    ///
    /// - Returns: whether it could; nothing has changed otherwise.
    func clone(_ source: CInt, to target: CInt) throws(FileFailure) -> Bool

    /// Removes the file at `path`.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    func remove(_ path: String) throws(FileFailure) -> Bool

    /// Makes the folder at `path`, whose parent exists.
    ///
    /// - Returns: whether it is new.
    @discardableResult
    func makeFolder(_ path: String) throws(FileFailure) -> Bool

    /// The names in a folder, in bytewise order, without `.` and `..`; none when it does not exist.
    func listFolder(_ path: String) throws(FileFailure) -> [String]
}

/// What a file is opened for.
public enum FileAccess: Hashable, Sendable {
    /// To read a file that exists.
    case read
    /// To write a file that does not exist yet, and to read what was written.
    case create
    /// To write a file that exists.
    case write
    /// To write a file that may exist; it is emptied.
    case replace
    /// To synchronize a folder.
    case folder
}

/// What the file system says about a file.
public struct FileStatus: Hashable, Sendable {
    /// Bytes.
    public let size: Int64
    /// When it was last written.
    public let modifiedAt: Timestamp
    /// The number of the file in its file system: two paths with the same one are the same file.
    public let number: UInt64
    /// Whether it is a plain file, and not a folder or a link.
    public let isPlainFile: Bool

    public init(size: Int64, modifiedAt: Timestamp, number: UInt64, isPlainFile: Bool) {
        self.size = size
        self.modifiedAt = modifiedAt
        self.number = number
        self.isPlainFile = isPlainFile
    }
}
