import Registry
import Testing

@testable import GatewayServer

@Suite struct MountTests {
    private let table = MountTable(formats: ["generic", "npm"])

    private func resolve(_ raw: String) throws -> Mount? {
        table.resolve(try RequestPath(parsing: raw))
    }

    @Test(arguments: [
        ("/acme/web/-/generic/a/1/f", NamespaceReference.path("acme/web", nil), 4),
        ("/acme/-/generic/a", .path("acme", nil), 3),
        ("/-/generic/a", nil, 2),
        ("/api/v4/projects/7/packages/generic/a/1/f", .id(7, .project), 6),
        ("/api/v4/projects/acme%2Fweb/packages/generic/a", .path("acme/web", .project), 6),
        ("/api/v4/groups/acme%2fsub/-/packages/generic/a", .path("acme/sub", .group), 7),
        ("/api/v4/packages/generic/a", nil, 4),
        ("/acme/web/-/generic/a/-/generic/b", .path("acme/web", nil), 4),
    ])
    func aliasesOfOneFormat(raw: String, scope: NamespaceReference?, prefixCount: Int) throws {
        let mount = try #require(try resolve(raw))
        #expect(mount.surface == .format("generic"))
        #expect(mount.scope == scope)
        #expect(mount.prefixCount == prefixCount)
    }

    @Test(arguments: [
        "/api/v4/projects", "/api/v4/projects/7/packages", "/api/v4/projects/7/packages/12",
        "/api/v4/projects/7/packages/cargo/x", "/api/v4/openapi.json", "/api/v4",
    ])
    func whatIsNoFormatIsManagement(raw: String) throws {
        let mount = try #require(try resolve(raw))
        #expect(mount.surface == .management)
        #expect(mount.prefixCount == 2)
    }

    @Test(arguments: ["/", "/acme/web", "/acme/web/-/", "/acme/web/-/cargo/x", "/api/v3/x", "/x/y"])
    func theRestLeadsNowhere(raw: String) throws {
        #expect(try resolve(raw) == nil)
    }
}
