/// The media types that OCI and docker give their documents.
///
/// *Source*: OCI image specification, "Media Types"; docker, "Image Manifest V2, Schema 2".
enum OCIMediaType {
    static let manifest = "application/vnd.oci.image.manifest.v1+json"
    static let index = "application/vnd.oci.image.index.v1+json"
    static let emptyConfig = "application/vnd.oci.empty.v1+json"
    static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    static let dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// Schema 1, which nobody needs any more and which is refused: its bytes change with each tag.
    static let dockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json"
    static let dockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"
}
