public import Registry

/// One request to the npm registry.
public enum NPMOperation: FormatOperation, Hashable {
    /// GET and HEAD of a packument.
    case showPackage(NPMPackageName)
    /// GET and HEAD of one version, by name or tag.
    case showVersion(NPMPackageName, String)
    /// PUT of a packument: a new version, or a deprecation.
    case putPackage(NPMPackageName)
    /// PUT of a packument that lacks versions that it had.
    case updatePackage(NPMPackageName, NPMRevision)
    case deletePackage(NPMPackageName, NPMRevision)
    /// GET and HEAD.
    case downloadTarball(NPMTarball)
    case deleteTarball(NPMTarball, NPMRevision)
    case listTags(NPMPackageName)
    case setTag(NPMPackageName, String)
    case removeTag(NPMPackageName, String)
    case showVisibility(NPMPackageName)
    case listCollaborators(NPMPackageName)
    case changeAccess(NPMPackageName)
    case showAttestations(NPMPackageName, version: String)
    case search(NPMSearch)
    case listKeys
    case audit
    case ping
    case whoami
    case showProfile
    case changeProfile
    case listTokens
    case createToken
    /// By its key in the list, or as it is.
    case revokeToken(String)
    case login(username: String)
    /// A login that a person confirms on a page.
    case beginLogin
    case showLoginPage(String)
    case confirmLogin(String)
    case finishLogin(String)
    case logout(token: String)
    case listOwnedPackages

    public var label: String {
        switch self {
        case .showPackage: "npm.package.show"
        case .showVersion: "npm.version.show"
        case .putPackage: "npm.package.put"
        case .updatePackage: "npm.package.update"
        case .deletePackage: "npm.package.delete"
        case .downloadTarball: "npm.tarball.download"
        case .deleteTarball: "npm.tarball.delete"
        case .listTags: "npm.tag.list"
        case .setTag: "npm.tag.set"
        case .removeTag: "npm.tag.delete"
        case .showVisibility: "npm.access.show"
        case .listCollaborators: "npm.access.list"
        case .changeAccess: "npm.access.change"
        case .showAttestations: "npm.attestation.show"
        case .search: "npm.search"
        case .listKeys: "npm.key.list"
        case .audit: "npm.audit"
        case .ping: "npm.ping"
        case .whoami: "npm.whoami"
        case .showProfile: "npm.profile.show"
        case .changeProfile: "npm.profile.change"
        case .listTokens: "npm.token.list"
        case .createToken: "npm.token.create"
        case .revokeToken: "npm.token.revoke"
        case .login: "npm.login"
        case .beginLogin: "npm.login.begin"
        case .showLoginPage: "npm.login.show"
        case .confirmLogin: "npm.login.confirm"
        case .finishLogin: "npm.login.finish"
        case .logout: "npm.logout"
        case .listOwnedPackages: "npm.package.list"
        }
    }

    public var access: [AccessRequirement] {
        switch self {
        case .showPackage(let name), .showVersion(let name, _), .listTags(let name),
            .showVisibility(let name), .listCollaborators(let name),
            .showAttestations(let name, _):
            [AccessRequirement(.readPackages, package: name.description)]
        case .downloadTarball(let tarball):
            [AccessRequirement(.readPackages, package: tarball.package.description)]
        case .search, .listOwnedPackages:
            [AccessRequirement(.readPackages)]
        case .putPackage(let name), .setTag(let name, _), .removeTag(let name, _),
            .changeAccess(let name):
            [AccessRequirement(.publishPackages, package: name.description)]
        case .updatePackage(let name, _), .deletePackage(let name, _):
            [AccessRequirement(.deletePackages, package: name.description)]
        case .deleteTarball(let tarball, _):
            [AccessRequirement(.deletePackages, package: tarball.package.description)]
        case .whoami, .showProfile, .changeProfile, .listTokens, .createToken, .revokeToken,
            .logout:
            [AccessRequirement(.presentCredential, on: .instance)]
        case .ping, .listKeys, .audit, .login, .beginLogin, .showLoginPage, .confirmLogin,
            .finishLogin:
            []
        }
    }

    /// Somebody who logs in may have a token that is no longer good, and sends it along.
    public var judgesCredential: Bool {
        switch self {
        case .login, .beginLogin, .showLoginPage, .confirmLogin, .finishLogin: true
        default: false
        }
    }

    /// npm names the token that it is done with in the address, and the addresses of a login are all
    /// that it takes to go on with it.
    public var endsPathWithSecret: Bool {
        switch self {
        case .logout, .revokeToken, .showLoginPage, .confirmLogin, .finishLogin: true
        default: false
        }
    }

    public var bodyLimitBytes: Int64 {
        switch self {
        case .putPackage: NPMFormat.publishLimitBytes
        case .updatePackage: Int64(NPMBodySplitter.documentLimitBytes)
        case .audit: NPMFormat.auditLimitBytes
        case .setTag, .changeAccess, .changeProfile, .createToken, .login, .beginLogin,
            .confirmLogin:
            Int64(NPMFormat.smallBodyLimitBytes)
        case .showPackage, .showVersion, .deletePackage, .downloadTarball, .deleteTarball,
            .listTags, .removeTag, .showVisibility, .listCollaborators, .showAttestations,
            .search, .listKeys, .ping, .whoami, .showProfile, .listTokens, .revokeToken, .logout,
            .listOwnedPackages, .showLoginPage, .finishLogin:
            0
        }
    }
}
