import Foundation
import GatewayServer
import HTTPTypes
import OCIFormat
import Registry
import TestSupport
import Testing

@Suite("Who may do what with images")
struct OCIAccessTests {
    /// Inserts a user with `role` in a project, and gives a token of his.
    private static func insertUser(
        _ name: String, _ role: Role?, in project: NamespaceRecord?, _ test: TestGateway
    ) async throws -> String {
        let secret = "token-of-\(name)-0123456789"
        let hash = SecretToken.hash(secret)
        let now = test.services.clock.now()
        try await test.store.write { tx in
            let user = try tx.insertUser(
                UserDraft(username: name, name: name, email: "\(name)@example.com"), at: now)
            if let role, let project {
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: project.id, role: role, expiresAt: nil, at: now)
            }
            _ = try tx.insertToken(
                TokenDraft(
                    kind: .personal, name: "test", userID: user.id, scopes: [.api],
                    secretHash: hash), at: now)
        }
        return secret
    }

    /// C-13: whoever asks at the door is asked who he is, also where everybody may pull.
    @Test func theDoor() async throws {
        try await OCIBench.run(on: .sqlite, visibility: .public) { bench in
            try await bench.push(TestImage("a"), as: "v1")
            for path in ["/v2/", "/v2", "/gitlab/v1/"] {
                let answer = try await bench.test.send(.get, path)
                #expect(answer.status == .unauthorized)
                #expect(answer.errorCode == "UNAUTHORIZED")
                #expect(answer.header("Docker-Distribution-Api-Version") == "registry/2.0")
                #expect(
                    answer.headers[.wwwAuthenticate]
                        == #"Bearer realm="http://packages.example.com/jwt/auth","#
                        + #"service="container_registry""#)
                let known = try await bench.test.send(.get, path, token: bench.test.rootToken)
                #expect(known.status == .ok)
                #expect(known.text == "{}")
            }
            let pulled = try await bench.test.send(.get, "/v2/acme/web/api/manifests/v1")
            #expect(pulled.status == .ok)
            let pushed = try await bench.test.send(.post, "/v2/acme/web/api/blobs/uploads/")
            #expect(pushed.status == .unauthorized)
            #expect(
                pushed.headers[.wwwAuthenticate]?.contains(
                    #"scope="repository:acme/web/api:pull,push""#) == true)
        }
    }

    /// C-11: a mount from where the caller may not read answers as one from where there is nothing.
    @Test(arguments: DatabaseKind.allCases)
    func mountsRevealNothing(_ kind: DatabaseKind) async throws {
        let content = Array("a secret of another project".utf8)
        try await OCIBench.run(on: kind) { bench in
            let digest = try await bench.push(content, to: "acme/base/secret")
            let token = try await Self.insertUser(
                "developer", .developer, in: bench.project, bench.test)
            let uploads = "/v2/acme/web/api/blobs/uploads/"
            var answers: [TestResponse] = []
            for source in ["acme/base/secret", "acme/base/none", "no/such/project"] {
                let answer = try await bench.test.send(
                    .post, uploads + "?mount=\(digest)&from=\(source)", token: token)
                #expect(answer.status == .accepted)
                answers.append(answer)
                _ = try await bench.test.send(
                    .delete, answer.headers[.location] ?? "", token: token)
            }
            let names = answers.map { $0.headers.map(\.name.canonicalName) }
            #expect(Set(names).count == 1)
            let head = try await bench.test.send(
                .head, "/v2/acme/web/api/blobs/\(digest)", token: token)
            #expect(head.status == .notFound)
            // Who may read the other project mounts from it.
            let both = try await bench.test.store.read { tx in
                try tx.findNamespace(.path("acme/base", nil))
            }
            let reader = try await Self.insertUser(
                "reader", .developer, in: bench.project, bench.test)
            let (base, now) = (try #require(both), bench.test.services.clock.now())
            try await bench.test.store.write { tx in
                let user = try #require(try tx.findUser(username: "reader"))
                _ = try tx.insertMember(
                    userID: user.id, namespaceID: base.id, role: .reporter, expiresAt: nil,
                    at: now)
            }
            let mounted = try await bench.test.send(
                .post, uploads + "?mount=\(digest)&from=acme/base/secret", token: reader)
            #expect(mounted.status == .created)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func theCatalogueShowsWhatMayBeRead(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "v1")
            try await bench.push(image, as: "v1", to: "acme/base/image")
            let reporter = try await Self.insertUser(
                "reporter", .reporter, in: bench.project, bench.test)
            let stranger = try await Self.insertUser("stranger", nil, in: nil, bench.test)
            for (token, expected) in [
                (reporter, ["acme/web/api"]), (stranger, []),
                (bench.test.rootToken, ["acme/base/image", "acme/web/api"]),
            ] {
                let answer = try await bench.test.send(.get, "/v2/_catalog", token: token)
                #expect(try answer.object()["repositories"] as? [String] == expected)
            }
        }
    }

    /// To somebody who may not know of it, a private project is none.
    @Test func privateAndMissingProjectsLookTheSame() async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(image, as: "latest")
            let stranger = try await Self.insertUser("stranger", nil, in: nil, bench.test)
            for token in [stranger, nil] {
                for example in OCIFormat.examples where example.tail.contains("{project}") {
                    var texts: [String] = []
                    for project in ["acme/web", "acme/not"] {
                        let answer = try await bench.test.send(
                            example.method, example.tail.replacing("{project}", with: project),
                            token: token)
                        #expect(answer.status == (token == nil ? .unauthorized : .notFound))
                        texts.append(
                            (answer.text + "\(answer.headers)").replacing(project, with: "P"))
                    }
                    #expect(texts[0] == texts[1], "\(example)")
                }
            }
        }
    }

    /// C-14: a token that runs out during a long push is fetched anew, and the push goes on where it
    /// was.
    @Test(arguments: DatabaseKind.allCases)
    func aTokenThatExpiresLosesNoUpload(_ kind: DatabaseKind) async throws {
        let clock = ManualClock()
        try await OCIBench.run(on: kind, clock: clock) { bench in
            let fetch = { () async throws -> [(String, String)] in
                let answer = try await bench.test.send(
                    .get,
                    "/jwt/auth?service=container_registry&scope=repository:acme/web/api:pull,push",
                    token: bench.test.rootToken)
                let token = try #require(try answer.object()["token"] as? String)
                return [("Authorization", "Bearer \(token)")]
            }
            let content = Array("0123456789".utf8)
            let first = try await fetch()
            let begun = try await bench.test.send(
                .post, "/v2/acme/web/api/blobs/uploads/", headers: first)
            let location = try #require(begun.headers[.location])
            let half = try await bench.test.send(
                .patch, location, headers: first, body: Array(content[..<5]))
            #expect(half.status == .accepted)
            clock.advance(bySeconds: 3600)
            let expired = try await bench.test.send(
                .patch, location, headers: first, body: Array(content[5...]))
            #expect(expired.status == .unauthorized)
            #expect(
                expired.headers[.wwwAuthenticate]?.contains(
                    #"scope="repository:acme/web/api:pull,push""#) == true)
            let second = try await fetch()
            let rest = try await bench.test.send(
                .patch, location, headers: second + [("Content-Range", "5-9")],
                body: Array(content[5...]))
            #expect(rest.status == .accepted)
            let done = try await bench.test.send(
                .put, location + "?digest=\(TestImage.digest(content))", headers: second)
            #expect(done.status == .created)
            let read = try await bench.test.send(
                .get, done.headers[.location] ?? "", headers: second)
            #expect(read.body == content)
        }
    }

    /// C-28: whatever is below `/v2` is answered in the specification's form.
    @Test func everyFailureIsInTheSpecificationsForm() async throws {
        try await OCIBench.run(on: .sqlite) { bench in
            for (method, target) in [
                (HTTPRequest.Method.get, "/v2/nowhere"), (.get, "/v2/a/b/c/d"),
                (.options, "/v2/"), (.post, "/v2/acme/web/manifests/x"),
                (.get, "/v2/ACME/web/manifests/x"), (.get, "/v2/acme/web/manifests/x?n=%zz"),
                (.get, "/gitlab/v1/nowhere"), (.put, "/v2/acme/web/blobs/uploads/1"),
            ] {
                let answer = try await bench.test.send(
                    method, target, token: bench.test.rootToken)
                #expect(answer.status.code >= 400)
                if target.contains("%zz") { continue }
                #expect(answer.errorCode != nil, "\(method) \(target): \(answer.text)")
            }
        }
    }

    /// I12: where the format is switched off, its addresses are none.
    @Test func whatIsSwitchedOffLooksLikeWhatIsMissing() async throws {
        try await OCIBench.run(on: .sqlite, visibility: .public) { bench in
            try await bench.push(TestImage("a"), as: "latest")
            try await bench.test.store.write { tx in
                try tx.upsertGate(FeatureGate(feature: "oci", condition: .everyone(false)))
            }
            let missing = try await bench.test.send(.get, "/nowhere")
            let tokens = [
                ExampleRequest(.get, "/jwt/auth?service=packhouse"),
                ExampleRequest(.post, "/jwt/auth"),
                ExampleRequest(.get, "/v2/token"),
            ]
            for example in OCIFormat.examples + tokens {
                for token in [bench.test.rootToken, nil, "wrong"] {
                    let answer = try await bench.test.send(
                        example.method, example.tail.replacing("{project}", with: "acme/web"),
                        token: token)
                    #expect(answer.status == .notFound, "\(example)")
                    #expect(answer.headers == missing.headers, "\(example)")
                    #expect(answer.body == missing.body, "\(example)")
                }
            }
        }
    }

    /// A client asks `/v2/` and fetches a token before it names a project: both are there while the
    /// format is on for any.
    @Test func clientsCanLogInWhereOneProjectHasTheFormat() async throws {
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(TestImage("a"), as: "latest")
            try await bench.push(TestImage("a"), as: "latest", to: "acme/base/api")
            try await bench.test.store.write { tx in
                try tx.upsertGate(FeatureGate(feature: "oci", condition: .everyone(false)))
                try tx.upsertGate(
                    FeatureGate(feature: "oci", condition: .project(bench.project.id)))
            }
            #expect(try await bench.test.send(.get, "/v2/").status == .unauthorized)
            #expect(try await bench.send(.get, "").status == .ok)
            let granted = try await bench.test.send(
                .get, "/jwt/auth?scope=repository:acme/web/api:pull", token: bench.test.rootToken)
            #expect(granted.status == .ok, "\(granted.text)")
            let manifest = try await bench.send(.get, "acme/web/api/manifests/latest")
            #expect(manifest.status == .ok, "\(manifest.text)")
            #expect(
                try await bench.send(.get, "acme/base/api/manifests/latest").status == .notFound)
        }
    }

    /// The path of a project keeps its case, and images know lower case only.
    @Test(arguments: DatabaseKind.allCases)
    func aProjectWithCapitalsServesImages(_ kind: DatabaseKind) async throws {
        try await OCIBench.run(on: kind) { bench in
            let now = bench.test.services.clock.now()
            try await bench.test.store.write { tx in
                let group = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .group, path: NamespacePath(parsing: "Big"), name: "Big"), at: now)
                _ = try tx.insertNamespace(
                    NamespaceDraft(
                        kind: .project, path: NamespacePath(parsing: "Big/Web"),
                        parentID: group.id, name: "Web"), at: now)
            }
            try await bench.push(TestImage("a"), as: "latest", to: "big/web/api")
            let catalogue = try await bench.send(.get, "_catalog").object()
            #expect(catalogue["repositories"] as? [String] == ["big/web/api"])
            #expect(try await bench.send(.get, "big/web/api/manifests/latest").status == .ok)
            let list = try await bench.test.send(
                .get, "/api/v4/projects/Big%2FWeb/registry/repositories",
                token: bench.test.rootToken)
            let repositories = try #require(try list.json() as? [[String: Any]])
            #expect(repositories.map { $0["path"] as? String } == ["big/web/api"])
            let sizes = try await bench.test.send(
                .get, "/gitlab/v1/repositories/big/web/api/?size=self_with_descendants",
                token: bench.test.rootToken
            ).object()
            #expect((sizes["size_bytes"] as? Int ?? 0) > 0)
        }
    }
}
