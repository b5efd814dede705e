public import BlobStorage
public import NIOCore
public import Registry
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The calls of another `FileOperations`, counted, of which some fail when a test says so.
public final class FaultyFileOperations: FileOperations {
    /// Which calls fail, counted from 1 since the plan was made.
    public enum Plan: Hashable, Sendable {
        case none
        /// The call with this number, once.
        case call(Int, errno: CInt)
        /// Every call from the one with this number on.
        case everyCall(from: Int, errno: CInt)
        /// Every call with this name in C.
        case everyNamed(String, errno: CInt)
    }

    private struct State {
        var plan: Plan
        var callCount = 0
        var hasFailed = false
        var openCount = 0
        var calls: [String] = []
    }

    private let real: any FileOperations
    private let writeLimitBytes: Int
    private let state: Mutex<State>

    /// The calls of `real`, none of which fails before a plan says so.
    ///
    /// One write takes at most `writeLimitBytes`.
    public init(
        _ plan: Plan = .none, writeLimitBytes: Int = .max,
        wrapping real: any FileOperations = POSIXFileOperations()
    ) {
        self.real = real
        self.writeLimitBytes = writeLimitBytes
        self.state = Mutex(State(plan: plan))
    }

    /// The calls of the system, of which the one with number `failingCall` fails once.
    public convenience init(failingCall: Int, errno: CInt) {
        self.init(.call(failingCall, errno: errno))
    }

    /// Makes another plan, and counts from 1 again.
    public func plan(_ plan: Plan) {
        state.withLock { state in
            state.plan = plan
            state.callCount = 0
            state.hasFailed = false
            state.calls = []
        }
    }

    /// Calls since the plan was made; closing and wishes for write-back are not counted.
    public var callCount: Int { state.withLock { $0.callCount } }

    /// The names of those calls in C, in order.
    public var calls: [String] { state.withLock { $0.calls } }

    /// Whether a call has failed since the plan was made.
    public var hasFailed: Bool { state.withLock { $0.hasFailed } }

    /// Descriptors that were opened and not closed.
    public var openDescriptorCount: Int { state.withLock { $0.openCount } }

    private func count(_ name: String, _ path: String? = nil) throws(FileFailure) {
        let failing: CInt? = state.withLock { state in
            state.callCount += 1
            state.calls.append(name)
            let failing: CInt? =
                switch state.plan {
                case .none: nil
                case .call(let number, let errno): state.callCount == number ? errno : nil
                case .everyCall(let first, let errno): state.callCount >= first ? errno : nil
                case .everyNamed(let failing, let errno): name == failing ? errno : nil
                }
            if failing != nil { state.hasFailed = true }
            return failing
        }
        if let failing {
            throw FileFailure(name, path: path, code: failing)
        }
    }
}

extension FaultyFileOperations {
    public func open(_ path: String, for access: FileAccess) throws(FileFailure) -> CInt {
        try count("open", path)
        let descriptor = try real.open(path, for: access)
        state.withLock { $0.openCount += 1 }
        return descriptor
    }

    public func close(_ descriptor: CInt) {
        real.close(descriptor)
        state.withLock { $0.openCount -= 1 }
    }

    public func write(
        _ bytes: ByteBuffer, to descriptor: CInt, at offset: Int64
    ) throws(FileFailure) -> Int {
        try count("pwrite")
        let some = bytes.getSlice(
            at: bytes.readerIndex, length: min(bytes.readableBytes, writeLimitBytes))
        return try real.write(some ?? bytes, to: descriptor, at: offset)
    }

    public func read(
        _ limitBytes: Int, from descriptor: CInt, at offset: Int64, into buffer: inout ByteBuffer
    ) throws(FileFailure) -> Int {
        try count("pread")
        return try real.read(limitBytes, from: descriptor, at: offset, into: &buffer)
    }

    public func synchronize(_ descriptor: CInt) throws(FileFailure) {
        try count("fsync")
        try real.synchronize(descriptor)
    }

    public func startWriteBack(_ descriptor: CInt, at offset: Int64, lengthBytes: Int64) {
        real.startWriteBack(descriptor, at: offset, lengthBytes: lengthBytes)
    }

    public func truncate(_ descriptor: CInt, to sizeBytes: Int64) throws(FileFailure) {
        try count("ftruncate")
        try real.truncate(descriptor, to: sizeBytes)
    }

    public func setModified(_ descriptor: CInt, at moment: Timestamp) throws(FileFailure) {
        try count("futimens")
        try real.setModified(descriptor, at: moment)
    }

    public func tryLock(_ descriptor: CInt) throws(FileFailure) -> Bool {
        try count("flock")
        return try real.tryLock(descriptor)
    }

    public func status(of descriptor: CInt) throws(FileFailure) -> FileStatus {
        try count("fstat")
        return try real.status(of: descriptor)
    }

    public func status(at path: String) throws(FileFailure) -> FileStatus? {
        try count("lstat", path)
        return try real.status(at: path)
    }

    public func rename(_ path: String, to newPath: String) throws(FileFailure) {
        try count("rename", path)
        try real.rename(path, to: newPath)
    }

    public func link(_ path: String, to newPath: String) throws(FileFailure) {
        try count("link", path)
        try real.link(path, to: newPath)
    }

    public func clone(_ source: CInt, to target: CInt) throws(FileFailure) -> Bool {
        try count("ioctl")
        return try real.clone(source, to: target)
    }

    public func remove(_ path: String) throws(FileFailure) -> Bool {
        try count("unlink", path)
        return try real.remove(path)
    }

    public func makeFolder(_ path: String) throws(FileFailure) -> Bool {
        try count("mkdir", path)
        return try real.makeFolder(path)
    }

    public func listFolder(_ path: String) throws(FileFailure) -> [String] {
        try count("readdir", path)
        return try real.listFolder(path)
    }
}
