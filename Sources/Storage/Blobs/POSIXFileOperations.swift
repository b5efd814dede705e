public import NIOCore
public import Registry

#if canImport(Glibc)
    import CFileSync
    import Glibc
#else
    import Darwin
#endif

/// The calls of the operating system itself. A call that a signal interrupted is made again.
public struct POSIXFileOperations: FileOperations {
    /// Permissions of new files: the owner writes, the group reads.
    private static let fileMode: mode_t = 0o640
    /// Permissions of new folders.
    private static let folderMode: mode_t = 0o750

    public init() {}

    public func open(_ path: String, for access: FileAccess) throws(FileFailure) -> CInt {
        let flags =
            switch access {
            case .read: O_RDONLY | O_NOFOLLOW
            case .create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
            case .write: O_WRONLY | O_NOFOLLOW
            case .replace: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
            case .folder: O_RDONLY | O_DIRECTORY
            }
        return try check("open", path) {
            #if canImport(Glibc)
                Glibc.open(path, flags | O_CLOEXEC, Self.fileMode)
            #else
                Darwin.open(path, flags | O_CLOEXEC, Self.fileMode)
            #endif
        }
    }

    public func close(_ descriptor: CInt) {
        #if canImport(Glibc)
            _ = Glibc.close(descriptor)
        #else
            _ = Darwin.close(descriptor)
        #endif
    }

    public func write(
        _ bytes: ByteBuffer, to descriptor: CInt, at offset: Int64
    ) throws(FileFailure) -> Int {
        let count = try check("pwrite") {
            bytes.withUnsafeReadableBytes { bytes in
                pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
            }
        }
        // A file that takes no byte and reports no error would be written to for ever.
        guard count > 0 || bytes.readableBytes == 0 else {
            throw FileFailure("pwrite", code: EIO)
        }
        return count
    }

    public func read(
        _ limitBytes: Int, from descriptor: CInt, at offset: Int64, into buffer: inout ByteBuffer
    ) throws(FileFailure) -> Int {
        buffer.reserveCapacity(minimumWritableBytes: limitBytes)
        let count = try check("pread") {
            buffer.withUnsafeMutableWritableBytes { space in
                pread(descriptor, space.baseAddress, limitBytes, off_t(offset))
            }
        }
        buffer.moveWriterIndex(forwardBy: count)
        return count
    }

    public func synchronize(_ descriptor: CInt) throws(FileFailure) {
        try check("fsync") { fsync(descriptor) }
    }

    public func startWriteBack(_ descriptor: CInt, at offset: Int64, lengthBytes: Int64) {
        #if os(Linux)
            /// `SYNC_FILE_RANGE_WRITE`.
            let startWriting: CUnsignedInt = 2
            _ = sync_file_range(descriptor, offset, lengthBytes, startWriting)
        #endif
    }

    public func truncate(_ descriptor: CInt, to sizeBytes: Int64) throws(FileFailure) {
        try check("ftruncate") { ftruncate(descriptor, off_t(sizeBytes)) }
    }

    public func setModified(_ descriptor: CInt, at moment: Timestamp) throws(FileFailure) {
        let seconds = moment.seconds
        let nanoseconds = (moment.microseconds - seconds * 1_000_000) * 1000
        let time = timespec(tv_sec: time_t(seconds), tv_nsec: Int(nanoseconds))
        try check("futimens") { futimens(descriptor, [time, time]) }
    }

    public func tryLock(_ descriptor: CInt) throws(FileFailure) -> Bool {
        do throws(FileFailure) {
            try check("flock") { flock(descriptor, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            return false
        }
    }

    public func status(of descriptor: CInt) throws(FileFailure) -> FileStatus {
        var status = stat()
        try check("fstat") { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    public func status(at path: String) throws(FileFailure) -> FileStatus? {
        var status = stat()
        do throws(FileFailure) {
            try check("lstat", path) { lstat(path, &status) }
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
        return FileStatus(status)
    }

    public func rename(_ path: String, to newPath: String) throws(FileFailure) {
        try check("rename", path) {
            #if canImport(Glibc)
                Glibc.rename(path, newPath)
            #else
                Darwin.rename(path, newPath)
            #endif
        }
    }

    public func link(_ path: String, to newPath: String) throws(FileFailure) {
        try check("link", path) {
            #if canImport(Glibc)
                Glibc.link(path, newPath)
            #else
                Darwin.link(path, newPath)
            #endif
        }
    }

    public func clone(_ source: CInt, to target: CInt) throws(FileFailure) -> Bool {
        #if os(Linux)
            /// `FICLONE`, whose argument is the descriptor to clone from.
            let cloneFile: CUnsignedLong = 0x4004_9409
            do throws(FileFailure) {
                try check("ioctl") { ioctl(target, cloneFile, source) }
                return true
            } catch {
                guard [EBADF, EINVAL, ENOTTY, EOPNOTSUPP, EPERM, EXDEV].contains(error.code) else {
                    throw error
                }
                return false
            }
        #else
            return false
        #endif
    }

    public func remove(_ path: String) throws(FileFailure) -> Bool {
        do throws(FileFailure) {
            try check("unlink", path) { unlink(path) }
            return true
        } catch {
            guard error.isMissing else { throw error }
            return false
        }
    }

    public func makeFolder(_ path: String) throws(FileFailure) -> Bool {
        do throws(FileFailure) {
            try check("mkdir", path) { mkdir(path, Self.folderMode) }
            return true
        } catch {
            guard error.code == EEXIST else { throw error }
            return false
        }
    }

    public func listFolder(_ path: String) throws(FileFailure) -> [String] {
        guard let folder = opendir(path) else {
            let failure = FileFailure("opendir", path: path, code: errno)
            if failure.isMissing { return [] }
            throw failure
        }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            // The only way to tell the end from a failure.
            errno = 0
            guard let entry = readdir(folder) else {
                guard errno == 0 else {
                    throw FileFailure("readdir", path: path, code: errno)
                }
                break
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." {
                names.append(name)
            }
        }
        names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return names
    }

    /// Makes `call` until no signal interrupts it; -1 means that it failed.
    @discardableResult
    private func check<Count: BinaryInteger>(
        _ name: String, _ path: String? = nil, _ call: () -> Count
    ) throws(FileFailure) -> Count {
        while true {
            let result = call()
            if result != -1 { return result }
            let code = errno
            if code != EINTR {
                throw FileFailure(name, path: path, code: code)
            }
        }
    }
}

extension FileStatus {
    fileprivate init(_ status: stat) {
        #if canImport(Glibc)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        self.init(
            size: Int64(status.st_size),
            modifiedAt: Timestamp(
                microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000),
            number: UInt64(status.st_ino),
            isPlainFile: status.st_mode & S_IFMT == S_IFREG)
    }
}
