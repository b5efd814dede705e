import FormatKit
import HTTPTypes
import NIOCore
import PyPIFormat
import Registry
import TestSupport

/// A gateway with the projects `acme/web` and `acme/base`, and what clients do there.
struct PyPIBench {
    let test: TestGateway
    let project: NamespaceRecord

    /// Runs `body` on a fresh gateway where the format is switched on.
    static func run(
        on kind: DatabaseKind = .sqlite, settings: NamespaceSettings = NamespaceSettings(),
        visibility: Visibility = .private, clock: any RegistryClock = SystemClock(),
        _ body: (PyPIBench) async throws -> Void
    ) async throws {
        try await TestGateway.run(on: kind, formats: [PyPIFormat()], clock: clock) { test in
            let now = test.services.clock.now()
            let project = try await test.store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: NamespacePath(parsing: "acme"), name: "Acme",
                        visibility: .public), at: now)
                try tx.upsertGate(
                    FeatureGate(feature: PyPIFormat.id.name, condition: .everyone(true)))
                _ = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: NamespacePath(parsing: "acme/base"),
                        parentID: group.id, name: "Base", visibility: visibility), at: now)
                return try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: NamespacePath(parsing: "acme/web"),
                        parentID: group.id, name: "Web", visibility: visibility,
                        settings: settings), at: now)
            }
            try await body(PyPIBench(test: test, project: project))
        }
    }

    /// Sends a request to an address below a mount, as the administrator.
    func send(
        _ method: HTTPRequest.Method, _ tail: String, at mount: String = "/acme/web/-/pypi",
        _ headers: [(String, String)] = [], body: [UInt8] = []
    ) async throws -> TestResponse {
        try await test.send(
            method, mount + tail, token: test.rootToken, headers: headers, body: body)
    }

    /// Uploads a file with these fields beside it, in front of it or behind it.
    @discardableResult
    func upload(
        _ file: TestDistribution, fields: [(String, String)]? = nil,
        _ more: [(String, String)] = [], filename: String? = nil, fieldsFirst: Bool = true,
        at mount: String = "/acme/web/-/pypi", accept: String = "*/*"
    ) async throws -> TestResponse {
        let form = TestForm(
            fields: (fields ?? file.fields) + more,
            file: (filename ?? file.filename, file.bytes), fieldsFirst: fieldsFirst)
        return try await send(
            .post, "/", at: mount, [("Content-Type", TestForm.contentType), ("Accept", accept)],
            body: form.bytes)
    }

    /// The page of a project as JSON.
    func page(
        of name: String, at mount: String = "/acme/web/-/pypi"
    ) async throws -> [String: Any] {
        let answer = try await send(
            .get, "/simple/\(name)/", at: mount, [("Accept", TestDistribution.json)])
        guard answer.status == .ok else { throw Unexpected(answer: answer) }
        return try answer.object()
    }

    /// The files of a project's page, by their names.
    func files(
        of name: String, at mount: String = "/acme/web/-/pypi"
    ) async throws -> [String: [String: Any]] {
        let files = try await page(of: name, at: mount)["files"] as? [[String: Any]] ?? []
        return Dictionary(
            files.map { ($0["filename"] as? String ?? "", $0) }, uniquingKeysWith: { $1 })
    }

    /// How many blobs, and unfinished uploads, are stored.
    func blobCount() async throws -> Int {
        let count = SendableBox(0)
        try await test.services.blobs.listEntries(
            writtenBefore: test.services.clock.now().advanced(bySeconds: 86_400)
        ) { page throws(RegistryError) in count.withValue { $0 += page.count } }
        return count.withValue { $0 }
    }

    /// An answer that a test cannot go on from.
    struct Unexpected: Error, CustomStringConvertible {
        let answer: TestResponse

        var description: String { "\(answer.status): \(answer.text)" }
    }
}

/// A form as clients send it.
struct TestForm {
    static let boundary = "0123456789abcdef-0123456789abcdef"
    static let contentType = "multipart/form-data; boundary=\(boundary)"

    let fields: [(String, String)]
    let file: (name: String, bytes: [UInt8])?
    let fieldsFirst: Bool

    var bytes: [UInt8] {
        let text = fields.flatMap { name, value in
            Array(
                "--\(Self.boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n"
                    .utf8) + Array(value.utf8) + Array("\r\n".utf8)
        }
        var content: [UInt8] = []
        if let file {
            content += Array(
                ("--\(Self.boundary)\r\nContent-Disposition: form-data; name=\"content\"; "
                    + "filename=\"\(file.name)\"\r\nContent-Type: application/octet-stream"
                    + "\r\n\r\n").utf8)
            content += file.bytes + Array("\r\n".utf8)
        }
        return (fieldsFirst ? text + content : content + text)
            + Array("--\(Self.boundary)--\r\n".utf8)
    }
}

/// A small wheel or source distribution.
struct TestDistribution {
    static let json = "application/vnd.pypi.simple.v1+json"

    var name = "tool"
    var version = "1.0"
    var isWheel = true
    var metadataVersion = "2.1"
    /// Further lines of the metadata.
    var more = ""
    /// What makes the bytes different.
    var content = "x = 1\n"
    /// The file's name; by the name and the version unless told.
    var customFilename: String?

    init(_ name: String = "tool", _ version: String = "1.0", isWheel: Bool = true) {
        self.name = name
        self.version = version
        self.isWheel = isWheel
    }

    private var escapedName: String { name.replacing("-", with: "_").replacing(".", with: "_") }

    var filename: String {
        customFilename
            ?? "\(escapedName)-\(version)" + (isWheel ? "-py3-none-any.whl" : ".tar.gz")
    }

    var metadata: String {
        "Metadata-Version: \(metadataVersion)\nName: \(name)\nVersion: \(version)\n\(more)"
    }

    var bytes: [UInt8] {
        let folder = "\(escapedName)-\(version)"
        return isWheel
            ? ZipBuilder([
                "\(escapedName)/__init__.py": content,
                "\(folder).dist-info/METADATA": metadata,
                "\(folder).dist-info/WHEEL": "Wheel-Version: 1.0\n",
            ]).build()
            : TarBuilder(["\(folder)/setup.py": content, "\(folder)/PKG-INFO": metadata])
                .buildGzip()
    }

    var digests: BlobDigests { InMemoryBlobs.digests(of: bytes) }

    /// The digest of the metadata that is served beside it.
    var metadataDigest: String {
        InMemoryBlobs.digests(of: Array(metadata.utf8)).sha256.hex
    }

    /// The fields that a client sends with it.
    var fields: [(String, String)] {
        [
            (":action", "file_upload"), ("protocol_version", "1"), ("name", name),
            ("version", version), ("filetype", isWheel ? "bdist_wheel" : "sdist"),
            ("pyversion", isWheel ? "py3" : "source"), ("metadata_version", metadataVersion),
            ("md5_digest", digests.md5 ?? ""), ("sha256_digest", digests.sha256.hex),
            ("classifiers", "A"), ("classifiers", "B"), ("description", "many\r\nlines"),
        ]
    }
}

extension TestResponse {
    /// A header field by its name.
    func header(_ name: String) -> String? {
        HTTPField.Name(name).flatMap { headers[$0] }
    }
}
