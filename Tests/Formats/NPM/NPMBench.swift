import Crypto
import FormatKit
import Foundation
import HTTPTypes
import NIOCore
import NPMFormat
import Registry
import TestSupport

/// A gateway with the projects `acme/web` and `acme/base`, and what clients do there.
struct NPMBench {
    let test: TestGateway
    /// Where requests go that name no other place.
    static let mount = "/acme/web/-/npm"
    /// The same, as clients see it.
    static let base = "http://packages.example.com" + mount

    /// Runs `body` on a fresh gateway; both projects are private.
    static func run(
        on kind: DatabaseKind = .sqlite, settings: NamespaceSettings = NamespaceSettings(),
        visibility: Visibility = .private, clock: any RegistryClock = SystemClock(),
        _ body: (NPMBench) async throws -> Void
    ) async throws {
        try await TestGateway.run(on: kind, formats: [NPMFormat(loginWaitSeconds: 0)], clock: clock)
        { test in
            let now = test.services.clock.now()
            try await test.store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: NamespacePath(parsing: "acme"), name: "Acme",
                        visibility: .public), at: now)
                for name in ["base", "web"] {
                    _ = try tx.insertNamespace(
                        NamespaceDraft(
                            kind: .project, path: NamespacePath(parsing: "acme/\(name)"),
                            parentID: group.id, name: name, visibility: visibility,
                            settings: settings), at: now)
                }
            }
            try await body(NPMBench(test: test))
        }
    }

    /// Sends a request to an address below `mount`, as the administrator.
    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, at mount: String = NPMBench.mount,
        _ headers: [(String, String)] = [], body: [UInt8] = []
    ) async throws -> TestResponse {
        try await test.send(
            method, mount + path, token: test.rootToken, headers: headers, body: body)
    }

    /// Sends JSON.
    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, at mount: String = NPMBench.mount,
        json: Any
    ) async throws -> TestResponse {
        try await send(
            method, path, at: mount, [("Content-Type", "application/json")],
            body: Array(
                try JSONSerialization.data(
                    withJSONObject: json, options: [.fragmentsAllowed, .sortedKeys])))
    }

    /// Publishes as npm does.
    @discardableResult
    func publish(
        _ publish: TestPublish, at mount: String = NPMBench.mount
    ) async throws -> TestResponse {
        let name = publish.name.replacing("/", with: "%2f")
        return try await send(.put, "/\(name)", at: mount, body: Array(try publish.body()))
    }

    /// An answer that is none of those that a test can go on with.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// The full packument.
    func packument(
        _ name: String, at mount: String = NPMBench.mount
    ) async throws -> [String: Any] {
        let answer = try await send(.get, "/\(name)", at: mount)
        guard answer.status == .ok else {
            throw Refusal(description: "\(name): \(answer.status) \(answer.text)")
        }
        return try answer.object()
    }

    /// Tags and their versions.
    func tags(_ name: String, at mount: String = NPMBench.mount) async throws -> [String: String] {
        try await send(.get, "/-/package/\(name)/dist-tags", at: mount).object()
            as? [String: String] ?? [:]
    }
}

/// What `npm publish` sends, with whatever a test wants different.
struct TestPublish {
    var name: String
    var version: String
    var tags: [String: String]
    /// Members of the manifest beside its name and version.
    var manifest: [String: Any] = [:]
    /// Members of `dist` in place of the right ones; `NSNull` leaves one out.
    var dist: [String: Any] = [:]
    /// Members at the top in place of the right ones; `NSNull` leaves one out.
    var top: [String: Any] = [:]
    var tarball: [UInt8]
    /// What comes with the tarball.
    var provenance: String?

    init(
        _ name: String, _ version: String, tag: String = "latest", content: String = "1\n",
        manifest: [String: Any] = [:]
    ) {
        self.name = name
        self.version = version
        self.manifest = manifest
        tags = [tag: version]
        tarball = TestTarball.package(name, version, content: content)
    }

    var tarballName: String { "\(name)-\(version).tgz" }

    var integrity: String {
        "sha512-" + Data(SHA512.hash(data: tarball)).base64EncodedString()
    }

    var shasum: String { Hex.encode(Insecure.SHA1.hash(data: tarball)) }

    /// The document.
    func document() -> [String: Any] {
        var dist: [String: Any] = [
            "integrity": integrity, "shasum": shasum,
            "tarball": "http://elsewhere.example/\(name)/-/\(tarballName)",
        ]
        dist.merge(self.dist) { $1 }
        var manifest: [String: Any] = [
            "name": name, "version": version, "_id": "\(name)@\(version)",
            "readme": "# \(name)", "_nodeVersion": "20.20.2",
            "dist": dist.filter { !($0.value is NSNull) },
        ]
        manifest.merge(self.manifest) { $1 }
        var attachments: [String: Any] = [
            tarballName: [
                "content_type": "application/octet-stream", "length": tarball.count,
                "data": Data(tarball).base64EncodedString(),
            ]
        ]
        if let provenance {
            attachments["\(name)-\(version).sigstore"] = [
                "content_type": "application/vnd.dev.sigstore.bundle+json;version=0.1",
                "length": provenance.count, "data": provenance,
            ]
        }
        var document: [String: Any] = [
            "_id": name, "name": name, "dist-tags": tags, "versions": [version: manifest],
            "access": NSNull(), "_attachments": attachments,
        ]
        document.merge(top) { $1 }
        return document.filter { !($0.value is NSNull) }
    }

    func body() throws -> Data {
        try JSONSerialization.data(withJSONObject: document(), options: .sortedKeys)
    }
}

/// Tarballs, made here so that each byte is known.
enum TestTarball {
    /// What `npm pack` makes of a package with one file.
    static func package(
        _ name: String, _ version: String, content: String = "1\n"
    ) -> [UInt8] {
        make([
            ("package/package.json", #"{"name":"\#(name)","version":"\#(version)"}"#),
            ("package/index.js", content),
        ])
    }

    static func make(_ entries: [(name: String, content: String)]) -> [UInt8] {
        var tar: [UInt8] = []
        for entry in entries {
            let content = Array(entry.content.utf8)
            tar += header(entry.name, content.count) + content
            tar += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
        }
        tar += [UInt8](repeating: 0, count: 1024)
        let compressed = try? Gzip.compress(ByteBuffer(bytes: tar))
        return compressed.map { Array($0.readableBytesView) } ?? []
    }

    /// *Source*: POSIX.1-2017, pax, "ustar Interchange Format".
    private static func header(_ name: String, _ size: Int) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ number: Int, _ width: Int) -> String {
            let digits = String(number, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put(name, at: 0)
        put(octal(0o644, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(size, 11), at: 124)
        put(octal(499_162_500, 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(block.reduce(0) { $0 + Int($1) }, 6), at: 148)
        block[154] = 0
        return block
    }
}
