import FormatKit
import HTTPTypes
import NIOCore
import Registry

extension NPMFormat {
    /// Carries out what is about people, tokens and rights, and about the registry as a whole.
    func handleAccount(
        _ operation: NPMOperation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        switch operation {
        case .whoami:
            return .json(["username": .string(scope.caller.principal.publisher)])
        case .showProfile:
            return try await showProfile(of: scope.caller)
        case .login(let username):
            return try await logIn(username, body: body, scope.caller)
        case .beginLogin, .showLoginPage, .confirmLogin, .finishLogin:
            return try await handleWebLogin(operation, head, body: body, scope.caller)
        case .listTokens:
            return try await listTokens(of: scope.caller)
        case .createToken:
            return try await createToken(body: body, scope.caller)
        case .revokeToken(let key):
            return try await revokeToken(key, scope.caller)
        case .logout(let token):
            let isEnded = try await scope.caller.logOut(token)
            return .json(["ok": true, "revoked": .bool(isEnded)])
        case .showVisibility(let name):
            return try await showVisibility(of: name, in: scope)
        case .changeAccess(let name):
            return try await changeAccess(of: name, body: body, in: scope)
        case .listOwnedPackages:
            return try await listOwnedPackages(in: scope)
        case .ping:
            return .json([:])
        case .listKeys:
            // Nothing is signed here, so there is no key to verify it with.
            return .json(["keys": []])
        default:
            throw Self.unsupported(operation)
        }
    }

    /// What npm offers and a project here decides otherwise, said so that a person can go on.
    private static func unsupported(_ operation: NPMOperation) -> RegistryError {
        switch operation {
        case .listCollaborators:
            RegistryError(
                .notFound, "who may publish is decided by the members of the project: see there",
                reason: "collaborators_unsupported")
        case .changeProfile:
            RegistryError(
                .methodNotAllowed, "an account is changed through the management API, not by npm",
                reason: "profile_unsupported")
        default:
            RegistryError(.notFound, "the registry has no such address")
        }
    }

    /// *Source*: npm/cli, `npm-profile/lib/index.js`, `get`.
    private func showProfile(
        of caller: any CallerHandle
    ) async throws(RegistryError) -> FormatResponse {
        let account = try await caller.findAccount()
        let name = caller.principal.publisher
        return .json(
            .object([
                ("tfa", false), ("name", .string(account?.username ?? name)),
                ("fullname", .string(account?.name ?? name)),
                ("email", .string(account?.email ?? "")), ("email_verified", false),
                ("created", .optional(account?.createdAt.iso8601)),
                ("updated", .optional(account?.createdAt.iso8601)),
            ]))
    }

    /// Gives out a token for a name and a password.
    ///
    /// *Source*: npm/cli, `npm-profile/lib/index.js`, `loginCouch`.
    private func logIn(
        _ username: String, body: consuming RequestBody, _ caller: any CallerHandle
    ) async throws(RegistryError) -> FormatResponse {
        let bytes = try await body.collect(limitBytes: Self.smallBodyLimitBytes)
        var name: String?
        var password: String?
        var scanner = JSONScanner(Array(bytes.readableBytesView))
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            switch member {
            case "name": name = try scanner.readString()
            case "password": password = try scanner.readString()
            default: try scanner.skip()
            }
        }
        try scanner.finish()
        guard let password, name == nil || name == username else {
            throw RegistryError(
                .malformed, "a login has the name of the address and a password",
                reason: "login_invalid")
        }
        let token = try await caller.logIn(username: username, password: password)
        return .json(
            .object([
                ("ok", true), ("id", .string("org.couchdb.user:\(username)")),
                ("token", .string(token)),
            ]), status: .created, headers: [.cacheControl: "no-store"])
    }

    private func showVisibility(
        of name: NPMPackageName, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        guard try await !scope.findPackages(name.description, format: Self.id).isEmpty else {
            throw Self.noSuchPackage(name)
        }
        return .json(["public": .bool(scope.namespace?.effectiveVisibility == .public)])
    }

    /// Agrees to what is so already; anything else is the project's to decide.
    private func changeAccess(
        of name: NPMPackageName, body: consuming RequestBody, in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let bytes = try await body.collect(limitBytes: Self.smallBodyLimitBytes)
        var access: String?
        var scanner = JSONScanner(Array(bytes.readableBytesView))
        try scanner.readObject { (member, scanner) throws(RegistryError) in
            if member == "access" {
                access = try scanner.findString()
            } else {
                try scanner.skip()
            }
        }
        try scanner.finish()
        let isPublic = scope.namespace?.effectiveVisibility == .public
        guard let access, (access == "public") == isPublic else {
            throw RegistryError(
                .forbidden,
                "who may read and publish is a setting of the project, which is "
                    + "\(scope.namespace?.effectiveVisibility.rawValue ?? "mixed")",
                reason: "access_unsupported")
        }
        return .json(["ok": true])
    }

    /// There is nothing here to compare with what is installed somewhere. Saying so keeps anybody
    /// from taking an empty list for a clean one.
    func audit(_ body: consuming RequestBody) async throws(RegistryError) -> FormatResponse {
        while try await body.next() != nil {}
        throw RegistryError(
            .notFound,
            "this registry has no source of advisories, so it cannot say whether "
                + "anything is vulnerable: audit against a registry that has one with "
                + "'npm audit --registry=…'", reason: "audit_unsupported")
    }
}

extension Principal {
    /// What people know whoever it is by.
    var publisher: String {
        switch self {
        case .user(let user): user.username
        case .deployToken(let token): token.username
        case .job(let job): job.username
        case .anonymous, .console, .server: label
        }
    }
}

extension CallerHandle {
    /// What people know the caller by.
    var publisher: String { principal.publisher }
}
