import GenericFormat
import HTTPTypes
import NIOCore
import Registry
import TestSupport
import Testing

@testable import GatewayServer

@Suite struct MountTests {
    private let table = MountTable(formats: [GenericFormat(), RootedFormat()])

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

    @Test func aFormatsOwnAddressComesFirst() throws {
        let mount = try #require(try resolve("/v9/acme/web/deep/er/items/7"))
        #expect(mount.surface == .format("rooted"))
        #expect(mount.scope == .longestProject(["acme", "web", "deep", "er"]))
        #expect(mount.prefixCount == 1)
        #expect(try resolve("/v9/acme") == nil)
        let native = try #require(try resolve("/acme/web/-/rooted/items/7"))
        #expect(native.scope == .path("acme/web", nil))
    }

    @Test(arguments: DatabaseKind.allCases)
    func theLongestProjectIsFoundAndTheRestIsTheFormats(kind: DatabaseKind) async throws {
        try await TestGateway.run(on: kind, formats: [RootedFormat()]) { test in
            let token = test.rootToken
            for (path, parent) in [("acme", nil), ("sub", "acme")] as [(String, String?)] {
                var fields: [String: any Sendable] = ["name": path, "path": path]
                if let parent {
                    let found = try await test.send(.get, "/api/v4/groups/\(parent)", token: token)
                    fields["parent_id"] = try found.object()["id"] as? Int
                }
                let made = try await test.send(.post, "/api/v4/groups", token: token, json: fields)
                try #require(made.status == .created, "\(made.text)")
            }
            for group in ["acme", "acme%2Fsub"] {
                let id =
                    try await test.send(.get, "/api/v4/groups/\(group)", token: token)
                    .object()["id"] as? Int
                let made = try await test.send(
                    .post, "/api/v4/projects", token: token,
                    json: ["name": "web", "namespace_id": try #require(id)])
                try #require(made.status == .created, "\(made.text)")
            }
            for (target, expected) in [
                ("/v9/acme/web/items/1", "acme/web "), ("/v9/acme/web/a/items/1", "acme/web a"),
                ("/v9/ACME/sub/web/a/b/items/1", "acme/sub/web a/b"),
                ("/acme/web/-/rooted/items/1", "acme/web "),
            ] {
                let answer = try await test.send(.get, target, token: token)
                #expect(answer.status == .ok, "\(target): \(answer.text)")
                #expect(answer.text == expected, "\(target)")
            }
            for target in ["/v9/acme/items/1", "/v9/acme/sub/items/1", "/v9/other/web/items/1"] {
                #expect(try await test.send(.get, target, token: token).status == .notFound)
                #expect(try await test.send(.get, target).status == .unauthorized)
            }
        }
    }
}

/// A format whose specification fixes its addresses: `/v9/{name…}/items/{item}`.
private struct RootedFormat: PackageFormat {
    static let id: FormatID = "rooted"
    static let stage = Stage.generalAvailability
    static let examples = [ExampleRequest(.get, "/items/1")]

    struct Operation: FormatOperation {
        let label = "rooted.item.show"
        let access = [AccessRequirement(.readPackages)]
        let bodyLimitBytes: Int64 = 0
    }

    static func locate(_ path: RequestPath) -> FormatLocation? {
        let segments = path.segments
        guard segments.first == "v9", segments.count > 3, segments[segments.count - 2] == "items"
        else { return nil }
        return FormatLocation(
            prefixCount: 1, scope: .longestProject(Array(segments.dropFirst().dropLast(2))))
    }

    func parse(_ head: RequestHead) throws(RegistryError) -> Operation? { Operation() }

    func handle(
        _ operation: Operation, _ head: RequestHead, body: consuming RequestBody,
        in scope: any ScopeHandle
    ) async throws(RegistryError) -> FormatResponse {
        let project = scope.namespace?.path.description ?? ""
        return FormatResponse(
            body: .bytes(ByteBuffer(string: "\(project) \(scope.remainder.joined(separator: "/"))"))
        )
    }

    func render(_ failure: RegistryError, for head: RequestHead) -> FormatResponse {
        FormatResponse(status: failure.status, body: .bytes(ByteBuffer(string: failure.message)))
    }
}
