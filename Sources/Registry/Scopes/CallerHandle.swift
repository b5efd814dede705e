/// Who makes a request, for formats whose clients log in and out at addresses of the format.
public protocol CallerHandle: Sendable {
    var principal: Principal { get }

    /// The account of the caller's user; `nil` for a deploy token and for anonymous.
    func findAccount() async throws(RegistryError) -> CallerAccount?

    /// Gives out a token to somebody who has a name and a password. A token that is presented as the
    /// password is given back as it is.
    ///
    /// - Throws: `unauthenticated` when name or password are wrong, `tooManyRequests` after too many
    ///   failures.
    func logIn(username: String, password: String) async throws(RegistryError) -> String

    /// Ends a token that `logIn` made for the caller; other tokens stay, since they were made to be
    /// used elsewhere as well.
    ///
    /// - Returns: whether a token was ended.
    func logOut(_ token: String) async throws(RegistryError) -> Bool
}

/// What a user may know of his own account.
public struct CallerAccount: Hashable, Sendable {
    public let username: String
    public let name: String
    public let email: String
    public let createdAt: Timestamp

    public init(username: String, name: String, email: String, createdAt: Timestamp) {
        self.username = username
        self.name = name
        self.email = email
        self.createdAt = createdAt
    }
}

/// A caller where nobody can log in: scopes outside a gateway.
public struct PlainCaller: CallerHandle {
    public let principal: Principal

    public init(_ principal: Principal) {
        self.principal = principal
    }

    public func findAccount() async throws(RegistryError) -> CallerAccount? { nil }

    public func logIn(username: String, password: String) async throws(RegistryError) -> String {
        throw RegistryError(.notFound, "nobody can log in here")
    }

    public func logOut(_ token: String) async throws(RegistryError) -> Bool { false }
}
