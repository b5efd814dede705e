import Crypto
import CryptoExtras
import Foundation
import NIOCore
import NIOPosix
public import Registry
import Synchronization

/// Hashes passwords with scrypt, a few at a time and away from the event loops.
///
/// A stored hash reads `scrypt$<log2 N>$<r>$<p>$<salt>$<key>` with salt and key in hexadecimal, so
/// that the cost can be raised later without making old passwords wrong.
///
/// *Source*: RFC 7914.
public final class PasswordHasher: Sendable {
    /// The shortest password that is accepted, in characters.
    public static let passwordMinimumCharacters = 8
    /// The longest password that is accepted, in bytes of UTF-8.
    public static let passwordLimitBytes = 1024
    /// Passwords that are hashed at the same time; each takes 32 MiB.
    static let concurrentLimitCount = 2
    /// Passwords that may wait for their turn; more are refused with 429.
    static let waitingLimitCount = 64

    private static let costLog2 = 15
    private static let blockSize = 8
    private static let parallelism = 3
    private static let keyBytes = 32
    private static let saltBytes = 16

    private let threads: NIOThreadPool
    private let waitingCount = Mutex(0)

    public init() {
        threads = NIOThreadPool(numberOfThreads: Self.concurrentLimitCount)
        threads.start()
    }

    deinit {
        threads.shutdownGracefully { _ in }
    }

    /// The hash to be stored.
    ///
    /// - Throws: `malformed` for a password that is too short or too long, `tooManyRequests` when
    ///   too many wait.
    public func hash(_ password: String) async throws(RegistryError) -> String {
        guard password.count >= Self.passwordMinimumCharacters,
            password.utf8.count <= Self.passwordLimitBytes
        else {
            throw RegistryError(
                .malformed,
                "a password has at least \(Self.passwordMinimumCharacters) characters and at most "
                    + "\(Self.passwordLimitBytes) bytes")
        }
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<Self.saltBytes).map { _ in
            UInt8.random(in: .min ... .max, using: &generator)
        }
        let key = try await inTurn {
            try Self.derive(
                password, salt: salt, costLog2: Self.costLog2, blockSize: Self.blockSize,
                parallelism: Self.parallelism)
        }
        return "scrypt$\(Self.costLog2)$\(Self.blockSize)$\(Self.parallelism)$"
            + "\(Hex.encode(salt))$\(Hex.encode(key))"
    }

    /// Whether `password` is the one that `stored` was made from. With `nil`, the same work is done
    /// and the answer is no, so that the time does not tell whether there is such a user.
    ///
    /// - Parameters:
    ///   - admit: called when the turn of this password has come, before any work is done; what it
    ///     throws is thrown.
    ///   - settle: told the answer before the next password has its turn.
    /// - Throws: `tooManyRequests` when too many wait, `internalError` for a hash that cannot be
    ///   read.
    public func verify(
        _ password: String, against stored: String?,
        admit: @escaping @Sendable () throws(RegistryError) -> Void = {},
        settle: @escaping @Sendable (Bool) -> Void = { _ in }
    ) async throws(RegistryError) -> Bool {
        guard password.utf8.count <= Self.passwordLimitBytes else {
            settle(false)
            return false
        }
        var costLog2 = Self.costLog2
        var blockSize = Self.blockSize
        var parallelism = Self.parallelism
        var salt: [UInt8] = Array(repeating: 0, count: Self.saltBytes)
        var expected: [UInt8]?
        if let stored {
            let fields = stored.split(separator: "$")
            guard fields.count == 6, fields[0] == "scrypt", let storedCost = Int(fields[1]),
                let storedBlock = Int(fields[2]), let storedParallelism = Int(fields[3]),
                let storedSalt = Hex.decode(fields[4]), let key = Hex.decode(fields[5])
            else {
                throw RegistryError(.internalError, "the stored password hash cannot be read")
            }
            (costLog2, blockSize, parallelism) = (storedCost, storedBlock, storedParallelism)
            (salt, expected) = (storedSalt, key)
        }
        return try await inTurn { [salt, costLog2, blockSize, parallelism, expected] in
            try admit()
            let key = try Self.derive(
                password, salt: salt, costLog2: costLog2, blockSize: blockSize,
                parallelism: parallelism)
            let isRight = expected.map { Self.constantTimeEquals(key, $0) } ?? false
            settle(isRight)
            return isRight
        }
    }

    /// Runs `work` on one of the threads, when those before it in line are done.
    private func inTurn<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws(RegistryError) -> Value {
        let isAdmitted = waitingCount.withLock { count in
            guard count < Self.waitingLimitCount else { return false }
            count += 1
            return true
        }
        guard isAdmitted else {
            throw RegistryError(
                .tooManyRequests, "too many people are signing in at this moment",
                retryAfterSeconds: 5)
        }
        defer { waitingCount.withLock { $0 -= 1 } }
        do {
            return try await threads.runIfActive(work)
        } catch let refusal as RegistryError {
            throw refusal
        } catch {
            throw RegistryError(.internalError, "the password could not be hashed", cause: error)
        }
    }

    private static func derive(
        _ password: String, salt: [UInt8], costLog2: Int, blockSize: Int, parallelism: Int
    ) throws -> [UInt8] {
        let key = try KDF.Scrypt.deriveKey(
            from: Array(password.utf8), salt: salt, outputByteCount: keyBytes,
            rounds: 1 << costLog2, blockSize: blockSize, parallelism: parallelism)
        return key.withUnsafeBytes { Array($0) }
    }

    private static func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
