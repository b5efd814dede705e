import HTTPTypes
import OCIFormat
import Registry
import TestSupport

/// A gateway with a project `acme/web`, and what clients do there.
struct OCIBench {
    let test: TestGateway
    let project: NamespaceRecord
    /// The repository that requests name when they name none: `acme/web/api`.
    let repository = "acme/web/api"

    /// Runs `body` on a fresh gateway with the private projects `acme/web` and `acme/base`.
    static func run(
        on kind: DatabaseKind, settings: NamespaceSettings = NamespaceSettings(),
        visibility: Visibility = .private, clock: any RegistryClock = SystemClock(),
        _ body: (OCIBench) async throws -> Void
    ) async throws {
        try await TestGateway.run(on: kind, formats: [OCIFormat()], clock: clock) { test in
            let now = test.services.clock.now()
            let project = try await test.store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: NamespacePath(parsing: "acme"), name: "Acme",
                        visibility: .public), at: now)
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
            try await body(OCIBench(test: test, project: project))
        }
    }

    /// Sends a request to an address below `/v2/`, as the administrator.
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ headers: [(String, String)] = [],
        body: [UInt8] = []
    ) async throws -> TestResponse {
        try await test.send(
            method, "/v2/" + path, token: test.rootToken, headers: headers, body: body)
    }

    /// Sends a request to an address that an answer named.
    func follow(
        _ method: HTTPRequest.Method, _ location: String?, query: String = "",
        _ headers: [(String, String)] = [], body: [UInt8] = []
    ) async throws -> TestResponse {
        try await test.send(
            method, (location ?? "/nowhere") + query, token: test.rootToken, headers: headers,
            body: body)
    }

    /// Pushes a blob in one request.
    @discardableResult
    func push(_ blob: [UInt8], to repository: String? = nil) async throws -> Digest {
        let digest = TestImage.digest(blob)
        let answer = try await send(
            .post, "\(repository ?? self.repository)/blobs/uploads/?digest=\(digest)", body: blob)
        guard answer.status == .created else { throw Unexpected(answer: answer) }
        return digest
    }

    /// Pushes a manifest.
    @discardableResult
    func push(
        manifest: String, as reference: String, type: String? = TestImage.manifestType,
        query: String = "", to repository: String? = nil
    ) async throws -> TestResponse {
        try await send(
            .put, "\(repository ?? self.repository)/manifests/\(reference)\(query)",
            type.map { [("Content-Type", $0)] } ?? [], body: Array(manifest.utf8))
    }

    /// Pushes an image with its blobs.
    @discardableResult
    func push(
        _ image: TestImage, as reference: String, to repository: String? = nil
    ) async throws -> Digest {
        try await push(image.config, to: repository)
        for layer in image.layers { try await push(layer, to: repository) }
        let answer = try await push(manifest: image.manifest, as: reference, to: repository)
        guard answer.status == .created else { throw Unexpected(answer: answer) }
        return image.digest
    }

    /// An answer that a test cannot go on from.
    struct Unexpected: Error, CustomStringConvertible {
        let answer: TestResponse

        var description: String { "\(answer.status): \(answer.text)" }
    }
}

/// A small image.
struct TestImage {
    static let manifestType = "application/vnd.oci.image.manifest.v1+json"
    static let indexType = "application/vnd.oci.image.index.v1+json"
    static let configType = "application/vnd.oci.image.config.v1+json"

    var config: [UInt8]
    var layers: [[UInt8]]
    /// Further members of the manifest, each with a comma in front.
    var more = ""

    /// An image whose bytes are made of `name`.
    init(
        _ name: String, layerCount: Int = 2, architecture: String = "amd64", more: String = ""
    ) {
        config = Array(
            (#"{"architecture":"\#(architecture)","os":"linux","created":"2024-01-02T03:04:05Z","#
                + #""x":"\#(name)"}"#).utf8)
        layers = (0..<layerCount).map { Array("layer \($0) of \(name)".utf8) }
        self.more = more
    }

    var manifest: String {
        let layers = layers.map { descriptor(of: $0, "application/vnd.oci.image.layer.v1.tar") }
        return #"{"schemaVersion":2,"mediaType":"\#(Self.manifestType)","config":"#
            + descriptor(of: config, Self.configType)
            + #","layers":[\#(layers.joined(separator: ","))]\#(more)}"#
    }

    var digest: Digest { Self.digest(manifest) }

    /// How an index names the image.
    var entry: String {
        #"{"mediaType":"\#(Self.manifestType)","digest":"\#(digest)","size":\#(manifest.utf8.count)}"#
    }

    static func digest(_ text: String) -> Digest { digest(Array(text.utf8)) }

    static func digest(_ bytes: [UInt8]) -> Digest {
        InMemoryBlobs.digests(of: bytes, []).sha256
    }

    static func sha512(_ bytes: [UInt8]) throws -> Digest {
        try Digest(.sha512, hex: InMemoryBlobs.digests(of: bytes, .sha512).sha512 ?? "")
    }

    /// An index of these entries.
    static func index(_ entries: [String], more: String = "") -> String {
        #"{"schemaVersion":2,"mediaType":"\#(indexType)","manifests":["#
            + entries.joined(separator: ",") + "]\(more)}"
    }

    private func descriptor(of bytes: [UInt8], _ type: String) -> String {
        #"{"mediaType":"\#(type)","digest":"\#(Self.digest(bytes))","size":\#(bytes.count)}"#
    }
}

extension TestResponse {
    /// The code of the first error of the specification's form.
    var errorCode: String? {
        let errors = (try? object())?["errors"] as? [[String: Any]]
        return errors?.first?["code"] as? String
    }

    /// A header field by its name.
    func header(_ name: String) -> String? {
        HTTPField.Name(name).flatMap { headers[$0] }
    }

    /// The address of the page that follows.
    var nextPage: String? {
        header("Link")?.firstMatch(of: /<([^>]*)>; rel="next"/).map { String($0.output.1) }
    }
}
