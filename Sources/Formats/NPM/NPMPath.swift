import HTTPTypes
import Registry

/// What an address of the npm registry names.
///
/// A scope's slash may be encoded or not, in any address.
enum NPMPath: Hashable {
    case package(NPMPackageName)
    /// A version by its name or a tag.
    case version(NPMPackageName, String)
    /// What a client changes that has read the revision before.
    case revision(NPMPackageName, NPMRevision)
    case tarball(NPMTarball)
    case tarballRevision(NPMTarball, NPMRevision)
    case tags(NPMPackageName)
    case tag(NPMPackageName, String)
    case visibility(NPMPackageName)
    case collaborators(NPMPackageName)
    case access(NPMPackageName)
    case attestations(NPMPackageName, version: String)
    case search
    case keys
    case audit
    case ping
    case whoami
    case profile
    case tokens
    /// One of the caller's tokens, by its key in the list or as it is.
    case listedToken(String)
    case token(String)
    case login(username: String)
    case webLogin
    /// The page where a person confirms a login.
    case loginPage(String)
    /// Where the program that began a login fetches its token.
    case loginDone(String)
    case ownedPackages

    /// Reads the tail of an address; `nil` when it is none of the format's.
    ///
    /// - Throws: `malformed` for a name that cannot be one.
    init?(parsing segments: [String]) throws(RegistryError) {
        guard let first = segments.first else { return nil }
        if first == "-" {
            guard let path = try Self.reserved(segments.dropFirst()) else { return nil }
            self = path
            return
        }
        var rest = segments[...]
        let name = try Self.takeName(&rest)
        guard let path = try Self.inside(name, Array(rest)) else { return nil }
        self = path
    }

    /// What stands behind the name of a package.
    private static func inside(
        _ name: NPMPackageName, _ rest: [String]
    ) throws(RegistryError) -> NPMPath? {
        switch (rest.count, rest.first) {
        case (0, _):
            return .package(name)
        case (2, "-rev"):
            return .revision(name, NPMRevision(parsing: rest[1]))
        case (2..., "-"):
            return try file(name, rest.dropFirst())
        case (1, .some(let version)) where version != "-" && version != "-rev":
            return .version(name, version)
        default:
            return nil
        }
    }

    /// A tarball's name, with the scope before it as the client of npm wrote it into older lock files.
    private static func file(
        _ name: NPMPackageName, _ segments: ArraySlice<String>
    ) throws(RegistryError) -> NPMPath? {
        let pieces = segments.joined(separator: "/")
            .split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var rest = pieces[...]
        if let scope = rest.first, scope.hasPrefix("@"), rest.count > 1,
            name.description.hasPrefix(scope + "/")
        {
            rest = rest.dropFirst()
        }
        guard let file = rest.popFirst(), let tarball = NPMTarball(name, file: file) else {
            return nil
        }
        if rest.isEmpty { return .tarball(tarball) }
        guard rest.count == 2, rest.first == "-rev", let revision = rest.last else { return nil }
        return .tarballRevision(tarball, NPMRevision(parsing: revision))
    }

    /// What stands behind `/-/`.
    private static func reserved(
        _ segments: ArraySlice<String>
    ) throws(RegistryError) -> NPMPath? {
        switch Array(segments) {
        case ["ping"]: return .ping
        case ["whoami"]: return .whoami
        case ["v1", "search"]: return .search
        case ["v1", "login"]: return .webLogin
        case ["npm", "v1", "keys"]: return .keys
        case ["npm", "v1", "user"]: return .profile
        case ["npm", "v1", "tokens"]: return .tokens
        case ["npm", "v1", "security", "audits"], ["npm", "v1", "security", "audits", "quick"],
            ["npm", "v1", "security", "advisories", "bulk"]:
            return .audit
        default: break
        }
        let rest = segments.dropFirst()
        switch segments.first {
        case "v1" where rest.count == 2 && rest.first == "login":
            return rest.last.map { .loginPage($0) }
        case "v1" where rest.count == 2 && rest.first == "done":
            return rest.last.map { .loginDone($0) }
        case "package": return try ofPackage(rest)
        case "user": return user(Array(rest))
        case "org", "team":
            return rest.last == "package" && (2...3).contains(rest.count) ? .ownedPackages : nil
        case "npm":
            if rest.count == 4, Array(rest.prefix(3)) == ["v1", "tokens", "token"] {
                return rest.last.map { .listedToken($0) }
            }
            guard Array(rest.prefix(2)) == ["v1", "attestations"] else { return nil }
            return try attestations(rest.dropFirst(2).joined(separator: "/"))
        default: return nil
        }
    }

    private static func ofPackage(
        _ segments: ArraySlice<String>
    ) throws(RegistryError) -> NPMPath? {
        guard segments.count > 1 else { return nil }
        var rest = segments
        let name = try takeName(&rest)
        switch Array(rest) {
        case ["dist-tags"]: return .tags(name)
        case ["visibility"]: return .visibility(name)
        case ["collaborators"]: return .collaborators(name)
        case ["access"]: return .access(name)
        default:
            guard rest.count == 2, rest.first == "dist-tags", let tag = rest.last else {
                return nil
            }
            return .tag(name, tag)
        }
    }

    private static func user(_ segments: [String]) -> NPMPath? {
        if segments.count == 2, segments[0] == "token" { return .token(segments[1]) }
        if segments.count == 2, segments[1] == "package" { return .ownedPackages }
        let prefix = "org.couchdb.user:"
        guard let first = segments.first, first.hasPrefix(prefix),
            segments.count == 1 || segments.count == 3 && segments[1] == "-rev"
        else { return nil }
        return .login(username: String(first.dropFirst(prefix.count)))
    }

    private static func attestations(_ text: String) throws(RegistryError) -> NPMPath? {
        guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")), at != text.startIndex else {
            return nil
        }
        return .attestations(
            try NPMPackageName(parsing: String(text[..<at])),
            version: String(text[text.utf8.index(after: at)...]))
    }

    private static func takeName(
        _ rest: inout ArraySlice<String>
    ) throws(RegistryError) -> NPMPackageName {
        var name = rest.popFirst() ?? ""
        if name.hasPrefix("@"), !name.contains("/"), let next = rest.popFirst() {
            name += "/" + next
        }
        return try NPMPackageName(parsing: name)
    }
}

/// The tarball of a version.
public struct NPMTarball: Hashable, Sendable {
    public let package: NPMPackageName
    public let version: String

    init(_ package: NPMPackageName, version: String) {
        self.package = package
        self.version = version
    }

    /// The tarball with this name, or `nil` when no version's is called so.
    init?(_ package: NPMPackageName, file: String) {
        let prefix = package.base + "-"
        guard file.hasPrefix(prefix), file.hasSuffix(NPMPackageName.tarballSuffix) else {
            return nil
        }
        let version = file.dropFirst(prefix.count).dropLast(NPMPackageName.tarballSuffix.count)
        guard !version.isEmpty else { return nil }
        self.init(package, version: String(version))
    }

    var name: String { package.tarball(version) }

    var address: FileAddress {
        FileAddress(
            format: NPMFormat.id, package: package.description, version: version, path: name)
    }
}

/// What a client read as `_rev`, and sends back with what it wants to change.
public struct NPMRevision: Hashable, Sendable {
    /// The package's revision; `nil` when the client sends what was never a `_rev` of ours.
    public let number: Int64?

    /// Reads `5-17`, the revision and the package's number.
    init(parsing text: String) {
        let halves = text.split(separator: "-")
        number = halves.count == 2 ? Int64(halves[0]) : nil
    }

    static func text(of package: PackageRecord) -> String { "\(package.revision)-\(package.id)" }
}
