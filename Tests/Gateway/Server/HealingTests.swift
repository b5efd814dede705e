import BlobStorage
import Foundation
import GenericFormat
import HTTPTypes
import NIOPosix
import OCIFormat
import Registry
import TestSupport
import Testing

/// What a disk lost or changed is not promised to anybody, and comes back with the next push.
@Suite struct HealingTests {
    /// What can happen to a file.
    enum Harm: String, CaseIterable, Sendable {
        case lost
        case truncated
        /// A bit changed, and a check put the file aside.
        case quarantined
    }

    private static let layer = Array("a layer of an image".utf8)
    private static let config = Array(#"{"architecture":"amd64","os":"linux"}"#.utf8)
    private static let manifestType = "application/vnd.oci.image.manifest.v1+json"

    private static func digest(_ bytes: [UInt8]) -> Digest {
        InMemoryBlobs.digests(of: bytes, []).sha256
    }

    private static var manifest: [UInt8] {
        func descriptor(_ bytes: [UInt8], _ type: String) -> String {
            #"{"mediaType":"\#(type)","digest":"\#(digest(bytes))","size":\#(bytes.count)}"#
        }
        return Array(
            (#"{"schemaVersion":2,"mediaType":"\#(manifestType)","config":"#
                + descriptor(config, "application/vnd.oci.image.config.v1+json")
                + #","layers":[\#(descriptor(layer, "application/octet-stream"))]}"#).utf8)
    }

    /// Runs `body` with a gateway on files, or on files and memory, and the projects of `root`.
    private func withGateway(
        _ kind: DatabaseKind, isRemembering: Bool, _ body: (TestGateway) async throws -> Void
    ) async throws {
        let formats: [any PackageFormat] = [GenericFormat(), OCIFormat()]
        try await TestGateway.run(on: kind, formats: formats) { test in
            for name in ["image", "other"] {
                let made = try await test.send(
                    .post, "/api/v4/projects", token: test.rootToken, json: ["name": name])
                try #require(made.status == .created, "\(made.text)")
            }
            guard isRemembering else { return try await body(test) }
            let files = try FileBlobStore(root: test.blobFolder, threadPool: .singleton)
            let services = RegistryServices(
                metadata: test.services.metadata, blobs: CachedBlobStore(files),
                clock: test.services.clock)
            let remembering = await TestGateway.assemble(
                formats: formats, services: services, store: test.store,
                blobFolder: test.blobFolder)
            try await body(remembering)
        }
    }

    private func harm(_ bytes: [UInt8], _ harm: Harm, _ test: TestGateway) async throws {
        let digest = Self.digest(bytes)
        let row = try #require(try await test.store.read { try $0.findBlobs([digest])[digest] })
        let path = "\(test.blobFolder)/blobs/\(row.storageKey)"
        switch harm {
        case .lost: try FileManager.default.removeItem(atPath: path)
        case .truncated:
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.truncate(atOffset: 3)
            try file.close()
        case .quarantined:
            // By another process, as fsck is one.
            let files = try FileBlobStore(root: test.blobFolder, threadPool: .singleton)
            #expect(try await files.quarantine(row.storageKey, report: "{}"))
        }
    }

    private func send(
        _ method: HTTPRequest.Method, _ target: String, _ test: TestGateway,
        type: String? = nil, body: [UInt8] = []
    ) async throws -> TestResponse {
        try await test.send(
            method, target, token: test.rootToken,
            headers: type.map { [("Content-Type", $0)] } ?? [], body: body)
    }

    private func pushBlob(_ bytes: [UInt8], _ test: TestGateway) async throws {
        let answer = try await send(
            .post, "/v2/root/image/blobs/uploads/?digest=\(Self.digest(bytes))", test, body: bytes)
        #expect(answer.status == .created, "\(answer.text)")
    }

    private func pushImage(_ test: TestGateway) async throws {
        for blob in [Self.layer, Self.config] { try await pushBlob(blob, test) }
        let answer = try await send(
            .put, "/v2/root/image/manifests/1", test, type: Self.manifestType, body: Self.manifest)
        #expect(answer.status == .created, "\(answer.text)")
    }

    @Test(arguments: DatabaseKind.allCases, Harm.allCases)
    func imagesArePushedAgain(kind: DatabaseKind, harm: Harm) async throws {
        for isRemembering in [false, true] {
            try await withGateway(kind, isRemembering: isRemembering) { test in
                try await pushImage(test)
                let layer = "/v2/root/image/blobs/\(Self.digest(Self.layer))"
                let manifest = "/v2/root/image/manifests/1"
                let mount =
                    "/v2/root/other/blobs/uploads/?mount=\(Self.digest(Self.layer))"
                    + "&from=root/image"
                #expect(try await send(.get, layer, test).body == Self.layer)
                #expect(try await send(.get, manifest, test).body == Self.manifest)
                try await self.harm(Self.layer, harm, test)
                try await self.harm(Self.manifest, harm, test)
                // What clients ask before they push: they must not believe that it is there.
                #expect(try await send(.head, layer, test).status == .notFound)
                #expect(try await send(.head, manifest, test).status == .notFound)
                #expect(try await send(.post, mount, test).status == .accepted)
                let served = try await send(.get, manifest, test)
                #expect(served.status == (isRemembering ? .ok : .notFound))
                #expect(served.status == .notFound || served.body == Self.manifest)
                try await pushImage(test)
                #expect(try await send(.head, layer, test).status == .ok)
                #expect(try await send(.head, manifest, test).status == .ok)
                #expect(try await send(.get, layer, test).body == Self.layer)
                #expect(try await send(.get, manifest, test).body == Self.manifest)
                #expect(try await send(.post, mount, test).status == .created)
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases, Harm.allCases)
    func filesArePublishedAgain(kind: DatabaseKind, harm: Harm) async throws {
        for isRemembering in [false, true] {
            try await withGateway(kind, isRemembering: isRemembering) { test in
                let target = "/root/image/-/generic/tool/1.0/file"
                let other = "/root/other/-/generic/copy/2.0/file"
                for target in [target, other] {
                    let put = try await send(.put, target, test, body: Self.layer)
                    #expect(put.status == .created)
                }
                try await self.harm(Self.layer, harm, test)
                if !isRemembering {
                    #expect(try await send(.get, target, test).status == .notFound)
                }
                let again = try await send(.put, target, test, body: Self.layer)
                #expect(again.status.kind == .successful)
                for target in [target, other] {
                    #expect(try await send(.get, target, test).body == Self.layer)
                }
                let digest = Self.digest(Self.layer)
                let row = try #require(
                    try await test.store.read { try $0.findBlobs([digest])[digest] })
                #expect(try await test.services.blobs.size(of: row.storageKey) == row.size)
            }
        }
    }
}
