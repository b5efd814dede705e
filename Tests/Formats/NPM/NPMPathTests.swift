import HTTPTypes
import Registry
import Testing

@testable import NPMFormat

/// What addresses mean, however they are spelled.
@Suite struct NPMPathTests {
    private func parse(
        _ target: String, _ method: HTTPRequest.Method = .get
    ) throws -> NPMOperation? {
        let halves = target.split(separator: "?", maxSplits: 1)
        return try NPMFormat().parse(
            RequestHead(
                method: method, tail: try RequestPath(parsing: halves[0]),
                query: halves.count == 2 ? try RequestQuery(parsing: halves[1]) : RequestQuery(),
                headers: [:], origin: PublicOrigin(scheme: "http", authority: "a"),
                mountPath: "/x", requestID: "r"))
    }

    private static let scoped = [
        "/@acme/tool", "/@acme%2ftool", "/@acme%2Ftool", "/%40acme%2ftool", "/%40acme/tool",
    ]

    /// N-1
    @Test(arguments: scoped)
    func scopesAreUnderstoodHoweverTheyAreEncoded(_ spelling: String) throws {
        let name = try NPMPackageName(parsing: "@acme/tool")
        let tarball = NPMTarball(name, version: "1.0.0")
        let revision = NPMRevision(parsing: "7-1")
        #expect(try parse(spelling) == .showPackage(name))
        #expect(try parse(spelling, .put) == .putPackage(name))
        #expect(try parse(spelling + "/1.0.0") == .showVersion(name, "1.0.0"))
        for file in ["tool-1.0.0.tgz", "@acme/tool-1.0.0.tgz", "@acme%2ftool-1.0.0.tgz"] {
            #expect(try parse(spelling + "/-/\(file)") == .downloadTarball(tarball))
            #expect(
                try parse(spelling + "/-/\(file)/-rev/7-1", .delete)
                    == .deleteTarball(tarball, revision))
        }
        #expect(try parse(spelling + "/-rev/7-1", .put) == .updatePackage(name, revision))
        #expect(try parse(spelling + "/-rev/7-1", .delete) == .deletePackage(name, revision))
        #expect(try parse("/-/package\(spelling)/dist-tags") == .listTags(name))
        #expect(try parse("/-/package\(spelling)/dist-tags/next", .put) == .setTag(name, "next"))
        #expect(
            try parse("/-/package\(spelling)/dist-tags/next", .delete) == .removeTag(name, "next"))
        #expect(try parse("/-/package\(spelling)/visibility") == .showVisibility(name))
        #expect(
            try parse("/-/npm/v1/attestations\(spelling)@1.0.0")
                == .showAttestations(name, version: "1.0.0"))
    }

    @Test func addressesOfTheRegistryItself() throws {
        #expect(try parse("/-/ping") == .ping)
        #expect(try parse("/-/whoami") == .whoami)
        #expect(try parse("/-/npm/v1/keys") == .listKeys)
        #expect(try parse("/-/npm/v1/user") == .showProfile)
        #expect(try parse("/-/npm/v1/security/audits/quick", .post) == .audit)
        #expect(try parse("/-/npm/v1/security/advisories/bulk", .post) == .audit)
        #expect(try parse("/-/v1/login", .post) == .beginLogin)
        #expect(try parse("/-/v1/login/abc") == .showLoginPage("abc"))
        #expect(try parse("/-/v1/login/abc", .post) == .confirmLogin("abc"))
        #expect(try parse("/-/v1/done/abc") == .finishLogin("abc"))
        #expect(try parse("/-/npm/v1/tokens", .post) == .createToken)
        #expect(try parse("/-/npm/v1/tokens/token/00000a", .delete) == .revokeToken("00000a"))
        #expect(
            try parse("/-/user/org.couchdb.user:zo%C3%AB", .put) == .login(username: "zoë"))
        #expect(try parse("/-/user/token/abc", .delete) == .logout(token: "abc"))
        #expect(try parse("/-/org/acme/package") == .listOwnedPackages)
        let tool = try NPMPackageName(parsing: "tool")
        #expect(try parse("/tool/latest") == .showVersion(tool, "latest"))
        guard case .search(let search) = try parse("/-/v1/search?text=A+keywords:b,c&size=5&from=2")
        else {
            Issue.record("no search")
            return
        }
        #expect(search.terms == ["a", "\nkeyword:b\n", "\nkeyword:c\n"])
        #expect(search.size == 5)
        #expect(search.from == 2)
    }

    @Test(arguments: [
        "/", "/-", "/-/", "/-/nothing", "/tool/-", "/tool/-/other-1.0.0.tgz", "/tool/-/tool.tgz",
        "/tool/a/b", "/@acme/tool/-/@other/tool-1.0.0.tgz", "/-/package/tool", "/-/user/zoe",
        "/-/npm/v1/attestations/tool", "/tool/-rev", "/-/package/tool/dist-tags/a/b",
    ])
    func addressesThatAreNone(_ target: String) throws {
        #expect(try parse(target) == nil)
    }

    /// N-2: an escape that is escaped again is no name.
    @Test(arguments: ["/.tool", "/@acme", "/a%2Fb", "/%2540acme%2ftool", "/a%20b"])
    func namesThatCannotBe(_ target: String) {
        let error = #expect(throws: RegistryError.self) { try parse(target) }
        #expect(error?.code == .malformed)
    }

    @Test(arguments: [
        ("/tool", HTTPRequest.Method.delete, "GET, HEAD, PUT"),
        ("/tool/-/tool-1.0.0.tgz", .put, "GET, HEAD"), ("/-/v1/login", .get, "POST"),
        ("/-/npm/v1/security/audits", .get, "POST"),
    ])
    func otherMethodsAreRefused(
        _ target: String, _ method: HTTPRequest.Method, _ allowed: String
    ) {
        let error = #expect(throws: RegistryError.self) { try parse(target, method) }
        #expect(error?.code == .methodNotAllowed)
        #expect(error?.headers[.allow] == allowed)
    }

    @Test func tagsThatLookLikeVersionsAreRefusedInTheAddress() {
        #expect(throws: RegistryError.self) {
            try parse("/-/package/tool/dist-tags/1.0.0", .put)
        }
    }
}
