import FormatKit
import HTTPTypes
import Registry
import Testing

@testable import GatewayServer

@Suite struct PackageCallTests {
    @Test func packagesAreListedWithFilters() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            _ = try await server.publish("tool", "2.0", in: project)
            server.clock.advance(bySeconds: 1)
            _ = try await server.publish("app", "1.0", in: project, format: "npm")
            server.clock.advance(bySeconds: 1)
            _ = try await server.publish("tool", "1.0", in: project, status: .deprecated)
            _ = try await server.publish("secret", "1.0", in: project, status: .hidden)
            let base = "projects/\(project)/packages"
            let cases: [(String, [String])] = [
                ("", ["tool 2.0", "app 1.0", "tool 1.0"]),
                ("?sort=desc", ["tool 1.0", "app 1.0", "tool 2.0"]),
                ("?order_by=name&package_version=1.0", ["app 1.0", "tool 1.0"]),
                ("?order_by=version&package_name=OO", ["tool 1.0", "tool 2.0"]),
                ("?package_type=npm", ["app 1.0"]), ("?package_type=conan", []),
                ("?order_by=type&sort=asc", ["tool 2.0", "tool 1.0", "app 1.0"]),
                ("?status=hidden", ["secret 1.0"]), ("?status=deprecated", ["tool 1.0"]),
                ("?status=processing", []), ("?status=deleted", []),
                ("?page=2&per_page=2", ["tool 1.0"]),
            ]
            for (query, expected) in cases {
                let answer = try await server.get(base + query, as: .alice)
                #expect(answer.status == 200)
                let names = zip(answer.list("name"), answer.list("version")).map { "\($0) \($1)" }
                #expect(names.sorted() == expected.sorted(), "\(query)")
                if !query.contains("type") { #expect(names == expected, "\(query)") }
            }
            for wrong in ["order_by=project_path", "sort=up", "package_type=x", "status=x"] {
                #expect(try await server.get("\(base)?\(wrong)", as: .alice).status == 400)
            }
            #expect(try await server.get(base, as: .bob).status == 404)
            #expect(try await server.get(base, as: .nobody).status == 404)
        }
    }

    @Test func aPackageIsShownWithWhatIsKnownOfIt() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web", visibility: .public)
            let id = try await server.publish(
                "tool", "1.0", in: project,
                build: BuildRecord(pipelineID: 9, ref: "main", sha: "abc"))
            let address = "projects/\(project)/packages/\(id)"
            let shown = try await server.get(address, as: .alice)
            #expect(shown["package_type"]?.stringValue == "generic")
            #expect(shown["status"]?.stringValue == "default")
            #expect(shown["project_path"]?.stringValue == "alice/web")
            #expect(shown["tags"]?.text == "[]")
            #expect(shown["pipelines"]?.text.contains(#""id":9"#) == true)
            #expect(
                shown["_links"]?["delete_api_path"]?.stringValue
                    == "https://packages.test/api/v4/\(address)")
            let anonymous = try await server.get(address, as: .nobody)
            #expect(anonymous.status == 200)
            #expect(anonymous["_links"]?["delete_api_path"] == nil)
            let other = try await server.makeProject("other")
            let wrong = try await server.get("projects/\(other)/packages/\(id)", as: .alice)
            #expect(wrong.text == #"{"message":"404 Package Not Found"}"#)
            let text = try await server.get("projects/\(project)/packages/x", as: .alice)
            #expect(text.text == #"{"error":"package_id is invalid"}"#)
        }
    }

    @Test func aGroupListsWhatTheCallerMayRead() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme", visibility: .public)
            let sub = try await server.makeGroup("sub", parent: group, visibility: .public)
            let open = try await server.makeProject("open", in: sub, visibility: .public)
            let hidden = try await server.makeProject("hidden", in: group)
            _ = try await server.publish("tool", "1.0", in: open)
            _ = try await server.publish("tool", "2.0", in: hidden)
            let base = "groups/acme/packages"
            let all = try await server.get("\(base)?order_by=project_path", as: .alice)
            #expect(all.list("project_path") == ["acme/hidden", "acme/sub/open"])
            #expect(try await server.get(base, as: .bob).list("version") == ["1.0"])
            #expect(try await server.get(base, as: .nobody).list("version") == ["1.0"])
            #expect(try await server.get("\(base)?exclude_subgroups=true").status == 400)
            #expect(try await server.get("\(base)?status=deleted").status == 400)
        }
    }

    @Test func aPackageGoesToTheTrashAndComesBack() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            let id = try await server.publish("tool", "1.0", in: project, files: ["a", "b"])
            let base = "projects/\(project)/packages"
            #expect(try await server.delete("\(base)/\(id)", as: .bob).status == 403)
            #expect(try await server.post("\(base)/\(id)/restore", as: .alice).status == 404)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 204)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 404)
            #expect(try await server.get("\(base)/\(id)", as: .alice).status == 404)
            #expect(try await server.get(base, as: .alice).list("name") == [])
            let trash = try await server.get("\(base)?status=deleted", as: .alice)
            #expect(trash.list("status") == ["deleted"])
            #expect(trash.list("deleted_at").count == 1)
            #expect(try await server.get("\(base)?status=deleted", as: .bob).status == 403)
            let files = "\(base)/\(id)/package_files"
            #expect(try await server.get(files, as: .alice).status == 404)
            #expect(
                try await server.get("\(files)?status=deleted", as: .alice).list("file_name")
                    == ["a", "b"])
            #expect(try await server.post("\(base)/\(id)/restore", as: .bob).status == 403)
            let restored = try await server.post("\(base)/\(id)/restore", as: .alice)
            #expect(restored.status == 200)
            #expect(restored["status"]?.stringValue == "default")
            #expect(try await server.get(files, as: .bob).list("file_name") == ["a", "b"])
        }
    }

    @Test func aNameThatIsTakenCannotComeBack() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/packages"
            let id = try await server.publish("tool", "1.0", in: project)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 204)
            _ = try await server.publish("tool", "1.0", in: project, files: ["b"])
            let answer = try await server.post("\(base)/\(id)/restore", as: .alice)
            #expect(answer.status == 409)
        }
    }

    @Test func aFileGoesToTheTrashAndComesBack() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/packages"
            let id = try await server.publish("tool", "1.0", in: project, files: ["a", "b"])
            let other = try await server.publish("tool", "2.0", in: project)
            let files = try await server.get("\(base)/\(id)/package_files", as: .alice)
            #expect(files.list("file_name") == ["a", "b"])
            #expect(files.list("package_id") == [String(id), String(id)])
            #expect(files.list("file_sha256").allSatisfy { $0.count == 64 })
            let file = try #require(files.list("id").first)
            let address = "\(base)/\(id)/package_files/\(file)"
            // Each number has to belong to what stands in front of it.
            let wrong = try await server.delete(
                "\(base)/\(other)/package_files/\(file)", as: .alice)
            #expect(wrong.text == #"{"message":"404 Package File Not Found"}"#)
            #expect(try await server.post("\(address)/restore", as: .alice).status == 404)
            #expect(try await server.delete(address, as: .nobody).status == 401)
            #expect(try await server.delete(address, as: .alice).status == 204)
            #expect(try await server.delete(address, as: .alice).status == 404)
            let left = "\(base)/\(id)/package_files"
            #expect(try await server.get(left, as: .alice).list("file_name") == ["b"])
            #expect(
                try await server.get("\(left)?status=deleted", as: .alice).list("file_name")
                    == ["a"])
            let restored = try await server.post("\(address)/restore", as: .alice)
            #expect(restored.status == 200)
            #expect(restored["file_name"]?.stringValue == "a")
            #expect(try await server.get(left, as: .alice).list("file_name") == ["a", "b"])
        }
    }
}
