import CCrypto
import NIOCore
import Registry

/// The hashes of one upload while it is written: sha256, and the others that were asked for.
///
/// They are libcrypto's plain structs and not swift-crypto's, because the state of those cannot be
/// saved for a later request.
struct RunningHashes {
    let extra: ExtraHashes
    /// Bytes hashed.
    private(set) var countBytes: Int64 = 0
    private var sha256 = SHA256_CTX()
    private var sha512 = SHA512_CTX()
    private var sha1 = SHA_CTX()
    private var md5 = MD5_CTX()

    /// Hashes of no bytes.
    init(_ extra: ExtraHashes) {
        self.extra = extra
        SHA256_Init(&sha256)
        if extra.contains(.sha512) { SHA512_Init(&sha512) }
        if extra.contains(.sha1) { SHA1_Init(&sha1) }
        if extra.contains(.md5) { MD5_Init(&md5) }
    }

    /// Goes on with `bytes`.
    mutating func update(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { bytes in
            SHA256_Update(&sha256, bytes.baseAddress, bytes.count)
            if extra.contains(.sha512) { SHA512_Update(&sha512, bytes.baseAddress, bytes.count) }
            if extra.contains(.sha1) { SHA1_Update(&sha1, bytes.baseAddress, bytes.count) }
            if extra.contains(.md5) { MD5_Update(&md5, bytes.baseAddress, bytes.count) }
        }
        countBytes += Int64(bytes.readableBytes)
    }

    /// The digests of all bytes so far; the hashes can go on.
    func digests() -> BlobDigests {
        var (sha256, sha512, sha1, md5) = (sha256, sha512, sha1, md5)
        return BlobDigests(
            sha256: Digest(
                .sha256, bytes: digest(SHA256_DIGEST_LENGTH) { SHA256_Final($0, &sha256) }),
            md5: extra.contains(.md5)
                ? Hex.encode(digest(MD5_DIGEST_LENGTH) { MD5_Final($0, &md5) }) : nil,
            sha1: extra.contains(.sha1)
                ? Hex.encode(digest(SHA_DIGEST_LENGTH) { SHA1_Final($0, &sha1) }) : nil,
            sha512: extra.contains(.sha512)
                ? Hex.encode(digest(SHA512_DIGEST_LENGTH) { SHA512_Final($0, &sha512) }) : nil)
    }

    private func digest(
        _ count: CInt, _ finish: (UnsafeMutablePointer<UInt8>?) -> CInt
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(count)) { bytes, initializedCount in
            _ = finish(bytes.baseAddress)
            initializedCount = Int(count)
        }
    }
}

// MARK: - Saved state

// The layout, integers big-endian: version (1 byte), extra hashes (1 byte), bytes hashed (8 bytes);
// then of sha256, sha512, sha1, md5, as far as they run, the chaining words and the bytes of the
// block that is not full yet. How many those are follows from the bytes hashed, and so does the
// length that the algorithms count. Nothing of it depends on the machine or on libcrypto's structs.
extension RunningHashes {
    /// The version of the layout that this writes.
    static let stateVersion: UInt8 = 1

    /// What `init(state:hashes:offset:)` needs to go on.
    func savedState() -> [UInt8] {
        var writer = ByteBuffer()
        writer.writeInteger(Self.stateVersion)
        writer.writeInteger(extra.rawValue)
        writer.writeInteger(countBytes)
        let (short, long) = (Int(countBytes % 64), Int(countBytes % 128))
        var (sha256, sha512, sha1, md5) = (sha256, sha512, sha1, md5)
        writer.writeWords(&sha256.h, as: UInt32.self)
        writer.writeFront(short, of: &sha256.data)
        if extra.contains(.sha512) {
            writer.writeWords(&sha512.h, as: UInt64.self)
            writer.writeFront(long, of: &sha512.u)
        }
        if extra.contains(.sha1) {
            for word in [sha1.h0, sha1.h1, sha1.h2, sha1.h3, sha1.h4] { writer.writeInteger(word) }
            writer.writeFront(short, of: &sha1.data)
        }
        if extra.contains(.md5) {
            for word in [md5.A, md5.B, md5.C, md5.D] { writer.writeInteger(word) }
            writer.writeFront(short, of: &md5.data)
        }
        return Array(writer.readableBytesView)
    }

    /// The hashes as `savedState` left them, or `nil` when `state` is not one of these hashes over
    /// `offset` bytes, in a layout that this version reads.
    init?(state: [UInt8], hashes: ExtraHashes, offset: Int64) {
        guard offset >= 0, ExtraHashes.all.isSuperset(of: hashes) else { return nil }
        self.init(hashes)
        var reader = ByteBuffer(bytes: state)
        guard reader.readInteger(as: UInt8.self) == Self.stateVersion,
            reader.readInteger(as: UInt8.self) == hashes.rawValue,
            reader.readInteger(as: Int64.self) == offset,
            reader.readableBytes == Self.bodyLength(hashes, offset: offset)
        else { return nil }
        countBytes = offset
        let bits = UInt64(offset) << 3
        let (lowBits, highBits) = (UInt32(truncatingIfNeeded: bits), UInt32(bits >> 32))
        let (short, long) = (Int(offset % 64), Int(offset % 128))
        reader.readWords(&sha256.h, as: UInt32.self)
        reader.readFront(short, of: &sha256.data)
        (sha256.Nl, sha256.Nh, sha256.num) = (lowBits, highBits, CUnsignedInt(short))
        if hashes.contains(.sha512) {
            reader.readWords(&sha512.h, as: UInt64.self)
            reader.readFront(long, of: &sha512.u)
            (sha512.Nl, sha512.Nh, sha512.num) = (bits, 0, CUnsignedInt(long))
        }
        if hashes.contains(.sha1) {
            reader.readWord(&sha1.h0)
            reader.readWord(&sha1.h1)
            reader.readWord(&sha1.h2)
            reader.readWord(&sha1.h3)
            reader.readWord(&sha1.h4)
            reader.readFront(short, of: &sha1.data)
            (sha1.Nl, sha1.Nh, sha1.num) = (lowBits, highBits, CUnsignedInt(short))
        }
        if hashes.contains(.md5) {
            reader.readWord(&md5.A)
            reader.readWord(&md5.B)
            reader.readWord(&md5.C)
            reader.readWord(&md5.D)
            reader.readFront(short, of: &md5.data)
            (md5.Nl, md5.Nh, md5.num) = (lowBits, highBits, CUnsignedInt(short))
        }
    }

    /// Bytes of a state behind its first ten.
    private static func bodyLength(_ hashes: ExtraHashes, offset: Int64) -> Int {
        let (short, long) = (Int(offset % 64), Int(offset % 128))
        var length = 32 + short
        if hashes.contains(.sha512) { length += 64 + long }
        if hashes.contains(.sha1) { length += 20 + short }
        if hashes.contains(.md5) { length += 16 + short }
        return length
    }
}

// A C array is a tuple in Swift, which can only be walked through its memory.
extension ByteBuffer {
    fileprivate mutating func writeWords<Words, Word: FixedWidthInteger>(
        _ words: inout Words, as type: Word.Type
    ) {
        withUnsafeBytes(of: &words) { memory in
            for word in memory.bindMemory(to: type) { writeInteger(word) }
        }
    }

    fileprivate mutating func writeFront<Block>(_ count: Int, of block: inout Block) {
        withUnsafeBytes(of: &block) { memory in
            _ = writeBytes(memory.prefix(count))
        }
    }

    fileprivate mutating func readWord<Word: FixedWidthInteger>(_ word: inout Word) {
        word = readInteger() ?? 0
    }

    fileprivate mutating func readWords<Words, Word: FixedWidthInteger>(
        _ words: inout Words, as type: Word.Type
    ) {
        withUnsafeMutableBytes(of: &words) { memory in
            for index in memory.bindMemory(to: type).indices {
                memory.bindMemory(to: type)[index] = readInteger() ?? 0
            }
        }
    }

    fileprivate mutating func readFront<Block>(_ count: Int, of block: inout Block) {
        let front = readBytes(length: count) ?? []
        withUnsafeMutableBytes(of: &block) { memory in
            memory.copyBytes(from: front)
        }
    }
}
