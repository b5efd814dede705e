import Foundation
import HTTPTypes
import NPMFormat
import Registry
import TestSupport
import Testing

/// Who one is, logging in and out, and what the registry as a whole answers.
@Suite struct NPMAccountTests {
    private func logIn(
        _ bench: NPMBench, _ name: String, _ password: String,
        _ headers: [(String, String)] = []
    ) async throws -> TestResponse {
        let body = try JSONSerialization.data(withJSONObject: [
            "_id": "org.couchdb.user:\(name)", "name": name, "password": password,
            "type": "user", "roles": [String](), "date": "2026-11-21T18:00:00.000Z",
        ])
        return try await bench.test.send(
            .put, NPMBench.mount + "/-/user/org.couchdb.user:\(PercentEncoding.encode(name))",
            headers: [("Content-Type", "application/json")] + headers, body: Array(body))
    }

    /// N-12
    @Test func loggingInAndOut() async throws {
        try await NPMBench.withUser { bench in
            // A token that is no longer good does not keep anybody from getting a new one.
            let answer = try await logIn(
                bench, "zoe", NPMBench.password, [("Authorization", "Bearer old")])
            #expect(answer.status == .created, "\(answer.text)")
            let token = try #require(answer.object()["token"] as? String)
            #expect(
                try await bench.whoami(token).object() as? [String: String] == ["username": "zoe"])
            let published = try await bench.test.send(
                .put, NPMBench.mount + "/tool", headers: [("Authorization", "Bearer \(token)")],
                body: Array(try TestPublish("tool", "1.0.0").body()))
            #expect(published.status == .created, "\(published.text)")
            // The token is good for packages and nothing else.
            let management = try await bench.test.send(
                .post, "/api/v4/projects", headers: [("Authorization", "Bearer \(token)")])
            #expect(management.status == .forbidden)
            let out = try await bench.test.send(
                .delete, NPMBench.mount + "/-/user/token/\(token)",
                headers: [("Authorization", "Bearer \(token)")])
            #expect(out.status == .ok)
            #expect(try out.object()["revoked"] as? Bool == true)
            #expect(try await bench.whoami(token).status == .unauthorized)
        }
    }

    @Test func wrongNamesAndPasswords() async throws {
        try await NPMBench.withUser { bench in
            for (name, password) in [("zoe", "wrong"), ("nobody", "x"), ("zoe", "")] {
                let answer = try await logIn(bench, name, password)
                #expect(answer.status == .unauthorized, "\(answer.text)")
                // With a challenge for a password alone npm says that the password is wrong.
                #expect(answer.headers[.wwwAuthenticate] == #"Basic realm="Packhouse""#)
            }
            let other = try await bench.test.send(
                .put, NPMBench.mount + "/-/user/org.couchdb.user:zoe",
                body: Array(#"{"name":"root","password":"x"}"#.utf8))
            #expect(other.status == .badRequest)
        }
    }

    @Test func aTokenInPlaceOfAPasswordIsGivenBack() async throws {
        try await NPMBench.withUser { bench in
            let token = bench.test.rootToken
            let answer = try await logIn(bench, "root", token)
            #expect(try answer.object()["token"] as? String == token)
            // Logging out ends only what logging in made.
            let out = try await bench.send(.delete, "/-/user/token/\(token)")
            #expect(try out.object()["revoked"] as? Bool == false)
            #expect(try await bench.whoami(token).status == .ok)
        }
    }

    @Test func whatTheRegistryAnswersAboutItself() async throws {
        try await NPMBench.withUser { bench in
            #expect(try await bench.test.send(.get, NPMBench.mount + "/-/ping").text == "{}")
            #expect(
                try await bench.test.send(.get, NPMBench.mount + "/-/whoami").status
                    == .unauthorized)
            let profile = try await bench.send(.get, "/-/npm/v1/user").object()
            #expect(profile["name"] as? String == "root")
            #expect(profile["email"] as? String == "root@example.com")
            // N-14
            #expect(try await bench.send(.get, "/-/npm/v1/keys").text == #"{"keys":[]}"#)
            for path in [
                "/-/npm/v1/security/advisories/bulk", "/-/npm/v1/security/audits/quick",
            ] {
                // N-11
                let audit = try await bench.send(.post, path, json: ["tool": ["1.0.0"]])
                #expect(audit.status == .notFound)
                #expect(audit.text.contains("no source of advisories"))
            }
            let change = try await bench.send(.post, "/-/npm/v1/user")
            #expect(change.status == .methodNotAllowed)
            #expect(change.text.contains("management API"))
        }
    }

    @Test func accessIsThatOfTheProject() async throws {
        try await NPMBench.run(visibility: .public) { bench in
            try await bench.publish(TestPublish("tool", "1.0.0"))
            let path = "/-/package/tool"
            #expect(
                try await bench.send(.get, path + "/visibility").object()["public"] as? Bool == true
            )
            let same = try await bench.send(.post, path + "/access", json: ["access": "public"])
            #expect(same.status == .ok)
            let other = try await bench.send(
                .post, path + "/access", json: ["access": "restricted"])
            #expect(other.status == .forbidden)
            #expect(other.text.contains("a setting of the project, which is public"))
            let people = try await bench.send(.get, path + "/collaborators")
            #expect(people.text.contains("members of the project"))
            #expect(
                try await bench.send(.get, "/-/org/acme/package").object() as? [String: String]
                    == ["tool": "read"])
        }
    }

    @Test func searching() async throws {
        try await NPMBench.run { bench in
            for (name, words, author) in [
                ("@acme/hammer", ["hit", "tool"], "Zoe"), ("nail", ["hit", "tooling"], "Ann"),
                ("saw", ["cut"], "Zoe"),
            ] {
                try await bench.publish(
                    TestPublish(
                        name, "1.0.0",
                        manifest: [
                            "description": "A \(name) for WOOD", "keywords": words,
                            "author": ["name": author, "email": "x@example.com"],
                        ]))
            }
            try await bench.publish(
                TestPublish("saw", "1.1.0", manifest: ["description": "For wood"]))
            for (text, names) in [
                ("wood", ["@acme/hammer", "nail", "saw"]), ("ham wood", ["@acme/hammer"]),
                ("keywords:tool", ["@acme/hammer"]), ("keywords:hit", ["@acme/hammer", "nail"]),
                ("author:ann", ["nail"]), ("scope:acme", ["@acme/hammer"]), ("nothing", []),
                ("maintainer:root", ["@acme/hammer", "nail", "saw"]), ("%", []),
            ] {
                let answer = try await bench.send(
                    .get, "/-/v1/search?text=\(PercentEncoding.encode(text))&size=20")
                let objects = try #require(answer.object()["objects"] as? [[String: Any]])
                let found = objects.compactMap { ($0["package"] as? [String: Any])?["name"] }
                #expect(found as? [String] == names, "\(text)")
            }
            let page = try await bench.send(.get, "/-/v1/search?text=wood&size=1&from=2").object()
            #expect(page["total"] as? Int == 3)
            let objects = try #require(page["objects"] as? [[String: Any]])
            let package = try #require(objects.first?["package"] as? [String: Any])
            #expect(package["name"] as? String == "saw")
            #expect(package["version"] as? String == "1.1.0")
            #expect(package["description"] as? String == "For wood")
            #expect(try await bench.send(.get, "/-/v1/search?from=-1").status == .badRequest)
        }
    }
}
