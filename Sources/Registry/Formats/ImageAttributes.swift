import Foundation

/// What is kept of a manifest beside its bytes, for lists and pages: the attributes of an OCI version.
public struct ImageAttributes: Hashable, Sendable, Codable {
    /// The path of the file in a version that holds the manifest's bytes; its other files are the
    /// blobs that the manifest names.
    public static let manifestPath = "manifest.json"
    /// The bytes of annotations, names and values, that are kept; a manifest with more has to be read
    /// to know them.
    public static let annotationsLimitBytes = 65_536
    /// The most platforms of an index that are kept.
    public static let platformLimitCount = 256

    /// A configuration that a manifest names.
    public struct Config: Hashable, Sendable, Codable {
        public let mediaType: String
        public let digest: String
        /// Bytes.
        public let size: Int64

        public init(mediaType: String, digest: String, size: Int64) {
            self.mediaType = mediaType
            self.digest = digest
            self.size = size
        }
    }

    /// A platform, and the manifest that serves it.
    ///
    /// *Source*: OCI image specification, "Image Index", `platform`.
    public struct Platform: Hashable, Sendable, Codable {
        public let os: String
        public let architecture: String
        public let variant: String?
        public let digest: String

        public init(os: String, architecture: String, variant: String?, digest: String) {
            self.os = os
            self.architecture = architecture
            self.variant = variant
            self.digest = digest
        }
    }

    /// The type that the manifest is served with.
    public var mediaType: String
    /// Bytes of the manifest itself.
    public var size: Int64
    /// What kind of artifact it is: its own word for it, or the type of its configuration.
    public var artifactType: String?
    public var config: Config?
    public var layerCount: Int?
    /// Bytes of manifest, configuration and layers, each counted once; `nil` for an index.
    public var totalSize: Int64?
    /// The platforms of an index, in its order; that of an image, where its configuration says it.
    public var platforms: [Platform]?
    /// When the image was built, as its configuration says.
    public var created: String?
    public var annotations: [String: String]?
    /// Whether the manifest has annotations that were too many to be kept here.
    public var omitsAnnotations: Bool?
    /// The digest of the manifest that this one is about.
    public var subject: String?

    public init(mediaType: String, size: Int64) {
        self.mediaType = mediaType
        self.size = size
    }

    /// Reads the attributes of a stored version.
    ///
    /// - Throws: `internalError` when they are none of a manifest's.
    public init(decoding text: String) throws(RegistryError) {
        do {
            self = try JSONDecoder().decode(ImageAttributes.self, from: Data(text.utf8))
        } catch {
            throw RegistryError(
                .internalError, "what is stored about a manifest cannot be read", cause: error)
        }
    }

    /// The attributes as a JSON object whose members are in the order of their names.
    ///
    /// - Throws: `internalError`, which no value here leads to.
    public func encode() throws(RegistryError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw RegistryError(
                .internalError, "the facts about a manifest cannot be written", cause: error)
        }
    }
}
