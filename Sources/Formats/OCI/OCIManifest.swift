import FormatKit
public import Registry

/// A manifest as it was read: what it is, and what it names. Its bytes are stored as they came.
///
/// *Source*: OCI image specification, "Image Manifest" and "Image Index"; docker, "Image Manifest
/// V2, Schema 2".
public struct OCIManifest: Hashable, Sendable {
    /// The largest manifest, in bytes: 4 MiB, which every registry has to take.
    public static let limitBytes = 4 << 20

    /// What is known of a type of manifest.
    public enum Kind: Hashable, Sendable {
        /// Configuration and layers.
        case image
        /// A list of manifests.
        case index
        /// Any other type: valid JSON, and what it names in the ways of the two others is kept.
        case other
    }

    public let kind: Kind
    /// The type that it is served with, to the letter.
    public let mediaType: String
    public let config: OCIDescriptor?
    public let layers: [OCIDescriptor]
    /// What an artifact manifest of the specification's release candidates names.
    public let blobs: [OCIDescriptor]
    /// The manifests of an index.
    public let children: [OCIDescriptor]
    public let subject: OCIDescriptor?
    /// What it says itself, where that is not empty.
    public let declaredArtifactType: String?
    public let annotations: [String: String]
    /// Bytes of the manifest.
    public let size: Int64

    /// The kind of artifact, as lists of referrers say it.
    ///
    /// *Source*: OCI distribution specification, "Listing Referrers": where an image manifest does
    /// not say it, the type of its configuration counts.
    public var artifactType: String? {
        declaredArtifactType ?? (kind == .index ? nil : config.map(\.mediaType))
    }

    /// The blobs that it names, each once, in the order of their first mention.
    public var references: [OCIBlobReference] {
        var order: [Digest] = []
        var found: [Digest: OCIBlobReference] = [:]
        for descriptor in [config].compactMap(\.self) + layers + blobs {
            let isRequired =
                kind != .other && !descriptor.hasURLs
                && !OCIMediaType.isForeignLayer(descriptor.mediaType)
            if let known = found[descriptor.digest] {
                found[descriptor.digest]?.isRequired = known.isRequired || isRequired
            } else {
                order.append(descriptor.digest)
                found[descriptor.digest] = OCIBlobReference(
                    digest: descriptor.digest, size: descriptor.size, isRequired: isRequired)
            }
        }
        return order.compactMap { found[$0] }
    }

    /// What BuildKit calls the platform of a manifest that has none; so do lists here.
    private static let unknownPlatform = "unknown"

    /// What lists and pages need to know of it without reading it again.
    public var attributes: ImageAttributes {
        var attributes = ImageAttributes(mediaType: mediaType, size: size)
        attributes.artifactType = artifactType
        attributes.subject = subject?.digest.description
        attributes.config = config.map {
            ImageAttributes.Config(
                mediaType: $0.mediaType, digest: $0.digest.description, size: $0.size)
        }
        if kind == .index {
            attributes.platforms = children.prefix(ImageAttributes.platformLimitCount).map {
                child in
                ImageAttributes.Platform(
                    os: child.platform?.os ?? Self.unknownPlatform,
                    architecture: child.platform?.architecture ?? Self.unknownPlatform,
                    variant: child.platform?.variant, digest: child.digest.description)
            }
        } else {
            attributes.layerCount = layers.count + blobs.count
            attributes.totalSize = references.reduce(size) { $0.addingSaturating($1.size) }
        }
        let annotationBytes = annotations.reduce(0) {
            $0 + $1.key.utf8.count + $1.value.utf8.count
        }
        if annotationBytes > ImageAttributes.annotationsLimitBytes {
            attributes.omitsAnnotations = true
        } else if !annotations.isEmpty {
            attributes.annotations = annotations
        }
        return attributes
    }
}

/// A blob that a manifest names.
public struct OCIBlobReference: Hashable, Sendable {
    public let digest: Digest
    /// Bytes, as the manifest says.
    public let size: Int64
    /// Whether it has to be in the repository before the manifest; layers that are kept elsewhere
    /// need not be.
    public var isRequired: Bool

    public init(digest: Digest, size: Int64, isRequired: Bool) {
        self.digest = digest
        self.size = size
        self.isRequired = isRequired
    }
}

extension Int64 {
    /// The sum, or the largest number where it would be larger.
    fileprivate func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
