public import Registry

/// Something that is wrong with what is stored, and what was done about it.
public struct Finding: Hashable, Sendable, Encodable {
    /// What is wrong.
    public enum Kind: String, Hashable, Sendable, Encodable, CaseIterable {
        case missingBytes = "missing_bytes"
        case wrongSize = "wrong_size"
        case wrongDigest = "wrong_digest"
        case unreadable
        case wrongExtraDigests = "wrong_extra_digests"
        /// Bytes that no row names.
        case orphanBlob = "orphan_blob"
        case orphanUpload = "orphan_upload"
        case packageSize = "package_size"
        case fileOfOtherPackage = "file_of_other_package"
        case tagOfOtherPackage = "tag_of_other_package"
        case linkOfUnknownKind = "link_of_unknown_kind"
        case unlinkOfNamedKey = "unlink_of_named_key"
        case unreviewedBlob = "unreviewed_blob"
        case unreviewedVersion = "unreviewed_version"
        case unreviewedUpload = "unreviewed_upload"

        init(_ kind: RowProblem.Kind) {
            self =
                switch kind {
                case .fileOfOtherPackage: .fileOfOtherPackage
                case .tagOfOtherPackage: .tagOfOtherPackage
                case .linkOfUnknownKind: .linkOfUnknownKind
                case .unlinkOfNamedKey: .unlinkOfNamedKey
                case .unreviewedBlob: .unreviewedBlob
                case .unreviewedVersion: .unreviewedVersion
                case .unreviewedUpload: .unreviewedUpload
                }
        }
    }

    /// What was done.
    public enum Repair: String, Hashable, Sendable, Encodable {
        /// The blob has its bytes again.
        case healed
        /// The wrong bytes were put aside; the right ones are still missing.
        case quarantined
        /// Bytes that no row names were put aside.
        case putAside = "put_aside"
        case removed
        /// The row says now what is so.
        case corrected
    }

    public let kind: Kind
    /// What is wrong, in words.
    public let detail: String
    /// The digest of the blob.
    public var digest: String?
    public var storageKey: String?
    /// The package, row or upload, where it is not a blob.
    public var subject: String?
    /// The files that name the blob.
    public var uses: [BlobUse] = []
    /// `nil` when nothing was done.
    public var repair: Repair?
    /// Why a repair failed.
    public var failure: String?

    init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    /// Whether nothing is wrong any more.
    public var isSettled: Bool {
        switch repair {
        case .healed, .putAside, .removed, .corrected: true
        case .quarantined, nil: false
        }
    }
}
