import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// Which document of a package a client asks for.
enum NPMDocumentKind: Hashable, Sendable {
    case full
    case abbreviated
    case version(String)
    case tags

    /// What an `Accept` asks for: the abbreviated packument where it is named and nothing else is
    /// liked better.
    ///
    /// *Source*: RFC 9110, section 12.5.1; npm/registry, "Package Metadata: Accept".
    init(accept: String?) {
        let weights = accept.map(Self.weights) ?? [:]
        let abbreviated = weights[Self.abbreviatedMediaType] ?? 0
        let full = weights["application/json"] ?? 0
        self = abbreviated > 0 && abbreviated >= full ? .abbreviated : .full
    }

    static let abbreviatedMediaType = "application/vnd.npm.install-v1+json"

    var mediaType: String {
        self == .abbreviated ? Self.abbreviatedMediaType : "application/json"
    }

    /// Tells the kinds apart in cache keys and tags.
    var label: String {
        switch self {
        case .full: "full"
        case .abbreviated: "install"
        case .version(let version): "version:\(version)"
        case .tags: "tags"
        }
    }

    /// Media types with their weights in thousandths.
    static func weights(_ text: String) -> [String: Int] {
        var weights: [String: Int] = [:]
        for element in text.lowercased().split(separator: ",") {
            let parts = element.split(separator: ";").map { part in
                String(part.filter { $0 != " " && $0 != "\t" })
            }
            guard let type = parts.first else { continue }
            var weight = 1000
            for part in parts.dropFirst() where part.hasPrefix("q=") {
                weight = Double(part.dropFirst(2)).map { Int(max(0, min(1, $0)) * 1000) } ?? 0
            }
            weights[type] = max(weights[type] ?? 0, weight)
        }
        return weights
    }
}

extension NPMFormat {
    /// The most memory that derived documents take, in bytes: 256 MiB.
    static let documentCacheBytes = 256 << 20

    /// Answers with a document of a package: from memory as long as none of its projects changed.
    func answer(
        with kind: NPMDocumentKind, of name: NPMPackageName, _ head: RequestHead,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let packages = try await scope.findPackages(name.description, format: Self.id)
        guard !packages.isEmpty else { throw Self.noSuchPackage(name) }
        let encoding = NPMEncoding(accepting: head.headers[.acceptEncoding])
        let key = NPMDocumentKey(
            kind.label, mediaType: kind.mediaType, packages, encoding, base: head.base)
        if let response = key.notModified(head, packages) { return response }
        if let document = documents.find(key.cacheKey, revision: key.revision) {
            return key.response(document)
        }
        let packument = NPMPackument(
            name, try await scope.loadPackage(name.description, format: Self.id))
        guard !packument.entries.isEmpty else { throw Self.noSuchPackage(name) }
        let readme = kind == .full ? try await readReadme(of: packument, in: scope) : nil
        let plain = try Self.derive(kind, packument, readme, base: head.base)
        let document = encoding == .gzip ? try Gzip.compress(plain) : plain
        // The package may have changed since it was looked up: the document is that of its rows.
        let derived = NPMDocumentKey(
            kind.label, mediaType: kind.mediaType, packument.packages, encoding, base: head.base)
        documents.insert(
            document, for: derived.cacheKey, revision: derived.revision,
            sizeBytes: document.readableBytes)
        return derived.response(document)
    }

    private static func derive(
        _ kind: NPMDocumentKind, _ packument: NPMPackument, _ readme: String?, base: String
    ) throws(RegistryError) -> ByteBuffer {
        switch kind {
        case .full:
            return try packument.full(base: base, readme: readme)
        case .abbreviated:
            return try packument.abbreviated(base: base)
        case .tags:
            return packument.tagList.bytes
        case .version(let reference):
            guard let entry = packument.find(reference) else {
                throw noSuchVersion(reference, of: packument.name)
            }
            return try packument.manifest(of: entry, base: base)
        }
    }

    static func noSuchPackage(_ name: NPMPackageName) -> RegistryError {
        RegistryError(
            .notFound, "there is no package '\(name)' here", reason: "package_unknown")
    }

    static func noSuchVersion(_ version: String, of name: NPMPackageName) -> RegistryError {
        RegistryError(
            .notFound, "there is no version or tag '\(version)' of '\(name)'",
            reason: "version_unknown")
    }
}

/// How a document travels.
enum NPMEncoding: String, Sendable {
    case identity
    case gzip

    /// *Source*: RFC 9110, section 12.5.3.
    init(accepting header: String?) {
        let weights = header.map(NPMDocumentKind.weights) ?? [:]
        let gzip = weights["gzip"] ?? weights["x-gzip"] ?? weights["*"] ?? 0
        self = gzip > 0 && gzip >= weights["identity"] ?? 0 ? .gzip : .identity
    }
}

/// Names a document as it is at one moment, for the cache and for clients: by the revisions of the
/// packages, the address in use, and how it is written.
struct NPMDocumentKey: Sendable {
    private let mediaType: String
    private let encoding: NPMEncoding
    let cacheKey: DocumentCache<ByteBuffer>.Key
    let revision: Int64
    let entityTag: EntityTag

    init(
        _ label: String, mediaType: String = "application/json", _ packages: [PackageRecord],
        _ encoding: NPMEncoding, base: String
    ) {
        self.mediaType = mediaType
        self.encoding = encoding
        let states = packages.map { "\($0.id).\($0.revision)" }.joined(separator: "-")
        let others = packages.dropFirst().map { "\($0.id).\($0.revision)" }
        cacheKey = DocumentCache<ByteBuffer>.Key(
            packageID: packages.first?.id ?? 0,
            variant: ([label, encoding.rawValue, base] + others).joined(separator: " "))
        revision = packages.first?.revision ?? 0
        let rest = Self.hash("\(label) \(base)" + (packages.count > 8 ? states : ""))
        entityTag = EntityTag(
            opaque: (packages.count > 8 ? "" : states + "-") + String(rest, radix: 16)
                + (encoding == .gzip ? "-gzip" : ""))
    }

    /// FNV-1a: the same in every process, so that replicas agree.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
    }

    private var headers: HTTPFields {
        [
            .eTag: entityTag.description, .vary: "Accept, Accept-Encoding",
            .cacheControl: FileResponse.cacheControl,
        ]
    }

    /// 304, where the client has the document.
    func notModified(_ head: RequestHead, _ packages: [PackageRecord]) -> FormatResponse? {
        let validators = Validators(
            entityTag: entityTag,
            lastModified: packages.map(\.updatedAt).max() ?? Timestamp(microseconds: 0))
        guard head.headers[.ifNoneMatch] != nil,
            Preconditions(head.headers).evaluate(validators, isRead: true) == .notModified
        else { return nil }
        return FormatResponse(status: .notModified, headers: headers)
    }

    func response(_ document: ByteBuffer) -> FormatResponse {
        var headers = headers
        headers[.contentType] = mediaType
        headers[.xContentTypeOptions] = "nosniff"
        if encoding == .gzip { headers[.contentEncoding] = "gzip" }
        return FormatResponse(headers: headers, body: .bytes(document))
    }
}

extension RequestHead {
    /// The address in use, which everything that an answer names is below.
    var base: String { "\(origin)\(mountPath)" }
}
