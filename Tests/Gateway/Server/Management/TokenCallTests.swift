import FormatKit
import HTTPTypes
import Registry
import Testing

@testable import GatewayServer

@Suite struct TokenCallTests {
    // MARK: Personal access tokens

    @Test func aTokenIsCreatedUsedListedAndRevoked() async throws {
        try await ManagementServer.run { server in
            let made = try await server.post(
                "user/personal_access_tokens",
                ["name": "ci", "scopes": ["read_api", "api"], "expires_at": "2027-03-01"],
                as: .alice)
            #expect(made.status == 201)
            #expect(made["scopes"]?.text == #"["api","read_api"]"#)
            #expect(made["expires_at"]?.stringValue == "2027-03-01")
            #expect(made["active"]?.text == "true")
            let secret = try made.string("token")
            #expect(secret.hasPrefix("phpat-"))
            let own = try await server.get("personal_access_tokens/self", as: .personal(secret))
            #expect(own["name"]?.stringValue == "ci")
            #expect(own["token"] == nil)
            let id = try made.integer("id")
            let list = try await server.get("personal_access_tokens", as: .alice)
            #expect(list.list("name").sorted() == ["all", "ci"])
            #expect(!list.text.contains(secret))
            #expect(try await server.get("personal_access_tokens/\(id)", as: .alice).status == 200)
            #expect(try await server.delete("personal_access_tokens/\(id)", as: .bob).status == 401)
            #expect(
                try await server.delete("personal_access_tokens/\(id)", as: .alice).status == 204)
            #expect(try await server.get("user", as: .personal(secret)).status == 401)
            let revoked = try await server.get("personal_access_tokens/\(id)", as: .alice)
            #expect(revoked["revoked"]?.text == "true")
            #expect(revoked["active"]?.text == "false")
            #expect(
                try await server.get("personal_access_tokens?state=active", as: .alice)
                    .list("name") == ["all"])
        }
    }

    @Test func anAdministratorManagesTheTokensOfAll() async throws {
        try await ManagementServer.run { server in
            let bob = try server.id("bob")
            let address = "users/\(bob)/personal_access_tokens"
            let body: JSONValue = ["name": "for bob", "scopes": ["read_user"]]
            #expect(try await server.post(address, body, as: .alice).status == 403)
            let made = try await server.post(address, body)
            #expect(made.status == 201)
            // A year, where nobody said.
            #expect(
                made["expires_at"]?.stringValue
                    == server.clock.now().advanced(bySeconds: 365 * 86_400).dateText)
            let user = try await server.get("user", as: .personal(try made.string("token")))
            #expect(user["username"]?.stringValue == "bob")
            #expect(
                try await server.post("users/999999/personal_access_tokens", body).status == 404)
            #expect(
                try await server.get("personal_access_tokens?user_id=\(bob)").list("name")
                    == ["for bob", "all"])
            #expect(try await server.get("personal_access_tokens").list("name").count == 4)
            let foreign = try await server.get(
                "personal_access_tokens?user_id=\(bob)", as: .alice)
            #expect(foreign.status == 401)
            let id = try made.integer("id")
            #expect(try await server.get("personal_access_tokens/\(id)", as: .alice).status == 401)
            #expect(try await server.get("personal_access_tokens/\(id)").status == 200)
            #expect(try await server.get("personal_access_tokens/999999").status == 404)
            #expect(try await server.delete("personal_access_tokens/\(id)").status == 204)
        }
    }

    @Test func aTokenNeverMakesMoreThanItIs() async throws {
        try await ManagementServer.run { server in
            let reading = try await server.post(
                "user/personal_access_tokens", ["name": "r", "scopes": ["read_api"]], as: .alice)
            let secret = try reading.string("token")
            let answer = try await server.post(
                "user/personal_access_tokens", ["name": "w", "scopes": ["api"]],
                as: .personal(secret))
            #expect(answer.status == 403)
            #expect(
                try await server.delete("personal_access_tokens/self", as: .personal(secret))
                    .status == 403)
        }
    }

    @Test func aTokenIsRotated() async throws {
        try await ManagementServer.run { server in
            let made = try await server.post(
                "user/personal_access_tokens", ["name": "ci", "scopes": ["api"]], as: .alice)
            let old = ManagementServer.Caller.personal(try made.string("token"))
            let rotated = try await server.post("personal_access_tokens/self/rotate", as: old)
            #expect(rotated.status == 200)
            #expect(rotated["name"]?.stringValue == "ci")
            #expect(
                rotated["expires_at"]?.stringValue
                    == server.clock.now().advanced(bySeconds: 7 * 86_400).dateText)
            #expect(try await server.get("user", as: old).status == 401)
            let new = ManagementServer.Caller.personal(try rotated.string("token"))
            #expect(try await server.get("user", as: new).status == 200)
            let id = try rotated.integer("id")
            let address = "personal_access_tokens/\(id)/rotate"
            #expect(try await server.post(address, as: .bob).status == 401)
            let again = try await server.post(address, ["expires_at": "2027-05-01"], as: .alice)
            #expect(again["expires_at"]?.stringValue == "2027-05-01")
            #expect(try await server.get("user", as: new).status == 401)
            #expect(try await server.post(address, as: .alice).status == 401)
            let last = ManagementServer.Caller.personal(try again.string("token"))
            #expect(try await server.delete("personal_access_tokens/self", as: last).status == 204)
            #expect(try await server.get("user", as: last).status == 401)
        }
    }

    @Test func aPasswordIsNoTokenToShow() async throws {
        try await ManagementServer.run { server in
            let made = try await server.post(
                "users",
                [
                    "email": "c@packages.test", "name": "C", "username": "carol",
                    "password": "correct horse",
                ])
            #expect(made.status == 201)
            let basic = "Basic \(Base64.encode(Array("carol:correct horse".utf8)))"
            let answer = try await server.get(
                "personal_access_tokens/self", as: .header(.authorization, basic))
            #expect(answer.status == 400)
        }
    }

    @Test func aTokenThatBreaksARuleIsRefused() async throws {
        try await ManagementServer.run { server in
            let cases: [(JSONValue, String)] = [
                (.object([]), #"{"error":"name is missing, scopes is missing"}"#),
                (
                    ["name": "x", "scopes": []],
                    #"{"message":{"scopes":["can't be blank"]}}"#
                ),
                (
                    ["name": "x", "scopes": ["sudo"]],
                    #"{"error":"scopes does not have a valid value"}"#
                ),
                (
                    ["name": "x", "scopes": ["api"], "expires_at": "2020-01-01"],
                    #"{"message":{"expires_at":["can't be in the past"]}}"#
                ),
                (
                    ["name": "x", "scopes": ["api"], "expires_at": "2099-01-01"],
                    #"{"message":{"expires_at":["must be within 400 days from now"]}}"#
                ),
            ]
            for (body, text) in cases {
                let answer = try await server.post(
                    "user/personal_access_tokens", body, as: .alice)
                #expect(answer.status == 400)
                #expect(answer.text == text)
            }
        }
    }

    // MARK: Deploy tokens

    @Test(arguments: ["groups", "projects"])
    func aDeployTokenIsCreatedUsedListedAndRevoked(_ prefix: String) async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            let other = try await server.makeProject("other")
            let base = "\(prefix)/\(prefix == "groups" ? group : project)/deploy_tokens"
            let made = try await server.post(
                base,
                [
                    "name": "deploy", "scopes": ["read_package_registry", "read_registry"],
                    "expires_at": "2030-01-01T00:00:00Z",
                ], as: .alice)
            #expect(made.status == 201)
            #expect(made["scopes"]?.text == #"["read_registry","read_package_registry"]"#)
            #expect(made["expires_at"]?.stringValue == "2030-01-01T00:00:00.000Z")
            #expect(try made.string("username").hasPrefix("packhouse+deploy-token-"))
            let secret = try made.string("token")
            #expect(secret.hasPrefix("phdt-"))
            let id = try made.integer("id")
            let named = try await server.post(
                base, ["name": "n", "scopes": ["read_registry"], "username": "robot"], as: .alice)
            #expect(named["username"]?.stringValue == "robot")
            #expect(named["expires_at"]?.text == "null")
            let list = try await server.get(base, as: .alice)
            #expect(list.list("name") == ["n", "deploy"])
            #expect(!list.text.contains("phdt-"))
            #expect(try await server.get("\(base)/\(id)", as: .alice)["name"] != nil)
            let elsewhere = try await server.get(
                "projects/\(other)/deploy_tokens/\(id)", as: .alice)
            #expect(elsewhere.text == #"{"message":"404 Deploy Token Not Found"}"#)
            #expect(
                try await server.delete("projects/\(other)/deploy_tokens/\(id)", as: .alice).status
                    == 404)
            let token = ManagementServer.Caller.header(
                HTTPField.Name(known: "Deploy-Token"), secret)
            #expect(try await server.get("projects/\(project)", as: token).status == 200)
            #expect(try await server.get("projects/\(other)", as: token).status == 404)
            #expect(try await server.get(base, as: token).status == 403)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 204)
            #expect(try await server.get("projects/\(project)", as: token).status == 401)
            #expect(
                try await server.get("\(base)?active=true", as: .alice).list("name") == ["n"])
        }
    }

    @Test func deployTokensAreForMaintainers() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/deploy_tokens"
            let body: JSONValue = ["name": "d", "scopes": ["read_registry"]]
            #expect(try await server.post(base, body, as: .bob).status == 404)
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            #expect(try await server.post(base, body, as: .bob).status == 403)
            #expect(try await server.get(base, as: .bob).status == 403)
            #expect(try await server.post(base, body, as: .nobody).status == 401)
            #expect(try await server.post(base, body, as: .alice).status == 201)
            #expect(try await server.get("deploy_tokens", as: .alice).status == 403)
            #expect(try await server.get("deploy_tokens").list("name") == ["d"])
            let wrong = try await server.post(base, ["name": "d", "scopes": ["api"]], as: .alice)
            #expect(wrong.text == #"{"error":"scopes does not have a valid value"}"#)
        }
    }

    // MARK: Job tokens

    @Test func aJobTokenIsCreatedUsedListedAndRevoked() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/job_tokens"
            let made = try await server.post(
                base,
                [
                    "job_id": 42, "pipeline_id": 7, "ref": "main", "sha": "abc",
                    "lifetime_seconds": 60,
                ], as: .alice)
            #expect(made.status == 201)
            #expect(made["user_id"]?.text == String(try server.id("alice")))
            #expect(made["project_id"]?.text == String(project))
            let secret = try made.string("token")
            #expect(secret.hasPrefix("phjob-"))
            let job = ManagementServer.Caller.header(HTTPField.Name(known: "JOB-TOKEN"), secret)
            #expect(try await server.get("projects/\(project)", as: job).status == 200)
            #expect(try await server.get(base, as: job).status == 403)
            #expect(try await server.get(base, as: .alice).list("job_id") == ["42"])
            server.clock.advance(bySeconds: 61)
            #expect(try await server.get("projects/\(project)", as: job).status == 401)
            #expect(try await server.get("\(base)?active=true", as: .alice).list("job_id") == [])
            let id = try made.integer("id")
            let other = try await server.makeProject("other")
            #expect(
                try await server.delete("projects/\(other)/job_tokens/\(id)", as: .alice).status
                    == 404)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 204)
        }
    }

    @Test func aJobActsOnlyForWhomItMay() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/job_tokens"
            let bob = JSONValue.integer(try server.id("bob"))
            let body: JSONValue = ["job_id": 1, "user_id": bob]
            #expect(try await server.post(base, body, as: .alice).status == 403)
            let stranger = try await server.post(base, body)
            #expect(stranger.status == 400)
            #expect(
                stranger.text
                    == #"{"message":{"user_id":["is not at least a developer of the project"]}}"#)
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            #expect(try await server.post(base, body, as: .alice).status == 403)
            #expect(try await server.post(base, body).status == 201)
            #expect(try await server.post(base, ["job_id": 1], as: .bob).status == 403)
            _ = try await server.post("users/\(bob.text)/block")
            #expect(try await server.post(base, body).status == 400)
            for wrong: JSONValue in [
                .object([]), ["job_id": 1, "lifetime_seconds": 604_801],
                ["job_id": 1, "lifetime_seconds": 0],
            ] {
                #expect(try await server.post(base, wrong, as: .alice).status == 400)
            }
        }
    }
}
