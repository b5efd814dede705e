import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension OCIFormat {
    /// The most entries of a page of referrers.
    static let referrerLimitCount = 1000
    /// The most bytes of a page of referrers, unless a single entry is larger: 4 MiB, which is what
    /// clients take of a manifest.
    static let referrerPageLimitBytes = OCIManifest.limitBytes

    /// Answers GET and HEAD of what refers to a manifest, whether that is here or not.
    ///
    /// *Source*: OCI distribution specification, "Listing Referrers".
    func listReferrers(
        _ subject: Digest, _ query: OCIReferrersQuery, _ head: RequestHead,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        var document = Self.index([], last: nil)
        if let row = try await package.find(), query.page.size > 0 {
            let variant = [
                "referrers", subject.description, String(query.page.size), query.page.last ?? "",
                query.artifactType ?? "",
            ].joined(separator: " ")
            document = try await self.document(variant, of: row) {
                () async throws(RegistryError) in
                try await Referrers(package: package, subject: subject, query: query).list()
            }
        }
        var response = answer(document, query.page, head, mediaType: OCIMediaType.index)
        if query.artifactType != nil { response.headers[.ociFiltersApplied] = "artifactType" }
        return response
    }

    /// An index of these descriptors.
    fileprivate static func index(_ entries: [JSONValue], last: String?) -> OCIDocument {
        let index: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(OCIMediaType.index),
            "manifests": .array(entries),
        ]
        return OCIDocument(bytes: index.bytes, last: last)
    }
}

/// Collects what refers to one manifest.
private struct Referrers {
    let package: HostedPackage
    let subject: Digest
    let query: OCIReferrersQuery

    /// A page: manifests that name the subject, and those that a client listed under the tag of the
    /// fallback scheme, in bytewise order of their digests.
    func list() async throws(RegistryError) -> OCIDocument {
        let limit = min(query.page.size, OCIFormat.referrerLimitCount)
        var found = try await package.listLinkedFiles(
            .subject, target: subject.description, label: query.artifactType,
            path: ImageAttributes.manifestPath, after: query.page.last, limit: limit + 1)
        found += try await listedByClients()
        found.sort { $0.version.name.utf8.lexicographicallyPrecedes($1.version.name.utf8) }
        var entries: [JSONValue] = []
        var sizeBytes = 0
        var last: String?
        for referrer in found {
            let entry = try await descriptor(of: referrer)
            sizeBytes += entry.bytes.readableBytes + 1
            let isFull =
                entries.count == limit
                || (!entries.isEmpty && sizeBytes > OCIFormat.referrerPageLimitBytes)
            if isFull { return OCIFormat.index(entries, last: last) }
            entries.append(entry)
            last = referrer.version.name
        }
        return OCIFormat.index(entries, last: nil)
    }

    /// The manifests of the index that clients keep where a registry has no list of its own, and
    /// that do not name the subject themselves. What it says about them is not taken over: older
    /// clients left out half of it.
    private func listedByClients() async throws(RegistryError) -> [PublishedFile] {
        let tag = subject.referrersTag
        guard
            let found = try await package.findFile(
                .tag(tag), path: ImageAttributes.manifestPath),
            let index = try await read(found.file), index.kind == .index
        else { return [] }
        var referrers: [PublishedFile] = []
        for child in index.childDigests.prefix(OCIFormat.referrerLimitCount) {
            let name = child.description
            if let last = query.page.last,
                !last.utf8.lexicographicallyPrecedes(name.utf8)
            {
                continue
            }
            guard
                let referrer = try await package.findFile(
                    .name(name), path: ImageAttributes.manifestPath)
            else { continue }
            let attributes = try ImageAttributes(decoding: referrer.version.attributes)
            guard attributes.subject != subject.description,
                query.artifactType == nil || attributes.artifactType == query.artifactType
            else { continue }
            referrers.append(referrer)
        }
        return referrers
    }

    private func descriptor(
        of referrer: PublishedFile
    ) async throws(RegistryError) -> JSONValue {
        let attributes = try ImageAttributes(decoding: referrer.version.attributes)
        var annotations = attributes.annotations ?? [:]
        if attributes.omitsAnnotations ?? false {
            annotations = try await read(referrer.file)?.annotations ?? [:]
        }
        var members: [(name: String, value: JSONValue)] = [
            ("mediaType", .string(referrer.file.mediaType ?? attributes.mediaType)),
            ("digest", .string(referrer.version.name)), ("size", .integer(referrer.file.size)),
        ]
        if let artifactType = attributes.artifactType {
            members.append(("artifactType", .string(artifactType)))
        }
        if !annotations.isEmpty {
            let sorted = annotations.sorted { $0.key < $1.key }
            members.append(
                (
                    "annotations",
                    .object(sorted.map { (name: $0.key, value: .string($0.value)) })
                ))
        }
        return .object(members)
    }

    /// The manifest in this file; `nil` where its bytes are lost, or are none that is known today.
    private func read(_ file: FileRecord) async throws(RegistryError) -> OCIManifest? {
        let reader: any BlobReader
        do throws(RegistryError) {
            reader = try await package.open(file)
        } catch {
            guard error.reason == "content_lost" else { throw error }
            return nil
        }
        let bytes = try await reader.read(at: 0, limitBytes: OCIManifest.limitBytes)
        return try? OCIManifest(
            parsing: Array(bytes.readableBytesView), contentType: file.mediaType)
    }
}
