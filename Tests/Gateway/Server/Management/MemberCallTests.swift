import FormatKit
import Registry
import Testing

@testable import GatewayServer

@Suite struct MemberCallTests {
    @Test(arguments: ["groups", "projects"])
    func aMemberIsAddedShownChangedAndRemoved(_ prefix: String) async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let id =
                prefix == "groups" ? group : try await server.makeProject("web", in: group)
            let base = "\(prefix)/\(id)/members"
            let bob = try server.id("bob")
            let made = try await server.post(
                base,
                ["user_id": .integer(bob), "access_level": 20, "expires_at": "2099-12-31"],
                as: .alice)
            #expect(made.status == 201)
            #expect(made["username"]?.stringValue == "bob")
            #expect(made["access_level"]?.text == "20")
            #expect(made["expires_at"]?.stringValue == "2099-12-31")
            let again = try await server.post(
                base, ["username": "BOB", "access_level": "30"], as: .alice)
            #expect(again.status == 409)
            #expect(again.text == #"{"message":"Member already exists"}"#)
            #expect(try await server.get("\(base)/\(bob)", as: .bob).json.text == made.json.text)
            let changed = try await server.put(
                "\(base)/\(bob)", ["access_level": 30], as: .alice)
            #expect(changed["access_level"]?.text == "30")
            #expect(changed["expires_at"]?.stringValue == "2099-12-31")
            #expect(try await server.delete("\(base)/\(bob)", as: .bob).status == 403)
            #expect(try await server.delete("\(base)/\(bob)", as: .alice).status == 204)
            for answer in [
                try await server.get("\(base)/\(bob)", as: .alice),
                try await server.delete("\(base)/\(bob)", as: .alice),
                try await server.put("\(base)/\(bob)", ["access_level": 30], as: .alice),
            ] {
                #expect(answer.text == #"{"message":"404 Member Not Found"}"#)
            }
            #expect(try await server.get(base, as: .bob).status == 404)
        }
    }

    @Test func inheritedMembersCountOnceWithTheHighestRole() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            try await server.addMember("bob", .reporter, to: "groups/\(group)")
            try await server.addMember("bob", .maintainer, to: "projects/\(project)")
            let base = "projects/\(project)/members"
            #expect(try await server.get(base, as: .alice).list("username") == ["bob"])
            let all = try await server.get("\(base)/all", as: .alice)
            #expect(all.list("username") == ["alice", "bob"])
            #expect(all.list("access_level") == ["50", "40"])
            let alice = try server.id("alice")
            #expect(try await server.get("\(base)/\(alice)", as: .alice).status == 404)
            let inherited = try await server.get("\(base)/all/\(alice)", as: .alice)
            #expect(inherited["access_level"]?.text == "50")
            let bob = try await server.get("\(base)/all/\(try server.id("bob"))", as: .alice)
            #expect(bob["access_level"]?.text == "40")
            #expect(try await server.get("\(base)/all/999999", as: .alice).status == 404)
        }
    }

    @Test func aGroupKeepsAnOwner() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let base = "groups/\(group)/members"
            let (alice, bob) = (try server.id("alice"), try server.id("bob"))
            for answer in [
                try await server.delete("\(base)/\(alice)", as: .alice),
                try await server.put("\(base)/\(alice)", ["access_level": 40], as: .alice),
                try await server.delete("\(base)/\(alice)", as: .root),
            ] {
                #expect(answer.status == 403)
                #expect(answer.text.contains("last owner"), "\(answer.text)")
            }
            try await server.addMember("bob", .owner, to: "groups/\(group)")
            let demoted = try await server.put(
                "\(base)/\(alice)", ["access_level": 40], as: .alice)
            #expect(demoted.status == 200)
            #expect(try await server.delete("\(base)/\(bob)", as: .bob).status == 403)
        }
    }

    @Test func nobodyManagesARoleAboveHisOwn() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let base = "groups/\(group)/members"
            try await server.addMember("bob", .maintainer, to: "groups/\(group)")
            let root = try server.id("root")
            let alice = try server.id("alice")
            let bob = try server.id("bob")
            let cases = [
                try await server.post(
                    base, ["user_id": .integer(root), "access_level": 50], as: .bob),
                try await server.put("\(base)/\(bob)", ["access_level": 50], as: .bob),
                try await server.put("\(base)/\(alice)", ["access_level": 10], as: .bob),
                try await server.delete("\(base)/\(alice)", as: .bob),
            ]
            for answer in cases {
                #expect(answer.status == 403)
                #expect(
                    answer.text
                        == #"{"message":"403 Forbidden - only somebody with the role 'owner' may manage that role"}"#
                )
            }
            let equal = try await server.post(
                base, ["user_id": .integer(root), "access_level": 40], as: .bob)
            #expect(equal.status == 201)
        }
    }

    @Test func aMemberThatBreaksARuleIsRefused() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let sub = try await server.makeGroup("sub", parent: group)
            try await server.addMember("bob", .developer, to: "groups/\(group)")
            let bob = JSONValue.integer(try server.id("bob"))
            let cases: [(JSONValue, Int, String)] = [
                (["user_id": bob], 400, #"{"error":"access_level is missing"}"#),
                (
                    ["user_id": bob, "access_level": 45], 400,
                    #"{"error":"access_level does not have a valid value"}"#
                ),
                (
                    ["access_level": 30], 400,
                    #"{"error":"user_id, username are missing, exactly one parameter must be provided"}"#
                ),
                (
                    ["username": "nobody", "access_level": 30], 404,
                    #"{"message":"404 User Not Found"}"#
                ),
                (
                    ["user_id": bob, "access_level": 20], 400,
                    #"{"message":{"access_level":["should be greater than or equal to the inherited role 'developer'"]}}"#
                ),
                (
                    ["user_id": bob, "access_level": 40, "expires_at": "2001-01-01"], 400,
                    #"{"message":{"expires_at":["can't be in the past"]}}"#
                ),
            ]
            for (body, status, text) in cases {
                let answer = try await server.post("groups/\(sub)/members", body, as: .alice)
                #expect(answer.status == status, "\(body.text)")
                #expect(answer.text == text)
            }
        }
    }
}
