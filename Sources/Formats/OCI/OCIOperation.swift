public import Registry

/// One request to the registry of images.
public enum OCIOperation: FormatOperation, Hashable {
    /// GET and HEAD of `/v2/`: clients learn here how to say who they are.
    case checkVersion
    case listCatalogue(OCIPage)
    /// GET and HEAD.
    case pullManifest(OCIReference)
    case pushManifest(OCIManifestPush)
    case deleteManifest(OCIReference)
    /// GET and HEAD.
    case pullBlob(Digest)
    case deleteBlob(Digest)
    case beginUpload(OCIUploadRequest)
    /// GET and HEAD of an upload.
    case showUpload(String)
    case appendToUpload(String, OCIChunkRange?)
    case finishUpload(String, OCIChunkRange?, Digest)
    case cancelUpload(String)
    case listTags(OCIRepositoryName, OCIPage)
    case listReferrers(Digest, OCIReferrersQuery)
    /// GET of `/gitlab/v1/`.
    case checkGitLab
    case showRepository(OCIRepositoryName, GitLabSize?)
    case listTagDetails(OCIRepositoryName, GitLabTagQuery)
    case showTagDetail(OCIRepositoryName, OCITag)
    case listDescendants(OCIRepositoryName, OCIPage)

    public var label: String {
        switch self {
        case .checkVersion: "oci.version.check"
        case .listCatalogue: "oci.catalogue.list"
        case .pullManifest: "oci.manifest.pull"
        case .pushManifest: "oci.manifest.push"
        case .deleteManifest(.tag): "oci.tag.delete"
        case .deleteManifest(.digest): "oci.manifest.delete"
        case .pullBlob: "oci.blob.pull"
        case .deleteBlob: "oci.blob.delete"
        case .beginUpload(let request):
            switch request.start {
            case .session: "oci.upload.begin"
            case .mount: "oci.blob.mount"
            case .whole: "oci.blob.push"
            }
        case .showUpload: "oci.upload.show"
        case .appendToUpload: "oci.upload.append"
        case .finishUpload: "oci.upload.finish"
        case .cancelUpload: "oci.upload.cancel"
        case .listTags: "oci.tag.list"
        case .listReferrers: "oci.referrer.list"
        case .checkGitLab: "oci.gitlab.check"
        case .showRepository: "oci.repository.show"
        case .listTagDetails: "oci.tag.describe_all"
        case .showTagDetail: "oci.tag.describe"
        case .listDescendants: "oci.repository.list"
        }
    }

    public var access: [AccessRequirement] {
        switch self {
        case .checkVersion, .checkGitLab:
            [AccessRequirement(.presentCredential, on: .instance)]
        case .listCatalogue:
            [AccessRequirement(.readPackages, on: .instance)]
        case .pullManifest, .pullBlob, .listTags, .listReferrers, .showRepository,
            .listTagDetails, .showTagDetail, .listDescendants:
            [AccessRequirement(.readPackages)]
        case .beginUpload(let request):
            [AccessRequirement(.publishPackages)]
                + [request.source].compactMap(\.self).map { source in
                    AccessRequirement(
                        .readPackages, on: .namespace(.longestProject(source.segments)),
                        isOptional: true)
                }
        case .pushManifest, .showUpload, .appendToUpload, .finishUpload, .cancelUpload:
            [AccessRequirement(.publishPackages)]
        case .deleteManifest, .deleteBlob:
            [AccessRequirement(.deletePackages)]
        }
    }

    public var bodyLimitBytes: Int64 {
        switch self {
        case .pushManifest:
            return Int64(OCIManifest.limitBytes)
        case .appendToUpload, .finishUpload:
            return OCIFormat.blobLimitBytes
        case .beginUpload(let request):
            if case .whole = request.start { return OCIFormat.blobLimitBytes }
            return 0
        default:
            return 0
        }
    }
}

/// What a `PUT` of a manifest says beside its bytes.
public struct OCIManifestPush: Hashable, Sendable {
    /// The most tags of one push.
    public static let tagLimitCount = 100

    public var reference: OCIReference
    /// The tags that shall name the manifest, the one in the address among them, each once.
    public var tags: [OCITag]
    /// The digest that the bytes have to have, where the client says one.
    public var digest: Digest?
    /// The algorithm of the digest that names the manifest.
    public var algorithm: Digest.Algorithm

    public init(
        reference: OCIReference, tags: [OCITag], digest: Digest?, algorithm: Digest.Algorithm
    ) {
        self.reference = reference
        self.tags = tags
        self.digest = digest
        self.algorithm = algorithm
    }
}

/// How a client wants to bring a blob.
public struct OCIUploadRequest: Hashable, Sendable {
    /// What the first request does.
    public enum Start: Hashable, Sendable {
        /// Opens a session for requests to come.
        case session
        /// Asks for a blob that another repository may have, and for a session if it has not.
        case mount(Digest, from: OCIRepositoryName?)
        /// Brings all bytes.
        case whole(Digest)
    }

    public var start: Start
    /// The algorithm that the digest will be of, so that the bytes are hashed once.
    public var algorithm: Digest.Algorithm

    public init(_ start: Start, algorithm: Digest.Algorithm = .sha256) {
        self.start = start
        self.algorithm = algorithm
    }

    /// The repository to mount from, where one is named.
    public var source: OCIRepositoryName? {
        guard case .mount(_, let source) = start else { return nil }
        return source
    }
}

/// Which referrers are asked for.
public struct OCIReferrersQuery: Hashable, Sendable {
    /// The kind of artifact; `nil` for every kind.
    public var artifactType: String?
    public var page: OCIPage

    public init(artifactType: String? = nil, page: OCIPage = OCIPage()) {
        self.artifactType = artifactType
        self.page = page
    }
}
