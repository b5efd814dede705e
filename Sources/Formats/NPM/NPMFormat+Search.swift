import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension NPMFormat {
    /// Answers with the packages that have every term, in order of their names.
    ///
    /// *Source*: npm/registry, "REGISTRY-API: GET·/-/v1/search".
    func search(
        _ search: NPMSearch, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let (packages, total) = try await find(search, in: scope)
        var body = ByteBuffer(string: #"{"objects":["#)
        var isFirst = true
        var names: Set<String> = []
        // In a union a name is found once for each project that has it, and described as one.
        for package in packages where names.insert(package.name).inserted {
            guard let name = try? NPMPackageName(parsing: package.name),
                var object = try await describe(name, head, in: scope)
            else { continue }
            if !isFirst { body.writeString(",") }
            isFirst = false
            body.writeBuffer(&object)
        }
        let moment = JSONValue.string(Self.moment(of: packages)).text
        body.writeString(#"],"total":\#(total),"time":\#(moment)}"#)
        return FormatResponse(
            headers: [
                .contentType: "application/json", .cacheControl: FileResponse.cacheControl,
                .xContentTypeOptions: "nosniff",
            ], body: .bytes(body))
    }

    /// The rows that the answer is made of: pages of the store hold fewer than an answer may.
    private func find(
        _ search: NPMSearch, in scope: any ScopeHandle
    ) async throws(RegistryError) -> (packages: [PackageRecord], total: Int) {
        var packages: [PackageRecord] = []
        var total = 0
        let size = PageRequest.limitCount
        var number = search.from / size + 1
        var skipped = search.from % size
        repeat {
            let request = PageRequest(number: number, size: size)
            guard request.number == number else { break }
            let page = try await scope.searchPackages(
                Self.id, terms: search.terms, page: request)
            total = page.totalCount
            packages += page.rows.dropFirst(skipped).prefix(search.size - packages.count)
            guard page.rows.count == size else { break }
            skipped = 0
            number += 1
        } while packages.count < search.size
        return (packages, total)
    }

    /// A result, as JSON: from memory as long as none of the projects that have it changed.
    private func describe(
        _ name: NPMPackageName, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> ByteBuffer? {
        let packages = try await scope.findPackages(name.description, format: Self.id)
        let key = NPMDocumentKey("result", packages, .identity, base: head.base)
        if let known = documents.find(key.cacheKey, revision: key.revision) { return known }
        let packument = NPMPackument(
            name, try await scope.loadPackage(name.description, format: Self.id))
        guard let latest = packument.tags[NPMTag.latest].flatMap(packument.find) else {
            return nil
        }
        let result = try Self.describe(latest, of: name, head).bytes
        let derived = NPMDocumentKey("result", packument.packages, .identity, base: head.base)
        documents.insert(
            result, for: derived.cacheKey, revision: derived.revision,
            sizeBytes: result.readableBytes)
        return result
    }

    private static func describe(
        _ latest: NPMPackument.Entry, of name: NPMPackageName, _ head: RequestHead
    ) throws(RegistryError) -> JSONValue {
        let summary = try NPMSummary(latest.attributes())
        let publisher: JSONValue = [
            "username": .string(latest.publisher), "name": .string(latest.publisher), "email": "",
        ]
        var members: [(name: String, value: JSONValue)] = [
            ("name", .string(name.description)),
            ("scope", .string(name.scope ?? "unscoped")),
            ("version", .string(latest.name)),
            ("description", .string(summary.description)),
            ("keywords", .array(summary.keywords.map(JSONValue.string))),
            ("date", .string(latest.release.version.createdAt.iso8601)),
            (
                "links",
                ["npm": .string(head.url(forTail: [name.description]))]
            ),
            ("publisher", publisher), ("maintainers", [publisher]),
        ]
        if !summary.author.isEmpty {
            members.append(("author", ["name": .string(summary.author)]))
        }
        // Nothing is known about quality or use, so every result counts the same.
        return .object([
            ("package", .object(members)),
            (
                "score",
                ["final": 1, "detail": ["quality": 1, "popularity": 1, "maintenance": 1]]
            ),
            ("searchScore", 1),
        ])
    }

    private static func moment(of packages: [PackageRecord]) -> String {
        (packages.map(\.updatedAt).max() ?? Timestamp(microseconds: 0)).iso8601
    }

    /// Lists packages that can be read here, as `npm access list packages` shows them. What may be
    /// published is decided per project, so every one is said to be readable and no more.
    func listOwnedPackages(
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let names = try await scope.listPackageNames(
            Self.id, after: nil, limit: Self.listedPackageLimitCount)
        return .json(.object(names.map { (name: $0, value: "read") }))
    }

    /// The most packages that `npm access list packages` shows.
    private static let listedPackageLimitCount = 10_000
}

/// What a search result says about a package.
struct NPMSummary: Sendable {
    let description: String
    let keywords: [String]
    let author: String

    init(_ attributes: NPMVersionAttributes) throws(RegistryError) {
        let words = try NPMManifest(parsing: attributes.manifest).words
        description = words.description
        keywords = words.keywords
        author = words.author
    }
}
