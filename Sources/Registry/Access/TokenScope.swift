/// What a token may be used for, whatever its owner may do.
///
/// *Source*: GitLab, "Personal access token scopes" and "Deploy tokens: Scope".
public enum TokenScope: String, Sendable, CaseIterable, Codable {
    /// Everything that the owner may do.
    case api
    /// Everything that the owner may read.
    case readAPI = "read_api"
    /// Who the owner is.
    case readUser = "read_user"
    /// Pull container images.
    case readRegistry = "read_registry"
    /// Push container images.
    case writeRegistry = "write_registry"
    /// Fetch packages of every other format.
    case readPackageRegistry = "read_package_registry"
    /// Publish packages of every other format.
    case writePackageRegistry = "write_package_registry"
}

/// The two families of formats that token scopes tell apart.
public enum ScopeFamily: Sendable, Hashable {
    /// Container images and other OCI artifacts.
    case containerRegistry
    /// Packages of every other format.
    case packageRegistry
}
