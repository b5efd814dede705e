import FormatKit
import GenericFormat
import HTTPTypes
import OCIFormat
import Registry
import TestSupport
import Testing

@testable import GatewayServer

/// Rules about packages at the gateway: decided at the moment of the request, before the body is read
/// where the address names the package, and again where the package changes.
@Suite struct ProtectionTests {
    private struct Place {
        let test: TestGateway
        let clock: ManualClock
        let project: NamespaceRecord
        /// A developer's token, a maintainer's, and a deploy token that may push everything.
        let developer: String
        let maintainer: String
        let deploy: String
        let deployID: Int64

        func add(_ terms: PackageRuleTerms) async throws -> Int64 {
            let id = project.id
            return try await test.store.write { tx in
                try tx.insertPackageRule(terms, projectID: id, at: Sample.now).id
            }
        }

        /// Sends a head whose body nobody should read unless the answer is good.
        func send(
            _ method: HTTPRequest.Method, _ target: String, _ token: String,
            headers: HTTPFields = [:], body: String = "bytes"
        ) async throws -> (status: HTTPResponse.Status, text: String, readCount: Int) {
            var headers = headers
            let credential = "\(token == deploy ? "ci" : "someone"):\(token)"
            headers[.authorization] = "Basic \(Base64.encode(Array(credential.utf8)))"
            if !body.isEmpty { headers[.contentLength] = String(body.utf8.count) }
            let source = ScriptedBody(Array(body.utf8))
            let answer = await test.gateway.respond(
                to: IncomingRequest(
                    method: method, target: target, authority: "a", headers: headers,
                    isSecure: false, peerAddress: "127.0.0.1"),
                body: source, trace: RequestTrace(requestID: "test"))
            let text = String(decoding: try await answer.body.collect(), as: UTF8.self)
            return (answer.status, text, source.readCount)
        }
    }

    private func withPlace(
        on kind: DatabaseKind = .sqlite, _ body: (Place) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        try await TestGateway.run(
            on: kind, formats: [GenericFormat(), OCIFormat()], clock: clock
        ) { test in
            let now = clock.now()
            let place = try await test.store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: try NamespacePath(parsing: "acme"), name: "Acme"),
                    at: now)
                let project = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: try group.path.appending("web"),
                        parentID: group.id, name: "web"),
                    at: now)
                for (name, role) in [("dev", Role.developer), ("main", .maintainer)] {
                    let user = try tx.insertUser(
                        UserDraft(username: name, name: name, email: "\(name)@example.com"),
                        at: now)
                    _ = try tx.insertMember(
                        userID: user.id, namespaceID: project.id, role: role, expiresAt: nil,
                        at: now)
                    _ = try tx.insertToken(
                        TokenDraft(
                            kind: .personal, name: "t", userID: user.id, scopes: [.api],
                            secretHash: SecretToken.hash("phpat-\(name)-of-this-test")),
                        at: now)
                }
                let deploy = try tx.insertToken(
                    TokenDraft(
                        kind: .deploy, name: "ci", username: "ci", namespaceID: project.id,
                        scopes: [.writeRegistry, .readRegistry, .writePackageRegistry],
                        secretHash: SecretToken.hash("phpdt-of-this-test")),
                    at: now)
                return Place(
                    test: test, clock: clock, project: project,
                    developer: "phpat-dev-of-this-test", maintainer: "phpat-main-of-this-test",
                    deploy: "phpdt-of-this-test", deployID: deploy.id)
            }
            try await body(place)
        }
    }

    @Test func aPublishIsRefusedBeforeItsBodyIsRead() async throws {
        try await withPlace { place in
            let target = "/acme/web/-/generic/core/1.0/file"
            let before = try await place.send(.put, target, place.developer)
            #expect(before.status == .created, "\(before.text)")
            _ = try await place.add(
                PackageRuleTerms(
                    pattern: try WildcardPattern("core*"), format: "generic",
                    publish: RuleRequirement(role: .maintainer)))
            for target in [target, "/api/v4/projects/acme%2Fweb/packages/generic/core/1.0/other"] {
                let refused = try await place.send(.put, target, place.developer)
                #expect(refused.status == .forbidden, "\(refused.text)")
                #expect(refused.text.contains("protected by the rule 'core*'"))
                #expect(refused.readCount == 0)
            }
            let other = "/acme/web/-/generic/tool/1.0/file"
            #expect(try await place.send(.put, other, place.developer).status == .created)
            let allowed = try await place.send(
                .put, "/acme/web/-/generic/core/1.1/file", place.maintainer)
            #expect(allowed.status == .created)
            // Reading is not a matter of these rules.
            let read = try await place.send(.get, target, place.developer, body: "")
            #expect(read.status == .ok)
        }
    }

    @Test("what the gateway could not know is refused where it changes something")
    func theTransactionDecides() async throws {
        try await StoredScopes.run(on: .sqlite) { scopes in
            // These handles were made before there was a rule.
            let package = try scopes.package("api", format: "oci", role: .maintainer)
            let project = HostedProject(
                project: scopes.record,
                actor: Actor(
                    principal: .user(
                        UserPrincipal(id: 1, username: "zoe", isAdmin: false, scopes: nil)),
                    requestID: "r", remoteAddress: ""),
                role: .developer, services: scopes.replicas[0])
            let projectID = scopes.record.id
            let metadata = scopes.replicas[0].metadata
            let id = try await metadata.write { tx in
                try tx.insertPackageRule(
                    PackageRuleTerms(
                        pattern: try WildcardPattern("*"), publish: RuleRequirement(role: .owner)),
                    projectID: projectID, at: Sample.now
                ).id
            }
            let drafts = [
                PublishDraft(package: "api", version: "1", files: [], lifetime: .referenced),
                PublishDraft(package: "tool", version: "1", files: []),
            ]
            for _ in 0..<2 {
                let refusals = [
                    await #expect(throws: RegistryError.self) {
                        try await package.publish(drafts[0])
                    },
                    await #expect(throws: RegistryError.self) {
                        try await project.publish(drafts[1], format: "generic")
                    },
                ]
                #expect(refusals.map { $0?.reason } == ["package_protected", "package_protected"])
            }
            #expect(try await package.find() == nil)
            #expect(
                try await metadata.write { tx in
                    try tx.removePackageRule(id, projectID: projectID)
                })
            _ = try await package.publish(drafts[0])
            _ = try await project.publish(drafts[1], format: "generic")
        }
    }

    @Test func namedTokensMayPublish() async throws {
        try await withPlace { place in
            _ = try await place.add(
                PackageRuleTerms(
                    pattern: try WildcardPattern("acme/web/api*"), subject: .address,
                    format: "oci", publish: RuleRequirement(tokens: ["ci"])))
            _ = try await place.add(
                PackageRuleTerms(
                    pattern: try WildcardPattern("core"), format: "generic",
                    publish: RuleRequirement(role: .owner, tokens: [String(place.deployID)])))
            let uploads = "/v2/acme/web/api/blobs/uploads/"
            let file = "/acme/web/-/generic/core/1.0/file"
            // Not even those who manage the project, unless they name themselves.
            for token in [place.developer, place.maintainer] {
                let begun = try await place.send(.post, uploads, token, body: "")
                #expect(begun.status == .forbidden, "\(begun.text)")
                #expect(begun.text.contains("DENIED"), "\(begun.text)")
                let manifest = try await place.send(.put, "/v2/acme/web/api/manifests/v1", token)
                #expect(manifest.status == .forbidden && manifest.readCount == 0)
                let published = try await place.send(.put, file, token)
                #expect(published.status == .forbidden && published.readCount == 0)
            }
            #expect(
                try await place.send(.post, uploads, place.deploy, body: "").status == .accepted)
            #expect(try await place.send(.put, file, place.deploy).status == .created)
            // A repository that the rule is not about.
            let other = try await place.send(
                .post, "/v2/acme/web/web/blobs/uploads/", place.developer, body: "")
            #expect(other.status == .accepted)
        }
    }

    @Test func deletionsAreRefused() async throws {
        try await withPlace { place in
            let base = "/acme/web/-/generic/core/1.0"
            #expect(try await place.send(.put, "\(base)/file", place.developer).status == .created)
            _ = try await place.add(
                PackageRuleTerms(
                    pattern: try WildcardPattern("*"), delete: RuleRequirement(role: .owner)))
            for target in [base, "\(base)/file"] {
                let refused = try await place.send(.delete, target, place.maintainer, body: "")
                #expect(refused.status == .forbidden, "\(target): \(refused.text)")
                #expect(refused.text.contains("protected by the rule '*'"))
            }
            let layer = "sha256:\(String(repeating: "a", count: 64))"
            let blob = try await place.send(
                .delete, "/v2/acme/web/api/blobs/\(layer)", place.maintainer, body: "")
            #expect(blob.status == .notFound)
        }
    }

    @Test("a reserved name is refused before the body", arguments: DatabaseKind.allCases)
    func reservedNames(kind: DatabaseKind) async throws {
        try await withPlace(on: kind) { place in
            let base = "/acme/web/-/generic/core"
            let expecting: HTTPFields = [.expect: "100-continue"]
            #expect(
                try await place.send(.put, "\(base)/1.0/file", place.developer).status == .created)
            #expect(
                try await place.send(.delete, "\(base)/1.0", place.maintainer, body: "").status
                    == .noContent)
            let refused = try await place.send(
                .put, "\(base)/1.0/file", place.developer, headers: expecting)
            #expect(refused.status == .conflict, "\(refused.text)")
            #expect(refused.text.contains("stays reserved"))
            #expect(refused.readCount == 0)
            #expect(
                try await place.send(.put, "\(base)/1.1/file", place.developer).status == .created)
            place.clock.advance(bySeconds: 7 * 86_400)
            let free = try await place.send(
                .put, "\(base)/1.0/file", place.developer, headers: expecting)
            #expect(free.status == .created, "\(free.text)")
        }
    }

    @Test func aProjectMaySetNamesFree() async throws {
        try await withPlace { place in
            let target = "/acme/web/-/generic/core/1.0/file"
            let projectID = place.project.id
            try await place.test.store.write { tx in
                _ = try tx.updateNamespace(
                    projectID,
                    NamespaceChange(settings: NamespaceSettings(reservesDeletedNames: false)))
            }
            #expect(try await place.send(.put, target, place.developer).status == .created)
            let version = "/acme/web/-/generic/core/1.0"
            #expect(
                try await place.send(.delete, version, place.maintainer, body: "").status
                    == .noContent)
            #expect(try await place.send(.put, target, place.developer).status == .created)
        }
    }
}
