import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Takes finished lines of a log.
public protocol LogLineWriter: Sendable {
    /// Writes `line`, which ends with a line feed, whole and in order.
    func write(_ line: String)
}

/// Writes log lines to an open descriptor, one call to the system a line.
public final class DescriptorLogWriter: LogLineWriter {
    private let descriptor: Mutex<CInt>

    /// - Parameter descriptor: stays open and the caller's own: 1 for output, 2 for errors.
    public init(descriptor: CInt) {
        self.descriptor = Mutex(descriptor)
    }

    public func write(_ line: String) {
        let bytes = Array(line.utf8)
        descriptor.withLock { descriptor in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if errno != EINTR {
                    // There is nowhere to say that the log cannot be written.
                    return
                }
            }
        }
    }
}

private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
