import FormatKit
import HTTPTypes
import Registry
import Testing

@testable import GatewayServer

@Suite struct UserCallTests {
    @Test func everybodySeesUsersAndAdministratorsSeeMore() async throws {
        try await ManagementServer.run { server in
            let basic = try await server.get("users", as: .alice)
            #expect(basic.list("username") == ["root", "alice", "bob"])
            #expect(!basic.text.contains("email"))
            let full = try await server.get("users?search=BOB@")
            #expect(full.list("email") == ["bob@packages.test"])
            #expect(try await server.get("users?username=Alice").list("username") == ["alice"])
            #expect(try await server.get("users?username=ali").list("username") == [])
            let alice = try server.id("alice")
            #expect(try await server.get("users/\(alice)", as: .bob)["email"] == nil)
            #expect(try await server.get("users/\(alice)")["email"] != nil)
            #expect(
                try await server.get("users/999999").text == #"{"message":"404 User Not Found"}"#)
            let own = try await server.get("user", as: .alice)
            #expect(own["email"]?.stringValue == "alice@packages.test")
            #expect(own["is_admin"]?.text == "false")
        }
    }

    @Test func anAdministratorCreatesUsers() async throws {
        try await ManagementServer.run { server in
            let made = try await server.post(
                "users",
                [
                    "email": "carol@packages.test", "name": "Carol", "username": "carol",
                    "password": "correct horse", "admin": true,
                ])
            #expect(made.status == 201)
            #expect(made["is_admin"]?.text == "true")
            #expect(!made.text.contains("horse"))
            let signedIn = try await server.get(
                "user",
                as: .header(
                    .authorization, "Basic \(Base64.encode(Array("carol:correct horse".utf8)))"))
            #expect(signedIn["username"]?.stringValue == "carol")
            let passwordless: JSONValue = [
                "email": "dave@packages.test", "name": "Dave", "username": "dave",
                "force_random_password": true,
            ]
            #expect(try await server.post("users", passwordless, as: .alice).status == 403)
            #expect(try await server.post("users", passwordless).status == 201)
        }
    }

    @Test func aUserThatBreaksARuleIsRefused() async throws {
        try await ManagementServer.run { server in
            func body(
                _ email: String = "x@y.test", _ username: String = "x", _ password: String? = nil
            ) -> JSONValue {
                [
                    "email": .string(email), "name": "X", "username": .string(username),
                    "password": .optional(password), "force_random_password": true,
                ]
            }
            let cases: [(JSONValue, Int, String)] = [
                (body("nobody"), 400, #"{"message":{"email":["is invalid"]}}"#),
                (
                    body("BOB@packages.test"), 409,
                    #"{"message":"Email has already been taken"}"#
                ),
                (
                    body("x@y.test", "Alice"), 409,
                    #"{"message":"Username has already been taken"}"#
                ),
                (
                    body("x@y.test", "x", "1234567"), 400,
                    #"{"message":{"password":["is too short (minimum is 8 characters)"]}}"#
                ),
                (
                    body("x@y.test", "v2"), 400,
                    #"{"message":{"username":["the path 'v2' is reserved"]}}"#
                ),
                (
                    ["email": "x@y.test", "name": "X", "username": "x"], 400,
                    #"{"error":"password, force_random_password are missing, at least one parameter must be provided"}"#
                ),
                (
                    .object([]), 400,
                    #"{"error":"email is missing, name is missing, username is missing"}"#
                ),
            ]
            for (body, status, text) in cases {
                let answer = try await server.post("users", body)
                #expect(answer.status == status)
                #expect(answer.text == text)
            }
            _ = try await server.makeGroup("taken")
            #expect(try await server.post("users", body("x@y.test", "taken")).status == 409)
        }
    }

    @Test func anAdministratorChangesUsers() async throws {
        try await ManagementServer.run { server in
            let alice = try server.id("alice")
            let changed = try await server.put(
                "users/\(alice)",
                ["name": "A", "email": "a@b.test", "admin": true, "username": "alice"])
            #expect(changed.status == 200)
            #expect(changed["name"]?.stringValue == "A")
            #expect(changed["email"]?.stringValue == "a@b.test")
            #expect(changed["is_admin"]?.text == "true")
            let cases: [(Int64, JSONValue, Int)] = [
                (alice, ["username": "other"], 400), (alice, ["email": "bob@packages.test"], 409),
                (alice, ["password": "short"], 400), (alice, ["name": ""], 400),
                (999_999, ["name": "x"], 404), (try server.id("root"), ["admin": false], 403),
            ]
            for (id, body, status) in cases {
                let answer = try await server.put("users/\(id)", body)
                #expect(answer.status == status, "\(body.text)")
            }
            #expect(try await server.put("users/\(alice)", ["name": "x"], as: .bob).status == 403)
        }
    }

    @Test func aBlockedUserCanDoNothing() async throws {
        try await ManagementServer.run { server in
            let bob = try server.id("bob")
            #expect(try await server.get("user", as: .bob).status == 200)
            #expect(try await server.post("users/\(bob)/block", as: .alice).status == 403)
            let blocked = try await server.post("users/\(bob)/block")
            #expect(blocked.status == 201)
            #expect(blocked.text == "true")
            #expect(try await server.get("user", as: .bob).status == 401)
            #expect(try await server.get("users/\(bob)")["state"]?.stringValue == "blocked")
            #expect(try await server.post("users/\(bob)/unblock").status == 201)
            #expect(try await server.get("user", as: .bob).status == 200)
            #expect(try await server.delete("users/\(bob)").status == 204)
            #expect(try await server.get("user", as: .bob).status == 401)
            let own = try await server.post("users/\(try server.id("root"))/block")
            #expect(own.text == #"{"message":"403 Forbidden - you cannot block yourself"}"#)
            #expect(try await server.delete("users/\(try server.id("root"))").status == 403)
            #expect(try await server.post("users/999999/block").status == 404)
        }
    }
}
