import HTTPTypes
import Registry

extension NPMPath {
    /// What the method asks for here.
    ///
    /// - Throws: `methodNotAllowed` with `Allow`, `malformed` for what the operation does not take.
    func operation(for head: RequestHead) throws(RegistryError) -> NPMOperation {
        // Asking changes the answer, so there is no HEAD of it.
        if case .loginDone(let receipt) = self, head.method == .get {
            return .finishLogin(receipt)
        }
        let isRead = head.method == .get || head.method == .head
        guard let operation = isRead ? try reading(head.query) : try changing(head.method) else {
            throw refusal(of: head.method)
        }
        return operation
    }

    /// The operation of GET and HEAD.
    private func reading(_ query: RequestQuery) throws(RegistryError) -> NPMOperation? {
        switch self {
        case .package(let name): .showPackage(name)
        case .version(let name, let reference): .showVersion(name, reference)
        case .tarball(let tarball): .downloadTarball(tarball)
        case .tags(let name): .listTags(name)
        case .visibility(let name): .showVisibility(name)
        case .collaborators(let name): .listCollaborators(name)
        case .attestations(let name, let version): .showAttestations(name, version: version)
        case .search: .search(try NPMSearch(parsing: query))
        case .keys: .listKeys
        case .ping: .ping
        case .whoami: .whoami
        case .profile: .showProfile
        case .tokens: .listTokens
        case .ownedPackages: .listOwnedPackages
        case .loginPage(let request): .showLoginPage(request)
        case .revision, .tarballRevision, .tag, .access, .audit, .token, .listedToken, .login,
            .webLogin, .loginDone:
            nil
        }
    }

    private func changing(
        _ method: HTTPRequest.Method
    ) throws(RegistryError) -> NPMOperation? {
        switch (self, method) {
        case (.package(let name), .put): return .putPackage(name)
        case (.revision(let name, let revision), .put): return .updatePackage(name, revision)
        case (.revision(let name, let revision), .delete): return .deletePackage(name, revision)
        case (.tarballRevision(let tarball, let revision), .delete):
            return .deleteTarball(tarball, revision)
        case (.tag(let name, let tag), .put), (.tag(let name, let tag), .post):
            try NPMTag.check(tag)
            return .setTag(name, tag)
        case (.tag(let name, let tag), .delete): return .removeTag(name, tag)
        case (.access(let name), .post): return .changeAccess(name)
        case (.audit, .post): return .audit
        case (.profile, .post): return .changeProfile
        case (.tokens, .post): return .createToken
        case (.listedToken(let key), .delete): return .revokeToken(key)
        case (.token(let token), .delete): return .logout(token: token)
        case (.login(let username), .put): return .login(username: username)
        case (.webLogin, .post): return .beginLogin
        case (.loginPage(let request), .post): return .confirmLogin(request)
        case (.ping, .put), (.ping, .post): return .ping
        default: return nil
        }
    }

    private var methods: String {
        switch self {
        case .package: "GET, HEAD, PUT"
        case .revision: "PUT, DELETE"
        case .tarballRevision, .token, .listedToken: "DELETE"
        case .tag: "PUT, POST, DELETE"
        case .access, .audit, .webLogin: "POST"
        case .login: "PUT"
        case .profile, .tokens, .loginPage: "GET, HEAD, POST"
        case .loginDone: "GET"
        case .version, .tarball, .tags, .visibility, .collaborators, .attestations, .search,
            .keys, .ping, .whoami, .ownedPackages:
            "GET, HEAD"
        }
    }

    private func refusal(of method: HTTPRequest.Method) -> RegistryError {
        RegistryError(
            .methodNotAllowed, "this address takes \(methods), not \(method.rawValue)",
            headers: [.allow: methods])
    }
}
