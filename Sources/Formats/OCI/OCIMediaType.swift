/// The media types that OCI and docker give their documents.
///
/// *Source*: OCI image specification, "Media Types"; docker, "Image Manifest V2, Schema 2".
enum OCIMediaType {
    static let manifest = "application/vnd.oci.image.manifest.v1+json"
    static let index = "application/vnd.oci.image.index.v1+json"
    static let emptyConfig = "application/vnd.oci.empty.v1+json"
    /// What release candidates of the specification gave artifacts; clients of that time pushed it.
    static let artifactManifest = "application/vnd.oci.artifact.manifest.v1+json"
    static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    static let dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// Schema 1, which nobody needs any more and which is refused: its bytes change with each tag.
    static let dockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json"
    static let dockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"

    /// The configurations that say where an image runs.
    static let imageConfigs: Set<String> = [
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    ]

    /// The type without parameters and white space.
    static func essence(_ contentType: String) -> String {
        String(contentType.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" })
    }

    /// Whether a layer of this type may be kept elsewhere, so that nobody pushes it.
    ///
    /// *Source*: OCI image specification, "Non-Distributable Layers"; docker's foreign layers.
    static func isForeignLayer(_ mediaType: String) -> Bool {
        mediaType.hasPrefix("application/vnd.oci.image.layer.nondistributable.")
            || mediaType.hasPrefix("application/vnd.docker.image.rootfs.foreign.")
    }

    /// Whether the type says nothing about what kind of manifest it is given to.
    static func isVague(_ essence: String) -> Bool {
        ["", "application/json", "application/octet-stream", "text/plain"]
            .contains(essence.lowercased())
    }
}
