import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// A page that was derived from rows, ready to be sent.
struct PyPIDocument: Sendable {
    let bytes: ByteBuffer
    /// The bytes in gzip; `nil` where they are too few to be worth it.
    let compressed: ByteBuffer?
    /// Whether the page is another one under another address; `bytes` are of no use then, and the
    /// page is kept by its address.
    let dependsOnAddress: Bool

    /// Bytes from which a page is compressed.
    static let compressionFloorBytes = 1024

    init(_ bytes: ByteBuffer) throws(RegistryError) {
        self.bytes = bytes
        compressed =
            bytes.readableBytes < Self.compressionFloorBytes ? nil : try Gzip.compress(bytes)
        dependsOnAddress = false
    }

    /// Says that there is a page for each address.
    static let perAddress = PyPIDocument()

    private init() {
        bytes = ByteBuffer()
        compressed = nil
        dependsOnAddress = true
    }

    /// Bytes that the page takes in memory.
    var sizeBytes: Int { bytes.readableBytes + (compressed?.readableBytes ?? 0) + 64 }
}

/// What a page about a name is recognised by: the packages that it was made of, each with its
/// revision.
struct PackageRevisions: Hashable, Sendable {
    /// The version of what pages look like: grows with every change of their text.
    private static let renderingVersion = 2
    /// The most packages that a tag spells out; more are hashed.
    private static let spelledCount = 4

    private let packages: [PackageRecord]

    /// - Parameter packages: at least one.
    init(_ packages: [PackageRecord]) {
        self.packages = packages
    }

    /// What the page is kept under in memory.
    func key(_ variant: String) -> DocumentCache<PyPIDocument>.Key {
        let others = packages.dropFirst().map { " \($0.id).\($0.revision)" }.joined()
        return DocumentCache.Key(packageID: packages.first?.id ?? 0, variant: variant + others)
    }

    /// The revision that the page is kept for.
    var revision: Int64 { packages.first?.revision ?? 0 }

    /// The tag of a page, and when it last changed.
    func validators(_ variant: String) -> Validators {
        let pairs = packages.map { "\($0.id).\($0.revision)" }
        let spelled =
            pairs.count <= Self.spelledCount
            ? pairs.joined(separator: "-")
            : "\(pairs.count)-\(Self.fingerprint(pairs.joined(separator: "-")))"
        return Validators(
            entityTag: EntityTag(opaque: "\(variant)\(Self.renderingVersion)-\(spelled)"),
            lastModified: packages.map(\.updatedAt).max() ?? Timestamp(microseconds: 0))
    }

    /// FNV-1a of 64 bits, which tells revisions apart and guards nothing.
    private static func fingerprint(_ text: String) -> String {
        String(
            text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { hash, byte in
                (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            }, radix: 16)
    }
}
