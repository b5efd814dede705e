import FormatKit
import MetadataStorage
import Registry
import TestSupport
import Testing

@testable import GatewayServer

extension ManagementServer {
    /// An image, or index of images, as a push leaves it.
    struct Image: Sendable {
        var repository = "api"
        /// What the manifest is made of; its digest names the version.
        let manifest: String
        var tags: [String] = []
        /// By content, each as a layer.
        var layers: [String] = []
        /// The content of the configuration.
        var config: String?
        /// What the configuration says that it runs on.
        var platform: String?
        /// Makes it an index of these manifests, by platform.
        var images: [(platform: String, manifest: String)] = []

        static func digest(of content: String) -> String {
            InMemoryBlobs.digests(of: Array(content.utf8)).sha256.description
        }
    }

    /// Publishes an image, and gives the numbers of its repository and of its version.
    @discardableResult
    func push(
        _ image: Image, in project: Int64
    ) async throws -> (repository: Int64, version: Int64) {
        let now = clock.now()
        let attributes = try Self.attributes(of: image).encode()
        var files =
            [(ImageAttributes.manifestPath, image.manifest)]
            + image.layers.map { ("blobs/\($0)", $0) }
        if let config = image.config { files.append(("config", config)) }
        let stored = files.map { path, content in
            FileDraft(
                path: path,
                blob: CommittedBlob(
                    digests: InMemoryBlobs.digests(of: Array(content.utf8)),
                    size: Int64(content.utf8.count), key: StorageKey(stored: "key \(content)")))
        }
        return try await store.write { tx in
            let package = try tx.upsertPackage(
                projectID: project, format: "oci", name: image.repository, at: now)
            let (version, isNew) = try tx.insertVersion(
                package: package, name: Image.digest(of: image.manifest), status: .default,
                lifetime: .referenced, attributes: attributes, actor: Sample.actor, at: now)
            if isNew {
                for file in stored {
                    _ = try tx.upsertBlob(file.blob, at: now)
                    _ = try tx.insertFile(file, version: version, at: now)
                }
                try tx.insertLinks(
                    image.images.map {
                        VersionLink(.child, target: Image.digest(of: $0.manifest))
                    },
                    versionID: version.id)
            }
            for tag in image.tags { try tx.setTag(tag, version: version, at: now) }
            return (package.id, version.id)
        }
    }

    private static func attributes(of image: Image) throws -> ImageAttributes {
        var attributes = ImageAttributes(
            mediaType: image.images.isEmpty
                ? "application/vnd.oci.image.manifest.v1+json"
                : "application/vnd.oci.image.index.v1+json",
            size: Int64(image.manifest.utf8.count))
        attributes.config = image.config.map { content in
            ImageAttributes.Config(
                mediaType: "application/vnd.oci.image.config.v1+json",
                digest: Image.digest(of: content), size: Int64(content.utf8.count))
        }
        if image.images.isEmpty {
            let parts = [image.manifest] + image.layers + [image.config].compactMap(\.self)
            attributes.totalSize = Int64(parts.reduce(0) { $0 + $1.utf8.count })
            attributes.platforms = image.platform.map { [Self.platform($0, of: image.manifest)] }
        } else {
            attributes.platforms = image.images.map { image in
                Self.platform(image.platform, of: image.manifest)
            }
        }
        return attributes
    }

    /// The platform that `text` writes as docker does: `linux/arm/v7`.
    private static func platform(
        _ text: String, of manifest: String
    ) -> ImageAttributes.Platform {
        let parts = text.split(separator: "/").map(String.init)
        return ImageAttributes.Platform(
            os: parts[0], architecture: parts[1], variant: parts.count > 2 ? parts[2] : nil,
            digest: Image.digest(of: manifest))
    }

    /// Pushes one image for each tag, a minute after the other, and gives the repository's number.
    func pushTags(
        _ tags: [String], repository: String = "api", in project: Int64
    ) async throws -> Int64 {
        var id: Int64 = 0
        for tag in tags {
            clock.advance(bySeconds: 60)
            id = try await push(
                Image(repository: repository, manifest: "manifest of \(tag)", tags: [tag]),
                in: project
            ).repository
        }
        return id
    }

    /// Adds a rule about tags.
    func addTagRule(
        _ pattern: String, delete: Role? = nil, immutable: Bool = false, in project: Int64
    ) async throws {
        let answer = try await post(
            "projects/\(project)/registry/protection/tag/rules",
            [
                "tag_name_pattern": .string(pattern), "immutable": .bool(immutable),
                "minimum_access_level_for_delete": .optional(delete?.name),
            ])
        try #require(answer.status == 201, "\(answer.text)")
    }
}
