import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import ClientSupport

extension Program {
    static let dockerRegistry = Program("docker-registry")
}

/// Debian's registry of the CNCF's distribution on a folder of its own, as somebody has one who moves.
struct SourceRegistry: Sendable {
    let folder: TemporaryFolder
    /// Its address, without a slash at its end.
    let origin: String
    private let process: ChildProcess

    /// The folder that it is configured with.
    var root: String { folder.path("registry") }

    var client: RegistryClient { RegistryClient(origin: origin, credential: nil) }

    private var entrance: Entrance {
        Entrance(host: origin.replacing("http://", with: ""), credential: nil, trust: nil)
    }

    /// Runs `body` while it runs.
    static func run(_ body: (SourceRegistry) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let settings = try folder.write(
            """
            version: 0.1
            storage:
              filesystem: { rootdirectory: \(folder.path("registry")) }
              delete: { enabled: true }
            http: { addr: "127.0.0.1:0" }
            """, to: "config.yml")
        let process = try Program.dockerRegistry.start(["serve", settings])
        defer { process.terminate() }
        let line = try await process.firstLine(containing: "listening on 127.0.0.1:")
        let port = try #require(line.firstMatch(of: /listening on 127\.0\.0\.1:(\d+)/)).output.1
        try await body(
            SourceRegistry(folder: folder, origin: "http://127.0.0.1:\(port)", process: process))
        process.terminate()
        try await process.ending()
    }

    func push(_ layout: ImageLayout, to name: String, all: Bool = false) async throws {
        try await Skopeo.push(layout, to: name, at: entrance, all: all)
    }

    /// Pushes something whose subject is the manifest of this digest, without a tag; gives its own.
    func attach(to subject: String, in repository: String) async throws -> String {
        let manifest = try await client.manifest(subject, of: repository)
        let (config, content) = (Data("{}".utf8), Data("signed by nobody".utf8))
        for blob in [config, content] { try await client.pushBlob(blob, to: repository) }
        let image = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
             "artifactType":"application/vnd.example.signature",
             "config":{"mediaType":"application/vnd.oci.empty.v1+json",
              "digest":"\(RegistryClient.digest(config))","size":\(config.count)},
             "layers":[{"mediaType":"text/plain",
              "digest":"\(RegistryClient.digest(content))","size":\(content.count)}],
             "subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json",
              "digest":"\(subject)","size":\(manifest.body.count)}}
            """
        let bytes = Data(image.utf8)
        return try await client.pushManifest(
            bytes, to: repository, as: RegistryClient.digest(bytes))
    }

    /// The file with the bytes of a digest.
    static func file(of digest: String, in root: String) -> String {
        let hex = digest.replacing("sha256:", with: "")
        return "\(root)/docker/registry/v2/blobs/sha256/\(hex.prefix(2))/\(hex)/data"
    }
}

/// What several tests import: images that share layers, an index, something attached, and a manifest
/// that lost its tag.
struct SourceImages: Sendable {
    let one: ImageLayout
    let two: ImageLayout
    let several: ImageLayout
    let tool: ImageLayout
    /// The digest of what is attached to `one`.
    let attached: String
    /// The digest of a manifest that no tag names any more.
    let untagged: String

    static let repositories = ["team/app", "tools/cli"]

    static func push(to source: SourceRegistry) async throws -> SourceImages {
        let one = try await ImageLayout.make(.init(layers: 3, seed: "1"))
        let two = try await ImageLayout.make(.init(layers: 4, seed: "1"))
        let several = try await ImageLayout.make(
            .init(layers: 4, platforms: ["linux/amd64", "linux/arm64"], seed: "1"))
        let tool = try await ImageLayout.make(.init(layers: 2, seed: "1"))
        let old = try await ImageLayout.make(.init(layers: 2, seed: "9"))
        try await source.push(one, to: "team/app:1.0")
        try await source.push(one, to: "team/app:latest")
        try await source.push(two, to: "team/app:2.0")
        try await source.push(several, to: "team/app:multi", all: true)
        try await source.push(tool, to: "tools/cli:stable")
        try await source.push(old, to: "team/app:moving")
        try await source.push(two, to: "team/app:moving")
        return SourceImages(
            one: one, two: two, several: several, tool: tool,
            attached: try await source.attach(to: one.digest, in: "team/app"),
            untagged: old.digest)
    }
}

extension RegistryClient {
    /// Every type that a client of images takes.
    private static let accept = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ].joined(separator: ", ")

    func findManifest(_ reference: String, of repository: String) async throws -> Answer {
        try await send(
            .GET, url("/v2/\(repository)/manifests/\(reference)"),
            headers: [("Accept", Self.accept)])
    }

    func manifest(_ reference: String, of repository: String) async throws -> Answer {
        try await findManifest(reference, of: repository).expecting(200)
    }

    /// Everything that tags of these repositories lead to, by name: the type and the digest of the
    /// bytes that came. `prefix` stands before the names of the repositories at this registry only.
    func crawl(_ repositories: [String], below prefix: String = "") async throws -> [String: String]
    {
        struct Tags: Decodable { let tags: [String]? }
        var found: [String: String] = [:]
        for repository in repositories {
            let list = try await send(.GET, url("/v2/\(prefix)\(repository)/tags/list"))
                .expecting(200)
            let tags = try JSONDecoder().decode(Tags.self, from: list.body).tags ?? []
            for tag in tags.sorted() {
                found["\(repository):\(tag)"] = try await crawlManifest(
                    tag, repository, prefix, &found)
            }
        }
        return found
    }

    /// Adds what a manifest leads to; gives its type and its digest.
    @discardableResult
    func crawlManifest(
        _ reference: String, _ repository: String, _ prefix: String,
        _ found: inout [String: String]
    ) async throws -> String {
        struct Parts: Decodable {
            struct Part: Decodable { let digest: String }
            let config: Part?
            let layers: [Part]?
            let manifests: [Part]?
        }
        let answer = try await manifest(reference, of: prefix + repository)
        let digest = Self.digest(answer.body)
        #expect(answer.headers.first(name: "docker-content-digest") == digest)
        let parts = try JSONDecoder().decode(Parts.self, from: answer.body)
        for blob in [parts.config].compactMap(\.self) + (parts.layers ?? [])
        where found["\(repository)@\(blob.digest)"] == nil {
            let content = try await send(
                .GET, url("/v2/\(prefix)\(repository)/blobs/\(blob.digest)")
            ).expecting(200)
            #expect(Self.digest(content.body) == blob.digest)
            found["\(repository)@\(blob.digest)"] = Self.digest(content.body)
        }
        for child in parts.manifests ?? [] {
            found["\(repository)@\(child.digest)"] = try await crawlManifest(
                child.digest, repository, prefix, &found)
        }
        return "\(answer.headers.first(name: "content-type") ?? "") \(digest)"
    }
}
