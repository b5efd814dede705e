/// The further digests that formats publish beside sha256.
public struct ExtraHashes: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let md5 = ExtraHashes(rawValue: 1)
    public static let sha1 = ExtraHashes(rawValue: 2)
    public static let sha512 = ExtraHashes(rawValue: 4)
    public static let all: ExtraHashes = [.md5, .sha1, .sha512]
}

/// Digests of the same bytes, each in lower-case hexadecimal; an extra one is `nil` when nobody
/// asked for it.
public struct BlobDigests: Hashable, Sendable {
    public let sha256: Digest
    public let md5: String?
    public let sha1: String?
    public let sha512: String?

    public init(sha256: Digest, md5: String? = nil, sha1: String? = nil, sha512: String? = nil) {
        self.sha256 = sha256
        self.md5 = md5
        self.sha1 = sha1
        self.sha512 = sha512
    }
}

/// Bytes that are safely in a store, complete, hashed and synced (I1), and not yet named by a row.
public struct CommittedBlob: Hashable, Sendable {
    public let digests: BlobDigests
    /// Bytes.
    public let size: Int64
    public let key: StorageKey

    public init(digests: BlobDigests, size: Int64, key: StorageKey) {
        self.digests = digests
        self.size = size
        self.key = key
    }

    /// The digest that names the blob.
    public var digest: Digest { digests.sha256 }
}

/// What the client said the bytes would be; anything it did not say is not compared.
public struct BlobExpectation: Hashable, Sendable {
    public var size: Int64?
    /// Lower-case hexadecimal.
    public var md5: String?
    public var sha1: String?
    public var sha256: String?
    public var sha512: String?

    public init(
        size: Int64? = nil, md5: String? = nil, sha1: String? = nil, sha256: String? = nil,
        sha512: String? = nil
    ) {
        self.size = size
        self.md5 = md5
        self.sha1 = sha1
        self.sha256 = sha256
        self.sha512 = sha512
    }

    /// The extra hashes that have to be computed to compare with this.
    public var neededHashes: ExtraHashes {
        var hashes: ExtraHashes = []
        if md5 != nil { hashes.insert(.md5) }
        if sha1 != nil { hashes.insert(.sha1) }
        if sha512 != nil { hashes.insert(.sha512) }
        return hashes
    }

    /// Compares what was announced with what arrived.
    ///
    /// - Throws: `unprocessable` with reason `size_mismatch` or `digest_mismatch`, naming both values.
    public func verify(_ digests: BlobDigests, size actual: Int64) throws(RegistryError) {
        if let size, size != actual {
            throw RegistryError(
                .unprocessable, "\(size) bytes were announced and \(actual) arrived",
                reason: "size_mismatch")
        }
        let pairs = [
            ("md5", md5, digests.md5), ("sha1", sha1, digests.sha1),
            ("sha256", sha256, digests.sha256.hex), ("sha512", sha512, digests.sha512),
        ]
        for (name, expected, computed) in pairs {
            if let expected, expected != computed {
                throw RegistryError(
                    .unprocessable,
                    "the \(name) of the content is \(computed ?? "unknown"), not \(expected)",
                    reason: "digest_mismatch")
            }
        }
    }
}
