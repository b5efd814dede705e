import FormatKit
import NIOCore
import Registry

/// What there is to say of the image, or index of images, that a tag names.
struct ImageDetails: Sendable {
    /// What an image runs on.
    struct Platform: Hashable, Sendable {
        let os: String
        let architecture: String
        let variant: String?
    }

    /// An image of an index.
    struct Image: Sendable {
        let digest: String
        let platform: Platform
        /// Bytes; `nil` when its manifest is not here.
        let totalSize: Int64?
    }

    let attributes: ImageAttributes
    /// Bytes of everything that it names, each blob once.
    let totalSize: Int64
    /// The images of an index; `nil` for a single one.
    let images: [Image]?
    /// The configuration of a single image.
    let config: BlobRecord?

    /// The digest of the configuration, in hex.
    var revision: String? {
        attributes.config.flatMap { $0.digest.split(separator: ":").last.map(String.init) }
    }

    /// Gathers what the rows say of `version`.
    init(of version: VersionRecord, _ tx: any MetadataReading) throws {
        attributes = try ImageAttributes(decoding: version.attributes)
        var sizes = try tx.listBlobSizes(versionID: version.id)
        images = try attributes.platforms.map { platforms in
            try platforms.map { entry in
                let child = try tx.findVersions(
                    format: version.package.format, package: version.package.name,
                    version: entry.digest, in: .project(version.package.projectID),
                    readableBy: .everything, limit: 1
                ).first
                let own = try child.map { try tx.listBlobSizes(versionID: $0.id) }
                if let own { sizes.merge(own) { first, _ in first } }
                return Image(
                    digest: entry.digest,
                    platform: Platform(
                        os: entry.os, architecture: entry.architecture, variant: entry.variant),
                    totalSize: own.map { $0.values.reduce(0, +) })
            }
        }
        totalSize = sizes.values.reduce(0, +)
        config = try Self.findConfig(attributes, version.package, tx)
    }

    /// The media types of configurations that name a platform.
    ///
    /// *Source*: OCI image specification, "Media Types"; docker, "Image Manifest V2, Schema 2".
    private static let configMediaTypes: Set<String> = [
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    ]

    private static func findConfig(
        _ attributes: ImageAttributes, _ package: PackageRecord, _ tx: any BlobReading
    ) throws -> BlobRecord? {
        guard let config = attributes.config, configMediaTypes.contains(config.mediaType) else {
            return nil
        }
        return try tx.findBlob(
            BlobAddress(
                format: package.format, package: package.name,
                digest: try Digest(parsing: config.digest)),
            projectID: package.projectID)?.blob
    }
}

extension ManagementCall {
    /// The platform that an image's configuration names; `nil` where it names none, or is lost.
    ///
    /// *Source*: OCI image specification, "Image Configuration", Properties.
    func readPlatform(
        _ config: BlobRecord
    ) async throws(RegistryError) -> ImageDetails.Platform? {
        guard config.size <= ManagementLimits.imageConfigBytes,
            try await services.blobs.size(of: config.storageKey) == config.size
        else { return nil }
        let reader = try await services.blobs.open(config.storageKey)
        var bytes: [UInt8] = []
        while Int64(bytes.count) < config.size {
            let chunk = try await reader.read(
                at: Int64(bytes.count), limitBytes: Int(config.size) - bytes.count)
            guard chunk.readableBytes > 0 else { return nil }
            bytes += chunk.readableBytesView
        }
        guard let json = JSONValue(parsing: bytes), let os = json["os"]?.stringValue,
            let architecture = json["architecture"]?.stringValue
        else { return nil }
        return ImageDetails.Platform(
            os: os, architecture: architecture, variant: json["variant"]?.stringValue)
    }
}

extension PackageReading {
    /// The sizes in bytes of all blobs that a version names, by digest.
    fileprivate func listBlobSizes(versionID: Int64) throws -> [Digest: Int64] {
        var sizes: [Digest: Int64] = [:]
        var number = 1
        while true {
            let request = PageRequest(number: number, size: PageRequest.limitCount)
            let page = try listFiles(versionID: versionID, isDeleted: false, page: request)
            for file in page.rows { sizes[file.digests.sha256] = file.size }
            guard page.rows.count == request.size else { return sizes }
            number += 1
        }
    }
}
