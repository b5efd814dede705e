import Crypto
public import NIOCore

/// The digests of bytes that are read from one end to the other.
public struct ContentHashes: Sendable {
    /// Bytes hashed.
    public private(set) var countBytes: Int64 = 0
    private var sha256 = SHA256()
    private var sha512: SHA512?
    private var sha1: Insecure.SHA1?
    private var md5: Insecure.MD5?

    /// Digests of no bytes: sha256 and `extra`.
    public init(_ extra: ExtraHashes) {
        if extra.contains(.sha512) { sha512 = SHA512() }
        if extra.contains(.sha1) { sha1 = Insecure.SHA1() }
        if extra.contains(.md5) { md5 = Insecure.MD5() }
    }

    /// Goes on with the bytes of `buffer`.
    ///
    /// - Returns: how many those are.
    @discardableResult
    public mutating func update(_ buffer: ByteBuffer) -> Int64 {
        let bytes = Array(buffer.readableBytesView)
        sha256.update(data: bytes)
        sha512?.update(data: bytes)
        sha1?.update(data: bytes)
        md5?.update(data: bytes)
        countBytes += Int64(bytes.count)
        return Int64(bytes.count)
    }

    /// The digests of all bytes so far.
    public func digests() -> BlobDigests {
        BlobDigests(
            sha256: Digest(.sha256, bytes: sha256.finalize()),
            md5: md5.map { Hex.encode($0.finalize()) },
            sha1: sha1.map { Hex.encode($0.finalize()) },
            sha512: sha512.map { Hex.encode($0.finalize()) })
    }
}

extension BlobDigests {
    /// The digests that there are beside sha256.
    public var extraHashes: ExtraHashes {
        var hashes: ExtraHashes = []
        if md5 != nil { hashes.insert(.md5) }
        if sha1 != nil { hashes.insert(.sha1) }
        if sha512 != nil { hashes.insert(.sha512) }
        return hashes
    }
}
