import GenericFormat
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// What refusals look like, format by format and in the management API, and what is refused before
/// anything was read.
@Suite struct RefusalTests {
    private static let file = "tool/1.0/file"

    private struct Place {
        let test: TestGateway
        /// Somebody who is a member of nothing.
        let stranger: String
        /// A guest of the project.
        let guest: String
        let projectID: Int64
    }

    private func withPlace(_ body: (Place) async throws -> Void) async throws {
        try await TestGateway.run(on: .sqlite, formats: [GenericFormat()]) { test in
            let secrets = ["stranger", "guest"].map { "phpat-of-the-\($0)-of-this-test" }
            let now = test.services.clock.now()
            let projectID = try await test.store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: try NamespacePath(parsing: "acme"), name: "Acme"),
                    at: now)
                let project = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: try group.path.appending("box"),
                        parentID: group.id, name: "box"),
                    at: now)
                for secret in secrets {
                    let name = secret == secrets[0] ? "stranger" : "guest"
                    let user = try tx.insertUser(
                        UserDraft(username: name, name: name, email: "\(name)@example.com"),
                        at: now)
                    if name == "guest" {
                        _ = try tx.insertMember(
                            userID: user.id, namespaceID: project.id, role: .guest,
                            expiresAt: nil, at: now)
                    }
                    _ = try tx.insertToken(
                        TokenDraft(
                            kind: .personal, name: "t", userID: user.id, scopes: [.api],
                            secretHash: SecretToken.hash(secret)),
                        at: now)
                }
                return project.id
            }
            try await body(
                Place(
                    test: test, stranger: secrets[0], guest: secrets[1], projectID: projectID))
        }
    }

    @Test func formatsRefuseInTheirOwnWords() async throws {
        try await withPlace { place in
            let target = "/acme/box/-/generic/\(Self.file)"
            let wrong = "phpat-of-nobody-at-all"
            let table: [(HTTPRequest.Method, String?, HTTPResponse.Status, String)] = [
                (.get, nil, .unauthorized, "a credential is needed to read packages"),
                (.put, nil, .unauthorized, "a credential is needed to publish packages"),
                (.get, wrong, .unauthorized, "the credential is wrong, expired or revoked"),
                (.get, place.stranger, .notFound, "there is no such project or group"),
                (
                    .get, place.guest, .forbidden,
                    "you need at least the role 'reporter' in 'acme/box' to read packages; your "
                        + "role there is 'guest'"
                ),
                (.get, place.test.rootToken, .notFound, "there is no such file"),
            ]
            for (method, token, status, message) in table {
                let answer = try await place.test.send(method, target, token: token)
                #expect(answer.status == status, "\(message)")
                #expect(try answer.object()["message"] as? String == message)
                #expect(answer.headers[.contentType] == "application/json")
                let challenge = answer.headers[.wwwAuthenticate]
                #expect((challenge == BasicChallenge.expected) == (status == .unauthorized))
            }
        }
    }

    @Test func theManagementAPIRefusesAsGitLabDoes() async throws {
        try await withPlace { place in
            let project = "/api/v4/projects/\(place.projectID)"
            let wrong = "phpat-of-nobody-at-all"
            let table: [(HTTPRequest.Method, String, String?, HTTPResponse.Status, String)] = [
                (.get, project, nil, .notFound, #"{"message":"404 Project Not Found"}"#),
                (.get, project, wrong, .unauthorized, #"{"message":"401 Unauthorized"}"#),
                (.delete, project, nil, .unauthorized, #"{"message":"401 Unauthorized"}"#),
                (.get, project, place.stranger, .notFound, #"{"message":"404 Project Not Found"}"#),
                (
                    .delete, project, place.guest, .forbidden,
                    #"{"message":"403 Forbidden - you need at least the role 'owner' in "#
                        + #"'acme/box' to remove the namespace; your role there is 'guest'"}"#
                ),
                // As at an address of a format that is switched off (I12).
                (.get, "/api/v4/nothing", nil, .notFound, #"{"message":"404 Not Found"}"#),
                (
                    .get, "\(project)/nothing", place.test.rootToken, .notFound,
                    #"{"message":"404 Not Found"}"#
                ),
            ]
            for (method, target, token, status, body) in table {
                let answer = try await place.test.send(method, target, token: token)
                #expect(answer.status == status, "\(method) \(target): \(answer.text)")
                #expect(answer.text == body, "\(target)")
                #expect(answer.headers[.contentType] == "application/json")
            }
        }
    }

    // MARK: Limits

    /// Sends a head and counts how often its body is read.
    private func send(
        _ place: Place, _ method: HTTPRequest.Method, _ target: String, _ headers: HTTPFields,
        _ body: ScriptedBody
    ) async throws -> (status: HTTPResponse.Status, text: String) {
        var headers = headers
        headers[.privateToken] = place.test.rootToken
        let answer = await place.test.gateway.respond(
            to: IncomingRequest(
                method: method, target: target, authority: "a", headers: headers,
                isSecure: false, peerAddress: "127.0.0.1"),
            body: body, trace: RequestTrace(requestID: "test"))
        return (
            answer.status, String(decoding: try await answer.body.collect(), as: UTF8.self)
        )
    }

    @Test func whatIsTooLargeIsRefusedUnread() async throws {
        try await withPlace { place in
            let targets: [(HTTPRequest.Method, String, Int64)] = [
                (.put, "/acme/box/-/generic/\(Self.file)", GenericFormat.fileLimitBytes),
                (.post, "/api/v4/projects", Int64(ManagementLimits.bodyBytes)),
            ]
            for (method, target, limit) in targets {
                let body = ScriptedBody([1, 2, 3])
                let answer = try await send(
                    place, method, target,
                    [.contentLength: String(limit + 1), .contentType: "application/json"], body)
                #expect(answer.status == .contentTooLarge, "\(target): \(answer.text)")
                #expect(answer.text.contains(String(limit)), "\(answer.text)")
                #expect(body.readCount == 0)
            }
        }
    }

    @Test func aManagementBodyIsCountedWhateverItsHeadSays() async throws {
        try await withPlace { place in
            let text =
                #"{"name":"box","description":""#
                + String(repeating: "x", count: ManagementLimits.bodyBytes) + #""}"#
            for headers in [[:], [.contentLength: "10"]] as [HTTPFields] {
                var headers = headers
                headers[.contentType] = "application/json"
                let body = ScriptedBody(Array(text.utf8), chunkBytes: 65_536)
                let answer = try await send(place, .post, "/api/v4/projects", headers, body)
                #expect(answer.status == .contentTooLarge, "\(answer.text)")
                #expect(body.readCount <= ManagementLimits.bodyBytes / 65_536 + 1)
            }
        }
    }

    @Test func whatTakesNoBodyTakesNone() async throws {
        try await withPlace { place in
            for (method, target) in [
                (.get, "/acme/box/-/generic/\(Self.file)"),
                (.delete, "/acme/box/-/generic/\(Self.file)"), (.get, "/api/v4/version"),
                (.delete, "/api/v4/projects/\(place.projectID)"),
            ] as [(HTTPRequest.Method, String)] {
                let body = ScriptedBody([1, 2, 3])
                let answer = try await send(place, method, target, [.contentLength: "3"], body)
                #expect(answer.status == .badRequest, "\(target): \(answer.text)")
                #expect(body.readCount == 0)
            }
        }
    }

    @Test func whatIsTooLongIsRefused() async throws {
        try await withPlace { place in
            let long = String(repeating: "a", count: RequestPath.limitBytes)
            let many = (0...RequestQuery.limitCount).map { "p\($0)=1" }.joined(separator: "&")
            let allowed = (1...RequestQuery.limitCount).map { "p\($0)=1" }.joined(separator: "&")
            let table: [(String, HTTPResponse.Status)] = [
                ("/acme/box/-/generic/\(long)", .badRequest), ("/\(long)", .badRequest),
                ("/api/v4/projects?\(many)", .badRequest),
                ("/acme/box/-/generic/tool/1.0?\(many)", .badRequest),
                ("/api/v4/projects?\(allowed)", .ok),
            ]
            for (target, status) in table {
                let answer = try await send(place, .get, target, [:], ScriptedBody([]))
                #expect(answer.status == status, "\(target.prefix(40)): \(answer.text)")
            }
        }
    }
}

private enum BasicChallenge {
    static let expected = #"Basic realm="Packhouse""#
}
