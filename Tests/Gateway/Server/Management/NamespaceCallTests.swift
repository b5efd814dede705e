import FormatKit
import HTTPTypes
import Registry
import Testing

@testable import GatewayServer

@Suite struct NamespaceCallTests {
    // MARK: Groups

    @Test func aGroupIsCreatedShownChangedAndRemoved() async throws {
        try await ManagementServer.run { server in
            let made = try await server.post(
                "groups",
                [
                    "name": "Acme Inc", "path": "acme", "visibility": "public",
                    "description": "all of it",
                    "package_settings": ["generic": ["duplicates_allowed": true]],
                ], as: .alice)
            #expect(made.status == 201)
            #expect(made["full_path"]?.stringValue == "acme")
            #expect(made["web_url"]?.stringValue == "https://packages.test/groups/acme")
            #expect(made["visibility"]?.stringValue == "public")
            #expect(
                made["package_settings"]?.text
                    == #"{"generic":{"duplicates_allowed":true}}"#
            )
            #expect(made["deleted_names_reserved"]?.text == "true")
            let id = try made.integer("id")
            for address in ["groups/\(id)", "groups/acme", "groups/ACME"] {
                #expect(try await server.get(address, as: .nobody).json.text == made.json.text)
            }
            let changed = try await server.put(
                "groups/\(id)",
                [
                    "name": "Acme", "description": "", "deleted_names_reserved": false,
                    "package_settings": ["generic": ["duplicates_allowed": null]],
                ], as: .alice)
            #expect(changed.status == 200)
            #expect(changed["name"]?.stringValue == "Acme")
            #expect(changed["description"]?.stringValue == "")
            #expect(changed["deleted_names_reserved"]?.text == "false")
            #expect(
                changed["package_settings"]?["generic"]?.text == #"{"duplicates_allowed":false}"#)
            let removed = try await server.delete("groups/\(id)", as: .alice)
            #expect(removed.status == 202)
            #expect(removed.text == #"{"message":"202 Accepted"}"#)
            #expect(try await server.get("groups/\(id)", as: .alice).status == 404)
        }
    }

    @Test func aGroupThatBreaksARuleIsRefused() async throws {
        try await ManagementServer.run { server in
            let acme = try await server.makeGroup("acme", visibility: .internal)
            let cases: [(JSONValue, Int, String)] = [
                (["path": "x"], 400, #"{"error":"name is missing"}"#),
                (.object([]), 400, #"{"error":"name is missing, path is missing"}"#),
                (
                    ["name": "A", "path": "Acme"], 400,
                    #"{"message":{"path":["has already been taken"]}}"#
                ),
                (
                    ["name": "A", "path": "api"], 400,
                    #"{"message":{"path":["the path 'api' is reserved"]}}"#
                ),
                (
                    [
                        "name": "A", "path": "b", "parent_id": .integer(acme),
                        "visibility": "public",
                    ],
                    400,
                    #"{"message":{"visibility_level":["public is not allowed in a internal group."]}}"#
                ),
                (
                    ["name": "A", "path": "b", "package_settings": ["cobol": [:]]], 400,
                    #"{"message":{"package_settings":["has the unknown format 'cobol'"]}}"#
                ),
                (
                    ["name": "A", "path": "b", "parent_id": 999_999], 404,
                    #"{"message":"404 Group Not Found"}"#
                ),
            ]
            for (body, status, text) in cases {
                let answer = try await server.post("groups", body, as: .alice)
                #expect(answer.status == status, "\(body.text)")
                #expect(answer.text == text)
            }
            let bob = try await server.post(
                "groups", ["name": "A", "path": "b", "parent_id": .integer(acme)], as: .bob)
            #expect(bob.status == 403)
            #expect(bob.text.contains("403 Forbidden - you need at least the role 'maintainer'"))
            #expect(try await server.post("groups", .object([]), as: .nobody).status == 401)
        }
    }

    @Test func onlyThoseWithTheRoleChangeAGroup() async throws {
        try await ManagementServer.run { server in
            let hidden = try await server.makeGroup("hidden")
            #expect(try await server.get("groups/\(hidden)", as: .bob).status == 404)
            #expect(try await server.get("groups/\(hidden)", as: .nobody).status == 404)
            try await server.addMember("bob", .developer, to: "groups/\(hidden)")
            #expect(try await server.get("groups/\(hidden)", as: .bob).status == 200)
            #expect(try await server.put("groups/\(hidden)", ["name": "x"], as: .bob).status == 403)
            #expect(try await server.delete("groups/\(hidden)", as: .bob).status == 403)
            let moved = try await server.put("groups/\(hidden)", ["path": "other"], as: .alice)
            #expect(moved.text == #"{"message":{"path":["cannot be changed"]}}"#)
            let blank = try await server.put("groups/\(hidden)", ["name": ""], as: .alice)
            #expect(blank.text == #"{"message":{"name":["can't be blank"]}}"#)
        }
    }

    @Test func groupsAreListedAsFarAsTheCallerMaySee() async throws {
        try await ManagementServer.run { server in
            let acme = try await server.makeGroup("acme", visibility: .public)
            let web = try await server.makeGroup("web", parent: acme, visibility: .public)
            _ = try await server.makeGroup("deep", parent: web)
            _ = try await server.makeGroup("hidden")
            let all = ["acme", "acme/web", "acme/web/deep", "hidden"]
            let cases: [(String, ManagementServer.Caller, [String])] = [
                ("groups", .alice, all), ("groups", .root, all),
                ("groups", .bob, ["acme", "acme/web"]),
                ("groups", .nobody, ["acme", "acme/web"]),
                ("groups?search=WEB", .alice, ["acme/web", "acme/web/deep"]),
                ("groups?top_level_only=true", .alice, ["acme", "hidden"]),
                ("groups?all_available=false", .bob, []),
                ("groups?all_available=false", .alice, all),
                ("groups/acme/subgroups", .alice, ["acme/web"]),
                ("groups/acme/descendant_groups", .alice, ["acme/web", "acme/web/deep"]),
                ("groups/acme/descendant_groups", .bob, ["acme/web"]),
            ]
            for (address, caller, paths) in cases {
                let answer = try await server.get(address, as: caller)
                #expect(answer.status == 200)
                #expect(answer.list("full_path") == paths, "\(address)")
            }
            let refused = try await server.get("groups?owned=true")
            #expect(refused.status == 400)
            #expect(refused.text == #"{"error":"owned is not supported"}"#)
            #expect(try await server.get("groups?owned=false").status == 200)
        }
    }

    // MARK: Projects

    @Test func aProjectIsCreatedShownChangedAndRemoved() async throws {
        try await ManagementServer.run { server in
            let acme = try await server.makeGroup("acme", visibility: .public)
            let made = try await server.send(
                .post, "projects", as: .alice,
                body: "name=My+Tools&namespace_id=\(acme)&visibility=internal"
                    + "&package_settings[generic][duplicates_allowed]=true",
                type: "application/x-www-form-urlencoded; charset=utf-8")
            #expect(made.status == 201)
            #expect(made["path_with_namespace"]?.stringValue == "acme/my-tools")
            #expect(made["name_with_namespace"]?.stringValue == "Acme / My Tools")
            #expect(made["namespace"]?["full_path"]?.stringValue == "acme")
            #expect(made["namespace"]?["kind"]?.stringValue == "group")
            #expect(made["creator_id"]?.text == String(try server.id("alice")))
            #expect(
                made["package_settings"]?["generic"]?.text == #"{"duplicates_allowed":true}"#)
            let id = try made.integer("id")
            let shown = try await server.get("projects/acme%2Fmy-tools", as: .bob)
            #expect(shown.json.text == made.json.text)
            let changed = try await server.put(
                "projects/\(id)", ["visibility": "public", "path": "my-tools"], as: .alice)
            #expect(changed["visibility"]?.stringValue == "public")
            #expect(try await server.get("projects/\(id)", as: .nobody).status == 200)
            #expect(try await server.delete("projects/\(id)", as: .bob).status == 403)
            #expect(try await server.delete("projects/\(id)", as: .alice).status == 202)
            #expect(try await server.get("projects/\(id)", as: .alice).status == 404)
        }
    }

    @Test func aProjectGoesToTheCallersNamespaceUnlessTold() async throws {
        try await ManagementServer.run { server in
            let made = try await server.post("projects", ["path": "tool"], as: .alice)
            #expect(made["path_with_namespace"]?.stringValue == "alice/tool")
            #expect(made["visibility"]?.stringValue == "private")
            #expect(made["namespace"]?["kind"]?.stringValue == "user")
            let again = try await server.post("projects", ["path": "Tool"], as: .alice)
            #expect(again.status == 400)
            #expect(again.text == #"{"message":{"path":["has already been taken"]}}"#)
            let nameless = try await server.post("projects", .object([]), as: .alice)
            #expect(nameless.status == 400)
            let symbols = try await server.post("projects", ["name": "***"], as: .alice)
            #expect(symbols.status == 400)
            // A project is no place for a project, and a place that cannot be seen is none.
            let inside = try await server.post(
                "projects",
                ["path": "x", "namespace_id": .integer(try made.integer("id"))], as: .alice)
            #expect(inside.status == 404)
            let group = try await server.makeGroup("acme")
            let hidden = try await server.post(
                "projects", ["path": "x", "namespace_id": .integer(group)], as: .bob)
            #expect(hidden.status == 404)
            try await server.addMember("bob", .reporter, to: "groups/\(group)")
            let reporter = try await server.post(
                "projects", ["path": "x", "namespace_id": .integer(group)], as: .bob)
            #expect(reporter.status == 403)
            let open = try await server.post(
                "projects",
                ["path": "x", "namespace_id": .integer(group), "visibility": "public"], as: .alice)
            #expect(open.status == 400)
        }
    }

    @Test func projectsAreListedInPages() async throws {
        try await ManagementServer.run { server in
            let acme = try await server.makeGroup("acme", visibility: .public)
            let sub = try await server.makeGroup("sub", parent: acme, visibility: .public)
            for name in ["a", "b", "c"] {
                _ = try await server.makeProject(name, in: acme, visibility: .public)
            }
            _ = try await server.makeProject("d", in: sub, visibility: .public)
            _ = try await server.makeProject("mine")
            let page = try await server.get(
                "projects?per_page=2&page=2&search=acme/", as: .nobody)
            #expect(page.list("path_with_namespace") == ["acme/c", "acme/sub/d"])
            let expected = [
                "X-Page": "2", "X-Per-Page": "2", "X-Next-Page": "", "X-Prev-Page": "1",
                "X-Total": "4", "X-Total-Pages": "2",
            ]
            for (name, value) in expected {
                #expect(page.headers[HTTPField.Name(name) ?? .from] == value, "\(name)")
            }
            let link = try #require(page.headers[.link])
            #expect(
                link.contains(
                    "<https://packages.test/api/v4/projects?search=acme%2F&page=1&per_page=2>; "
                        + "rel=\"prev\""))
            #expect(!link.contains("rel=\"next\""))
            let cases: [(String, ManagementServer.Caller, [String])] = [
                ("projects?membership=true", .alice, ["a", "b", "c", "d", "mine"]),
                ("projects?membership=true", .bob, []),
                ("groups/acme/projects", .bob, ["a", "b", "c"]),
                ("groups/acme/projects?include_subgroups=true", .bob, ["a", "b", "c", "d"]),
            ]
            for (address, caller, paths) in cases {
                let answer = try await server.get(address, as: caller)
                #expect(answer.list("path") == paths, "\(address)")
            }
            #expect(try await server.get("projects?membership=true", as: .nobody).status == 401)
            for wrong in ["page=0", "page=x", "per_page=0", "page=90000000"] {
                #expect(try await server.get("projects?\(wrong)").status == 400, "\(wrong)")
            }
            #expect(try await server.get("projects?per_page=1000").headers[.xPerPage] == "100")
        }
    }

    // MARK: Namespaces

    @Test func namespacesAreThoseThatHoldProjects() async throws {
        try await ManagementServer.run { server in
            let acme = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: acme)
            #expect(
                try await server.get("namespaces", as: .alice).list("full_path")
                    == ["acme", "alice"])
            #expect(
                try await server.get("namespaces").list("full_path")
                    == ["acme", "alice", "bob", "root"])
            let shown = try await server.get("namespaces/alice", as: .alice)
            #expect(shown["kind"]?.stringValue == "user")
            #expect(try await server.get("namespaces/\(acme)", as: .alice).status == 200)
            #expect(try await server.get("namespaces/\(acme)", as: .bob).status == 404)
            let wrong = try await server.get("namespaces/\(project)", as: .alice)
            #expect(wrong.status == 404)
            #expect(wrong.text == #"{"message":"404 Namespace Not Found"}"#)
        }
    }

    // MARK: Bodies

    @Test func otherBodiesAreRefused() async throws {
        try await ManagementServer.run { server in
            let cases: [(String, String?, Int)] = [
                ("<x/>", "application/xml", 415), ("x", nil, 415),
                ("{", "application/json", 400), ("[1]", "application/json", 400),
                ("name=%zz", "application/x-www-form-urlencoded", 400),
                (String(repeating: "x", count: (1 << 20) + 1), "application/json", 413),
            ]
            for (body, type, status) in cases {
                let answer = try await server.send(.post, "groups", body: body, type: type)
                #expect(answer.status == status)
            }
            let query = try await server.post("groups?name=Q&path=q")
            #expect(query.status == 201)
        }
    }
}

/// Null, where the compiler needs to be told.
private let null = JSONValue.null
