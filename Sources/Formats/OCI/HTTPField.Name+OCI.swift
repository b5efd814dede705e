import FormatKit
import HTTPTypes

extension HTTPField.Name {
    /// The digest of the content that an answer is about.
    static let dockerContentDigest = HTTPField.Name(known: "Docker-Content-Digest")
    /// `registry/2.0`, by which older clients know a registry.
    static let dockerAPIVersion = HTTPField.Name(known: "Docker-Distribution-Api-Version")
    /// The id of an upload.
    static let dockerUploadUUID = HTTPField.Name(known: "Docker-Upload-UUID")
    /// The digest of the manifest that a pushed one is about: the client need not keep a list of its
    /// own.
    static let ociSubject = HTTPField.Name(known: "OCI-Subject")
    /// The filters that were applied to a list.
    static let ociFiltersApplied = HTTPField.Name(known: "OCI-Filters-Applied")
    /// The tags that a push set.
    static let ociTag = HTTPField.Name(known: "OCI-Tag")
    /// The registry that a client meant, as it said in `?ns=`.
    static let ociNamespace = HTTPField.Name(known: "OCI-Namespace")
}
