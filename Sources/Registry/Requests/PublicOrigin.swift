/// The address under which the client reached the gateway: what every URL in a response begins with.
public struct PublicOrigin: Hashable, Sendable, CustomStringConvertible {
    /// `http` or `https`.
    public let scheme: String
    /// Host, and port where it is not the scheme's own: `packages.example.com:8443`.
    public let authority: String
    /// The path that a proxy in front cut off, without a slash at its end: ``, `/pkgs`.
    public let pathPrefix: String

    public init(scheme: String, authority: String, pathPrefix: String = "") {
        self.scheme = scheme
        self.authority = authority
        self.pathPrefix = pathPrefix
    }

    /// `https://packages.example.com:8443/pkgs`, without a slash at its end.
    public var description: String { "\(scheme)://\(authority)\(pathPrefix)" }
}
