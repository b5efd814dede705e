import FormatKit
public import Registry

/// What a manifest says about content that it names.
///
/// *Source*: OCI image specification, "OCI Content Descriptors".
public struct OCIDescriptor: Hashable, Sendable {
    public var mediaType: String
    public var digest: Digest
    /// Bytes.
    public var size: Int64
    public var artifactType: String?
    public var annotations: [String: String]
    public var platform: OCIPlatform?
    /// Whether it names other places to fetch the content from.
    public var hasURLs: Bool

    public init(
        mediaType: String, digest: Digest, size: Int64, artifactType: String? = nil,
        annotations: [String: String] = [:], platform: OCIPlatform? = nil, hasURLs: Bool = false
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.artifactType = artifactType
        self.annotations = annotations
        self.platform = platform
        self.hasURLs = hasURLs
    }
}

/// What an image runs on.
///
/// *Source*: OCI image specification, "Image Index", `platform`.
public struct OCIPlatform: Hashable, Sendable {
    public var os: String
    public var architecture: String
    public var variant: String?

    public init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }
}

extension OCIDescriptor {
    /// Reads a descriptor.
    ///
    /// - Throws: `malformed` when a property that has to be there is not, or is of another kind.
    init(scanning scanner: inout JSONScanner) throws(RegistryError) {
        var mediaType: String?
        var digest: Digest?
        var size: Int64?
        var artifactType: String?
        var annotations: [String: String] = [:]
        var platform: OCIPlatform?
        var hasURLs = false
        var names = MemberNames()
        try scanner.readObject { (name, scanner) throws(RegistryError) in
            try names.note(name)
            guard try !scanner.skipNull() else { return }
            switch name {
            case "mediaType": mediaType = try scanner.readString()
            case "digest": digest = try Digest(ociParsing: try scanner.readString())
            case "size": size = try scanner.readInteger()
            case "artifactType": artifactType = try scanner.readString()
            case "annotations": annotations = try scanner.readAnnotations()
            case "platform": platform = try OCIPlatform(scanning: &scanner)
            case "urls":
                try scanner.readArray { scanner throws(RegistryError) in
                    _ = try scanner.readString()
                    hasURLs = true
                }
            default: try scanner.skip()
            }
        }
        guard let digest, let size, size >= 0 else {
            throw RegistryError.manifestInvalid(
                "a descriptor needs a digest and a size of 0 bytes or more")
        }
        self.init(
            mediaType: mediaType ?? "", digest: digest, size: size, artifactType: artifactType,
            annotations: annotations, platform: platform, hasURLs: hasURLs)
    }
}

extension OCIPlatform {
    init(scanning scanner: inout JSONScanner) throws(RegistryError) {
        var platform = OCIPlatform(os: "", architecture: "")
        try scanner.readObject { (name, scanner) throws(RegistryError) in
            guard try !scanner.skipNull() else { return }
            switch name {
            case "os": platform.os = try scanner.readString()
            case "architecture": platform.architecture = try scanner.readString()
            case "variant": platform.variant = try scanner.readString()
            default: try scanner.skip()
            }
        }
        self = platform
    }
}

/// The names of the members of one object that mean something here.
///
/// Readers differ in which of two members of one name they take, and so a manifest that has two
/// `layers` would be one thing to the registry and another to a client.
struct MemberNames {
    private static let meaningful: Set<String> = [
        "schemaVersion", "mediaType", "artifactType", "config", "layers", "blobs", "manifests",
        "subject", "annotations", "digest", "size", "urls", "platform", "fsLayers",
    ]

    private var seen: Set<String> = []

    /// - Throws: `malformed` with reason `manifest_invalid` for the second of a name.
    mutating func note(_ name: String) throws(RegistryError) {
        guard Self.meaningful.contains(name) else { return }
        guard seen.insert(name).inserted else {
            throw RegistryError.manifestInvalid("an object has two members '\(name)'")
        }
    }
}

extension JSONScanner {
    /// Reads an object whose values are strings.
    mutating func readAnnotations() throws(RegistryError) -> [String: String] {
        var annotations: [String: String] = [:]
        try readObject { (name, scanner) throws(RegistryError) in
            guard try !scanner.skipNull() else { return }
            annotations[name] = try scanner.readString()
        }
        return annotations
    }

    /// Reads an array of descriptors; `null` has none.
    mutating func readDescriptors() throws(RegistryError) -> [OCIDescriptor] {
        var descriptors: [OCIDescriptor] = []
        try readArray { scanner throws(RegistryError) in
            descriptors.append(try OCIDescriptor(scanning: &scanner))
        }
        return descriptors
    }
}

extension RegistryError {
    /// A manifest that cannot be stored as what it claims to be.
    static func manifestInvalid(_ why: String) -> RegistryError {
        RegistryError(.malformed, why, reason: "manifest_invalid")
    }
}
