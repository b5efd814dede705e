import FormatKit
import HTTPTypes
import NIOCore
import Registry
import Testing

@testable import GatewayServer

@Suite struct ManagementRoutingTests {
    @Test func everyEndpointIsFoundAtItsOwnAddress() throws {
        for endpoint in ManagementAPI.endpoints {
            let segments = endpoint.segments.map { $0.hasPrefix(":") ? "7" : $0 }
            let found = try #require(
                try ManagementAPI.router.find(endpoint.method, segments), "\(endpoint.path)")
            #expect(found.endpoint.label == endpoint.label)
            #expect(found.path.count == endpoint.segments.count { $0.hasPrefix(":") })
        }
    }

    @Test func labelsAndAddressesAreUnique() {
        let endpoints = ManagementAPI.endpoints
        #expect(Set(endpoints.map(\.label)).count == endpoints.count)
        #expect(
            Set(endpoints.map { "\($0.method) \($0.path)" }).count == endpoints.count)
    }

    @Test func parametersOfPathsAreDeclared() {
        for endpoint in ManagementAPI.endpoints {
            let named = endpoint.segments.filter { $0.hasPrefix(":") }.map { $0.dropFirst() }
            for name in named {
                let parameter = endpoint.parameters.first { $0.name == name }
                #expect(parameter?.isRequired == true, "\(endpoint.path) \(name)")
            }
            #expect(
                Set(endpoint.parameters.map(\.name)).count == endpoint.parameters.count,
                "\(endpoint.path)")
        }
    }

    @Test func aLiteralSegmentWinsOverAParameter() throws {
        let cases: [(HTTPRequest.Method, [String], String)] = [
            (.get, ["personal_access_tokens", "self"], "personal_token.show_self"),
            (.get, ["personal_access_tokens", "12"], "personal_token.show"),
            (.post, ["personal_access_tokens", "self", "rotate"], "personal_token.rotate_self"),
            (.get, ["groups", "acme/web", "members", "all"], "group_member.list_all"),
            (.get, ["groups", "acme/web", "members", "3"], "group_member.show"),
            (.get, ["projects", "projects"], "project.show"),
            (.head, ["projects", "7"], "project.show"),
        ]
        for (method, segments, label) in cases {
            #expect(try ManagementAPI.router.find(method, segments)?.endpoint.label == label)
        }
    }

    @Test func anotherMethodNamesThoseThatThereAre() throws {
        let failure = #expect(throws: RegistryError.self) {
            try ManagementAPI.router.find(.patch, ["projects", "7"])
        }
        #expect(failure?.code == .methodNotAllowed)
        #expect(failure?.headers[.allow] == "DELETE, GET, HEAD, PUT")
    }

    @Test(arguments: [
        [], ["nothing"], ["projects", "7", "nothing"], ["projects", "7", "members", "1", "2"],
        ["version", "1"], ["users", "1", "personal_access_tokens", "2"],
    ])
    func otherAddressesLeadNowhere(_ segments: [String]) throws {
        #expect(try ManagementAPI.router.find(.get, segments) == nil)
    }

    @Test func namespacesAreNamedByNumberOrPath() {
        let cases: [(String, NamespaceReference)] = [
            ("7", .id(7, .project)), ("acme/web", .path("acme/web", .project)),
            ("7a", .path("7a", .project)), ("-7", .path("-7", .project)),
            ("99999999999999999999", .path("99999999999999999999", .project)),
        ]
        for (text, reference) in cases {
            let address = ManagementAddress(path: ["id": text], query: RequestQuery())
            #expect(address.namespace(.project) == reference)
        }
    }

    @Test func callsAnswerAsTheirAddressSays() async throws {
        try await ManagementServer.run { server in
            let unknown = try await server.get("nothing/here")
            #expect(unknown.status == 404)
            let wrong = try await server.send(.patch, "projects")
            #expect(wrong.status == 405)
            #expect(wrong.text == #"{"error":"405 Not Allowed"}"#)
            #expect(wrong.headers[.allow] == "GET, HEAD, POST")
            let bad = try await server.get("projects", as: .personal("phpat-wrong"))
            #expect(bad.status == 401)
            #expect(bad.text == #"{"message":"401 Unauthorized"}"#)
            let version = try await server.get("version", as: .alice)
            #expect(version["version"]?.stringValue == "1.2.3")
            #expect(try await server.get("metadata").status == 200)
        }
    }

    @Test func failuresHaveGitLabsBodies() {
        let api = ManagementAPI(
            version: "1", formats: [], passwords: PasswordHasher(), collector: NoCollector())
        let cases: [(RegistryError, [String], Int, String)] = [
            (
                .namespaceNotFound(), ["projects", "7"], 404,
                #"{"message":"404 Project Not Found"}"#
            ),
            (.namespaceNotFound(), ["groups", "7"], 404, #"{"message":"404 Group Not Found"}"#),
            (.missing("Package"), ["projects", "7"], 404, #"{"message":"404 Package Not Found"}"#),
            (.missing("x"), ["nothing"], 404, #"{"error":"404 Not Found"}"#),
            (
                .invalid("path", "has already been taken"), ["groups"], 400,
                #"{"message":{"path":["has already been taken"]}}"#
            ),
            (.parameters("name is missing"), ["groups"], 400, #"{"error":"name is missing"}"#),
            (
                RegistryError(.forbidden, "why"), ["groups"], 403,
                #"{"message":"403 Forbidden - why"}"#
            ),
            (
                RegistryError(.internalError, "secret"), ["groups"], 500,
                #"{"message":"500 Internal Server Error"}"#
            ),
        ]
        for (failure, segments, status, body) in cases {
            let head = RequestHead(
                method: .get, tail: RequestPath(segments: segments), query: RequestQuery(),
                headers: [:], origin: PublicOrigin(scheme: "http", authority: "a"),
                mountPath: "/api/v4", requestID: "r")
            let response = api.render(failure, for: head)
            #expect(response.status.code == status)
            guard case .bytes(let buffer) = response.body else {
                Issue.record("no body")
                continue
            }
            #expect(String(buffer: buffer) == body)
        }
    }
}

/// A collector for what never asks it.
private struct NoCollector: GarbageCollecting {
    func estimate() async throws(RegistryError) -> CollectionEstimate { CollectionEstimate() }

    func run(for limit: Duration) async throws(RegistryError) -> (
        outcome: CollectionOutcome, isFinished: Bool
    ) {
        (CollectionOutcome(), true)
    }
}
