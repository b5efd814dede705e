import Crypto
import Foundation
import JWTKit
import Registry

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The private key that registry tokens are signed with: ECDSA on P-256.
///
/// *Source*: RFC 7518, section 3.4 (ES256).
public struct SigningKey: Sendable {
    /// The file of the key in the data folder.
    public static let fileName = "signing-key.pem"
    /// Bytes of the public key's hash that name the key in tokens.
    static let idBytes = 16

    let key: ES256PrivateKey
    /// Names the key in the headers of tokens: the beginning of the public key's SHA-256, in
    /// hexadecimal.
    let id: String

    /// A new key, known to nobody else.
    public init() {
        self.init(key: ES256PrivateKey())
    }

    private init(key: ES256PrivateKey) {
        self.key = key
        id = Hex.encode(
            SHA256.hash(data: Array(key.publicKey.pemRepresentation.utf8)).prefix(Self.idBytes))
    }

    /// A key for another purpose, which every replica derives from this one.
    func derive(for purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: Data(key.pemRepresentation.utf8)),
            info: Data(purpose.utf8), outputByteCount: SHA256.byteCount)
    }

    /// The key in `folder`, which is made where there is none. Whoever makes it at the same time in
    /// the same folder gets the same key.
    ///
    /// - Throws: `SigningKeyError` when it cannot be read or written, or is damaged.
    public static func load(fromFolder folder: String) throws(SigningKeyError) -> SigningKey {
        let path = folder + "/" + fileName
        if let known = try read(path) { return known }
        try SigningKey().store(at: path, in: folder)
        // What counts is what is there now: another process may have been first.
        guard let key = try read(path) else {
            throw SigningKeyError("the signing key \(path) went away while it was made")
        }
        return key
    }

    /// The key in a file, or `nil` where there is no file.
    private static func read(_ path: String) throws(SigningKeyError) -> SigningKey? {
        let content: Data
        do {
            content = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            return nil
        } catch {
            throw SigningKeyError(
                "cannot read the signing key \(path): \(error.localizedDescription)")
        }
        do {
            return SigningKey(key: try ES256PrivateKey(pem: content))
        } catch {
            throw SigningKeyError(
                "the signing key \(path) is damaged: it is not a P-256 private key in PEM; put it "
                    + "back from a backup, or remove it and let everybody fetch new tokens")
        }
    }

    /// Puts the whole file in place at once, unless there is one by then.
    private func store(at path: String, in folder: String) throws(SigningKeyError) {
        let temporary = path + "." + Hex.encode((0..<8).map { _ in UInt8.random(in: 0...255) })
        try Self.write(Data(key.pemRepresentation.utf8), to: temporary)
        let isLinked = link(temporary, path) == 0
        let linkError = errno
        unlink(temporary)
        guard isLinked || linkError == EEXIST else {
            throw SigningKeyError(
                "cannot write the signing key \(path): \(String(cString: strerror(linkError)))")
        }
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    private static func write(_ content: Data, to path: String) throws(SigningKeyError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw SigningKeyError(
                "cannot write the signing key \(path): \(String(cString: strerror(errno)))")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: content)
            try file.synchronize()
            try file.close()
        } catch {
            unlink(path)
            throw SigningKeyError(
                "cannot write the signing key \(path): \(error.localizedDescription)")
        }
    }
}

/// Why there is no key to sign with, for the person who starts the server.
public struct SigningKeyError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
