public import Registry

/// What is wrong with a blob.
public enum BlobDamage: Hashable, Sendable {
    /// There are no bytes.
    case missing
    /// There are this many bytes, and not as many as the row says.
    case wrongSize(actual: Int64)
    /// The bytes are others: they have this digest.
    case wrongDigest(actual: Digest)
    /// The bytes cannot be read, for this reason.
    case unreadable(String)
    /// The bytes are the right ones, and a digest of the row beside sha256 is not: these are.
    case wrongExtraDigests(actual: BlobDigests)

    /// Which kind of finding it is.
    public var kind: Finding.Kind {
        switch self {
        case .missing: .missingBytes
        case .wrongSize: .wrongSize
        case .wrongDigest: .wrongDigest
        case .unreadable: .unreadable
        case .wrongExtraDigests: .wrongExtraDigests
        }
    }
}

/// Damage that was found twice, of a row that was there both times.
public struct DamagedBlob: Hashable, Sendable {
    public let blob: BlobRecord
    public let damage: BlobDamage

    /// In words, for people.
    public var detail: String {
        switch damage {
        case .missing: "its \(blob.size) bytes are not there"
        case .wrongSize(let actual): "\(actual) bytes are there, not \(blob.size)"
        case .wrongDigest(let actual): "its bytes have the digest \(actual)"
        case .unreadable(let reason): "its bytes cannot be read: \(reason)"
        case .wrongExtraDigests: "its row has a wrong md5, sha1 or sha512; its bytes are right"
        }
    }
}
