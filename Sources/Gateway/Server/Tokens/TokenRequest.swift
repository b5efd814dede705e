import Registry

/// What a client asks the token endpoint for.
///
/// *Source*: distribution, "Token Authentication Specification: Requesting a Token" and "OAuth2
/// Token Authentication".
struct TokenRequest: Sendable {
    /// The most scopes that one token can be asked for.
    static let scopeLimitCount = 64

    /// Who asks.
    enum Grant: Hashable, Sendable {
        /// Whoever the header of the request says.
        case header
        /// Whoever the form says.
        case password(Credential)
        case refreshToken(String)
    }

    let grant: Grant
    /// What is asked for, each resource once; types that are not known are left out.
    let scopes: [RegistryGrant]
    /// Whether the client wants to fetch more tokens later without the credential.
    let wantsRefreshToken: Bool
    /// Whether the answer tells what was granted, as OAuth2 has it.
    let isForm: Bool

    /// Reads the query of a GET.
    ///
    /// - Throws: `malformed` for too many scopes.
    init(query: RequestQuery) throws(RegistryError) {
        grant = .header
        scopes = try Self.parseScopes(query)
        wantsRefreshToken = query["offline_token"].map { $0 == "true" || $0 == "1" } ?? false
        isForm = false
    }

    /// Reads the form of a POST.
    ///
    /// - Throws: `malformed` for too many scopes, a grant type that is not known, or a parameter
    ///   that it needs and lacks.
    init(form: RequestQuery) throws(RegistryError) {
        switch form["grant_type"] {
        case "password"?:
            grant =
                form["username"].map { name in
                    .password(Credential(username: name, password: form["password"] ?? ""))
                } ?? .header
        case "refresh_token"?:
            guard let token = form["refresh_token"], !token.isEmpty else {
                throw RegistryError(.malformed, "the parameter 'refresh_token' is missing")
            }
            grant = .refreshToken(token)
        case let other:
            throw RegistryError(
                .malformed,
                "the grant type '\(other ?? "")' is none of 'password' and 'refresh_token'")
        }
        scopes = try Self.parseScopes(form)
        wantsRefreshToken = form["access_type"] == "offline"
        isForm = true
    }

    /// Whether nothing but pulling is asked for.
    var isPullOnly: Bool {
        !scopes.isEmpty && scopes.allSatisfy { $0.resource == .repository && $0.actions == [.pull] }
    }

    /// A client may repeat the parameter, or put several scopes in one with spaces between them.
    private static func parseScopes(
        _ parameters: RequestQuery
    ) throws(RegistryError) -> [RegistryGrant] {
        let texts = parameters.values("scope").flatMap { $0.split(separator: " ") }
        guard texts.count <= scopeLimitCount else {
            throw RegistryError(
                .malformed, "one token can be asked for at most \(scopeLimitCount) scopes")
        }
        var scopes: [RegistryGrant] = []
        for scope in texts.compactMap({ RegistryGrant(parsing: $0) }) {
            if let index = scopes.firstIndex(where: { $0.isAbout(sameAs: scope) }) {
                scopes[index] = scopes[index].with(scopes[index].actions.union(scope.actions))
            } else {
                scopes.append(scope)
            }
        }
        return scopes
    }
}

extension RegistryGrant {
    /// Whether the two are about the same thing.
    fileprivate func isAbout(sameAs other: RegistryGrant) -> Bool {
        resource == other.resource && resourceClass == other.resourceClass && name == other.name
    }

    /// The same thing with other actions.
    func with(_ actions: Set<Action>) -> RegistryGrant {
        RegistryGrant(resource, resourceClass: resourceClass, name: name, actions: actions)
    }
}
