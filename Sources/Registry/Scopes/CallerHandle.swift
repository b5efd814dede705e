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

    /// Begins a login that a person confirms on a page.
    func beginPageLogin() throws(RegistryError) -> PageLogin

    /// What the page shows of a login.
    ///
    /// - Throws: `notFound` when it was not begun here or its time is over, `conflict` when it was
    ///   confirmed already.
    func findPageLogin(_ request: String) async throws(RegistryError) -> PageLoginRequest

    /// Lets whoever began the login have a token of the user with this name and password. It is made
    /// when it is fetched.
    ///
    /// - Throws: as `findPageLogin`; `unauthenticated` when name or password are wrong,
    ///   `tooManyRequests` after too many failures, or when too many logins wait to be fetched.
    func confirmPageLogin(
        _ request: String, username: String, password: String
    ) async throws(RegistryError)

    /// Gives out the token of a login, once; `nil` while nobody confirmed it.
    ///
    /// - Throws: `notFound` when the login was not begun here, its time is over, or its token was
    ///   given out.
    func finishPageLogin(_ receipt: String) async throws(RegistryError) -> String?

    /// The tokens of the caller that logins and `createToken` made here and that are good, the newest
    /// first.
    ///
    /// - Throws: `notFound` to a caller that is no user.
    func listTokens() async throws(RegistryError) -> [CallerToken]

    /// Gives out a further token of the caller, whose password has to be said again.
    ///
    /// - Throws: as `logIn`; `notFound` to a caller that is no user.
    func createToken(
        password: String, isReadOnly: Bool
    ) async throws(RegistryError) -> (token: CallerToken, secret: String)

    /// Ends one of the tokens that `listTokens` lists.
    ///
    /// - Returns: whether there was one.
    func revokeToken(_ id: Int64) async throws(RegistryError) -> Bool
}

extension CallerHandle {
    public func beginPageLogin() throws(RegistryError) -> PageLogin {
        throw RegistryError.nobodyLogsIn
    }

    public func findPageLogin(
        _ request: String
    ) async throws(RegistryError) -> PageLoginRequest {
        throw RegistryError.nobodyLogsIn
    }

    public func confirmPageLogin(
        _ request: String, username: String, password: String
    ) async throws(RegistryError) {
        throw RegistryError.nobodyLogsIn
    }

    public func finishPageLogin(_ receipt: String) async throws(RegistryError) -> String? {
        throw RegistryError.nobodyLogsIn
    }

    public func listTokens() async throws(RegistryError) -> [CallerToken] {
        throw RegistryError.nobodyLogsIn
    }

    public func createToken(
        password: String, isReadOnly: Bool
    ) async throws(RegistryError) -> (token: CallerToken, secret: String) {
        throw RegistryError.nobodyLogsIn
    }

    public func revokeToken(_ id: Int64) async throws(RegistryError) -> Bool {
        throw RegistryError.nobodyLogsIn
    }
}

extension RegistryError {
    fileprivate static let nobodyLogsIn = RegistryError(.notFound, "nobody can log in here")
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
        throw RegistryError.nobodyLogsIn
    }

    public func logOut(_ token: String) async throws(RegistryError) -> Bool { false }
}
