import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension PyPIFormat {
    /// Names that are read from the database at once.
    static let listPageCount = 1000

    /// Answers GET and HEAD of the page of a project.
    func showProject(
        _ name: String, _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let form = SimpleMediaType(for: head)
        let address = "\(head.origin)\(head.mountPath)"
        // Before what the page is made of, so that what is kept is never older than its tag.
        let revisions = try await revisions(of: name, in: scope)
        let page = PageRequestHead(
            head, validators: revisions.validators(form == .html ? "h" : "j"), form.headers)
        if let answer = page.answerUnchanged() { return answer }
        if let known = find(revisions, form.rawValue, address) { return page.answer(known) }
        let contents = try await scope.loadPackage(name, format: Self.id)
        let project = try SimpleProject(name: name, contents)
        let document = try PyPIDocument(
            SimpleDocuments.page(of: project, form, address: address))
        keep(
            document, revisions, form.rawValue,
            address: project.dependsOnAddress ? address : nil)
        return page.answer(document)
    }

    /// The packages of this name, by which a page about it is recognised.
    ///
    /// - Throws: `notFound` when there are none.
    func revisions(
        of name: String, in scope: any ScopeHandle
    ) async throws(RegistryError) -> PackageRevisions {
        let packages = try await scope.findPackages(name, format: Self.id)
        guard !packages.isEmpty else {
            throw RegistryError(.notFound, "there is no project '\(name)'")
        }
        return PackageRevisions(packages)
    }

    /// The page as it was derived for these revisions.
    func find(
        _ revisions: PackageRevisions, _ variant: String, _ address: String
    ) -> PyPIDocument? {
        let known = documents.find(revisions.key(variant), revision: revisions.revision)
        guard let known, known.dependsOnAddress else { return known }
        return documents.find(
            revisions.key("\(variant) \(address)"), revision: revisions.revision)
    }

    /// Keeps a page.
    ///
    /// - Parameter address: the one that the page holds for; `nil` when it holds for all.
    func keep(
        _ document: PyPIDocument, _ revisions: PackageRevisions, _ variant: String,
        address: String?
    ) {
        let revision = revisions.revision
        if let address {
            documents.insert(
                .perAddress, for: revisions.key(variant), revision: revision,
                sizeBytes: PyPIDocument.perAddress.sizeBytes)
            documents.insert(
                document, for: revisions.key("\(variant) \(address)"), revision: revision,
                sizeBytes: document.sizeBytes)
        } else {
            documents.insert(
                document, for: revisions.key(variant), revision: revision,
                sizeBytes: document.sizeBytes)
        }
    }

    /// Answers GET and HEAD of the names of all projects, read and sent page by page, so that memory
    /// is that of one page.
    func listProjects(
        _ head: RequestHead, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let form = SimpleMediaType(for: head)
        // Before the answer begins, so that a database that is away can be told.
        let first = try await scope.listPackageNames(
            Self.id, after: nil, limit: Self.listPageCount)
        return FormatResponse(
            headers: form.headers,
            body: .stream(length: nil) { (writer) async throws(RegistryError) in
                var names = first
                var list = ProjectList(form)
                var buffer = list.begin()
                while true {
                    list.write(names, to: &buffer)
                    guard let last = names.last, names.count == Self.listPageCount else { break }
                    try await writer.write(buffer)
                    buffer.clear()
                    names = try await scope.listPackageNames(
                        Self.id, after: last, limit: Self.listPageCount)
                }
                list.end(&buffer)
                try await writer.write(buffer)
            })
    }
}

/// The list of all projects, written in pieces.
private struct ProjectList {
    private let form: SimpleMediaType
    private var isFirst = true

    init(_ form: SimpleMediaType) {
        self.form = form
    }

    func begin() -> ByteBuffer {
        switch form {
        case .html:
            ByteBuffer(string: SimpleDocuments.htmlHead("Simple index"))
        case .json:
            ByteBuffer(
                string: #"{"meta":{"api-version":"\#(SimpleMediaType.apiVersion)"},"projects":["#)
        }
    }

    mutating func write(_ names: [String], to buffer: inout ByteBuffer) {
        for name in names {
            // A normalized name needs no escape, in either form.
            switch form {
            case .html:
                buffer.writeString("<a href=\"\(name)/\">\(name)</a><br/>\n")
            case .json:
                buffer.writeString(isFirst ? "{\"name\":\"\(name)\"}" : ",{\"name\":\"\(name)\"}")
            }
            isFirst = false
        }
    }

    func end(_ buffer: inout ByteBuffer) {
        buffer.writeString(form == .html ? SimpleDocuments.htmlTail : "]}")
    }
}

/// A request for a page that can be kept, and its answers.
struct PageRequestHead: Sendable {
    private let head: RequestHead
    private let validators: Validators
    private let headers: HTTPFields
    private let acceptsGzip: Bool

    init(_ head: RequestHead, validators: Validators, _ headers: HTTPFields) {
        self.head = head
        acceptsGzip = Self.acceptsGzip(head.headers[.acceptEncoding])
        self.validators = validators
        self.headers = headers
    }

    /// The answer to a client that has the page already; `nil` when it is to be sent.
    ///
    /// Only tags count: pages change more than once a second, and dates do not tell.
    func answerUnchanged() -> FormatResponse? {
        guard head.headers[.ifNoneMatch] != nil else { return nil }
        for validators in [validators, compressedValidators]
        where Preconditions(head.headers).evaluate(validators, isRead: true) == .notModified {
            var headers = tagged(validators)
            headers[.contentType] = nil
            return FormatResponse(status: .notModified, headers: headers)
        }
        return nil
    }

    private func tagged(_ validators: Validators) -> HTTPFields {
        var headers = headers
        headers[.eTag] = validators.entityTag.description
        return headers
    }

    /// The page, compressed where the client takes that.
    func answer(_ document: PyPIDocument) -> FormatResponse {
        guard acceptsGzip, let compressed = document.compressed else {
            return FormatResponse(headers: tagged(validators), body: .bytes(document.bytes))
        }
        var headers = tagged(compressedValidators)
        headers[.contentEncoding] = "gzip"
        return FormatResponse(headers: headers, body: .bytes(compressed))
    }

    /// Other bytes need another tag.
    private var compressedValidators: Validators {
        Validators(
            entityTag: EntityTag(opaque: validators.entityTag.opaque + "-gzip"),
            lastModified: validators.lastModified)
    }

    /// *Source*: RFC 9110, section 12.5.3.
    private static func acceptsGzip(_ header: String?) -> Bool {
        (header ?? "").lowercased().split(separator: ",").contains { element in
            let parts = element.split(separator: ";").map { $0.filter { $0 != " " } }
            guard parts.first == "gzip" || parts.first == "x-gzip" else { return false }
            return !parts.dropFirst().contains {
                $0.hasPrefix("q=0") && !$0.contains { "123456789".contains($0) }
            }
        }
    }
}
