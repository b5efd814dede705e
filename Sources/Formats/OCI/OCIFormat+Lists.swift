import FormatKit
import HTTPTypes
import NIOCore
import Registry

/// A list that was derived from rows, ready to be sent.
struct OCIDocument: Sendable {
    let bytes: ByteBuffer
    /// The last entry, where more follow.
    let last: String?
}

extension OCIFormat {
    /// Answers GET and HEAD of the names of tags, in bytewise order.
    func listTags(
        _ name: OCIRepositoryName, _ page: OCIPage, _ head: RequestHead,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let package = try scope.hostedPackage(Self.id)
        guard let row = try await package.find() else { throw Self.nameUnknown(name) }
        let variant = "tags \(page.size) \(page.last ?? "")"
        let document = try await document(variant, of: row) { () async throws(RegistryError) in
            var tags: [String] = []
            if page.size > 0 {
                tags = try await package.listTagNames(
                    of: row, after: page.last, limit: page.size + 1)
            }
            let shown = tags.prefix(page.size)
            let list: JSONValue = [
                "name": .string(name.description), "tags": .array(shown.map(JSONValue.string)),
            ]
            return OCIDocument(
                bytes: list.bytes, last: tags.count > page.size ? shown.last : nil)
        }
        return answer(document, page, head)
    }

    /// Answers GET and HEAD of the names of all repositories that the caller may read, in bytewise
    /// order.
    func listCatalogue(
        _ page: OCIPage, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        var names: [String] = []
        if page.size > 0 {
            names = try await scope.listPackageAddresses(
                Self.id, after: page.last, limit: page.size + 1)
        }
        let shown = names.prefix(page.size)
        let list: JSONValue = ["repositories": .array(shown.map(JSONValue.string))]
        return answer(
            OCIDocument(bytes: list.bytes, last: names.count > page.size ? shown.last : nil), page,
            head)
    }

    /// The document of this variant, from memory or derived now.
    ///
    /// The row is read before what the document is derived from, so what is kept for a revision is
    /// never older than it.
    func document(
        _ variant: String, of package: PackageRecord,
        derive: () async throws(RegistryError) -> OCIDocument
    ) async throws(RegistryError) -> OCIDocument {
        let key = DocumentCache<OCIDocument>.Key(packageID: package.id, variant: variant)
        if let known = documents.find(key, revision: package.revision) { return known }
        let document = try await derive()
        documents.insert(
            document, for: key, revision: package.revision,
            sizeBytes: document.bytes.readableBytes + variant.utf8.count)
        return document
    }

    /// Sends a list, with the address of what follows.
    func answer(
        _ document: OCIDocument, _ page: OCIPage, _ head: RequestHead,
        mediaType: String = "application/json"
    ) -> FormatResponse {
        var headers: HTTPFields = [
            .contentType: mediaType, .xContentTypeOptions: "nosniff",
            .cacheControl: FileResponse.cacheControl,
        ]
        if let last = document.last {
            headers[.link] = head.nextPageLink(last: last, size: page.size)
        }
        return FormatResponse(headers: headers, body: .bytes(document.bytes))
    }

    static func nameUnknown(_ name: OCIRepositoryName) -> RegistryError {
        RegistryError(
            .notFound, "there is no such repository", reason: "name_unknown",
            detail: ["name": name.description])
    }
}
