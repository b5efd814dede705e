import Registry

/// A repository of the registry that is imported: what of it can be taken, as far as its links,
/// manifests and sizes tell.
struct SourceRepository: Sendable {
    /// Its name there.
    let name: String
    /// The name of the package here.
    let package: String
    /// The manifests that are wanted and can be taken; what an index names stands before it.
    var manifests: [SourceManifest] = []
    /// What is wanted and cannot be taken.
    var problems: [ImportProblem] = []
}

/// A manifest of a source repository.
struct SourceManifest: Sendable {
    let digest: Digest
    /// Bytes.
    let size: Int64
    /// The tags that name it there, in bytewise order.
    let tags: [String]
    /// The blobs that it names and that are there.
    let blobs: [SourceBlob]
    /// The manifests that have to be there before it.
    let children: [Digest]

    /// How people know it: by a tag, or else by its digest.
    var label: String { tags.first.map { ":\($0)" } ?? "@\(digest)" }
}

/// A blob that a source manifest names.
struct SourceBlob: Hashable, Sendable {
    /// As the manifest names it.
    let digest: Digest
    /// As the bytes are kept under.
    let storedDigest: Digest
    /// Bytes.
    let size: Int64

    /// What its bytes have to be.
    var expectation: BlobExpectation {
        var expectation = BlobExpectation(storedDigest, size: size)
        if digest.algorithm == .sha512 { expectation.sha512 = digest.hex }
        return expectation
    }
}

/// Something that is wanted and does not come over.
struct ImportProblem: Hashable, Sendable, Encodable {
    /// The name of the repository there.
    let repository: String
    /// A tag or a digest, as it stands behind the repository's name: `:1.0`, `@sha256:…`.
    let subject: String
    /// Why, in words for people.
    let reason: String

    var description: String { "\(repository)\(subject): \(reason)" }
}
