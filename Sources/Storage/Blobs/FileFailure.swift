import Registry

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A call to the operating system that failed. For logs only: it names paths (I10).
public struct FileFailure: Error, Hashable, CustomStringConvertible {
    /// The call, by its name in C.
    public let call: String
    /// What it was about, where that is known.
    public let path: String?
    /// The error number, as `errno` had it.
    public let code: CInt

    public init(_ call: String, path: String? = nil, code: CInt) {
        self.call = call
        self.path = path
        self.code = code
    }

    public var description: String {
        let reason = String(cString: strerror(code))
        return path.map { "\(call) \($0): \(reason)" } ?? "\(call): \(reason)"
    }

    /// Whether the file or a folder above it does not exist.
    var isMissing: Bool { code == ENOENT }

    /// Something that has to be there is not.
    static func missing(_ path: String) -> FileFailure {
        FileFailure("lstat", path: path, code: ENOENT)
    }
}

extension RegistryError {
    /// Seconds after which a store that cannot be reached is worth another try.
    static let storeRetryAfterSeconds = 5

    /// The failure as its client sees it: `insufficientStorage` when the space or the quota is used
    /// up, `unavailable` when the folder cannot be used now, `internalError` otherwise.
    init(_ failure: FileFailure) {
        switch failure.code {
        case ENOSPC, EDQUOT:
            self.init(
                .insufficientStorage,
                "the registry has no space left to store this; nothing of it was kept",
                cause: failure)
        case EACCES, EAGAIN, EHOSTDOWN, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENOTCONN, ENXIO,
            EROFS, ESTALE, ETIMEDOUT:
            self.init(
                .unavailable, "the registry's storage cannot be used at the moment",
                retryAfterSeconds: Self.storeRetryAfterSeconds, cause: failure)
        default:
            self.init(.internalError, "the registry's storage failed", cause: failure)
        }
    }
}

/// Runs `body` and turns the failure of a file call into what the client sees.
func translatingFailures<Value>(
    _ body: () throws(FileFailure) -> Value
) throws(RegistryError) -> Value {
    do throws(FileFailure) {
        return try body()
    } catch {
        throw RegistryError(error)
    }
}
