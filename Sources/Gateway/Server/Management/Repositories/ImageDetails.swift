import Registry

/// What there is to say of the image, or index of images, that a tag names.
struct ImageDetails: Sendable {
    /// An image of an index.
    struct Image: Sendable {
        let platform: ImageAttributes.Platform
        /// Bytes; `nil` when its manifest is not here.
        let totalSize: Int64?
    }

    let attributes: ImageAttributes
    /// Bytes of everything that it names, each blob once.
    let totalSize: Int64
    /// The images of an index; `nil` for a single one.
    let images: [Image]?

    /// The digest of the configuration, in hex.
    var revision: String? {
        attributes.config.flatMap { $0.digest.split(separator: ":").last.map(String.init) }
    }

    /// Gathers what the rows say of `version`.
    init(of version: VersionRecord, _ tx: any MetadataReading) throws {
        attributes = try ImageAttributes(decoding: version.attributes)
        var sizes = try tx.listBlobSizes(versionID: version.id)
        // Only an index has no size of its own.
        if attributes.totalSize == nil {
            images = try (attributes.platforms ?? []).map { entry in
                let child = try tx.findVersions(
                    format: version.package.format, package: version.package.name,
                    version: entry.digest, in: .project(version.package.projectID),
                    readableBy: .everything, limit: 1
                ).first
                let own = try child.map { try tx.listBlobSizes(versionID: $0.id) }
                if let own { sizes.merge(own) { first, _ in first } }
                return Image(platform: entry, totalSize: own.map { $0.values.reduce(0, +) })
            }
        } else {
            images = nil
        }
        totalSize = sizes.values.reduce(0, +)
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
