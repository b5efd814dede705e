import FormatKit
import HTTPTypes
import MetadataStorage
import Registry
import Testing

@testable import GatewayServer

@Suite struct RepositoryCallTests {
    @Test func repositoriesAreListedWithWhatIsAskedFor() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/registry/repositories"
            #expect(try await server.get(base, as: .alice).text == "[]")
            let (root, _) = try await server.push(
                .init(repository: "", manifest: "12345", tags: ["b", "a"], layers: ["layer"]),
                in: project)
            // The same layer in another image of the repository counts once.
            try await server.push(
                .init(repository: "", manifest: "1234567", tags: ["c"], layers: ["layer"]),
                in: project)
            try await server.push(.init(manifest: "x", tags: ["d"]), in: project)
            _ = try await server.publish("tool", "1.0", in: project)
            let listed = try await server.get(base, as: .alice)
            #expect(listed.list("name") == ["", "api"])
            #expect(listed.list("path") == ["alice/web", "alice/web/api"])
            #expect(
                listed.list("location") == [
                    "packages.test/alice/web", "packages.test/alice/web/api",
                ])
            #expect(
                listed.list("delete_api_path")[0] == "https://packages.test/api/v4/\(base)/\(root)")
            #expect(listed.headers[.xTotal] == "2")
            for field in ["tags", "tags_count", "size"] { #expect(listed.list(field) == []) }
            let full = try await server.get(
                "\(base)?tags=true&tags_count=true&size=true&per_page=1", as: .alice)
            #expect(full.list("tags_count") == ["3"])
            #expect(full.list("size") == ["17"])
            guard case .array(let rows) = full.json, case .array(let tags)? = rows[0]["tags"]
            else { return #expect(Bool(false), "\(full.text)") }
            #expect(tags.map { $0["name"]?.stringValue } == ["a", "b", "c"])
            #expect(tags[0]["path"]?.stringValue == "alice/web:a")
            #expect(tags[0]["location"]?.stringValue == "packages.test/alice/web:a")
            #expect(full.headers[.xNextPage] == "2")
            #expect(try await server.get(base, as: .bob).status == 404)
        }
    }

    @Test func aGroupListsWhatTheCallerMayRead() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme", visibility: .public)
            let sub = try await server.makeGroup("sub", parent: group, visibility: .public)
            let open = try await server.makeProject("open", in: sub, visibility: .public)
            let hidden = try await server.makeProject("hidden", in: group)
            _ = try await server.pushTags(["a"], repository: "", in: open)
            _ = try await server.pushTags(["a"], in: hidden)
            let base = "groups/acme/registry/repositories"
            let all = ["acme/sub/open", "acme/hidden/api"]
            #expect(try await server.get(base, as: .alice).list("path") == all)
            #expect(try await server.get("\(base)?tags_count=1").list("tags_count") == ["1", "1"])
            for caller in [ManagementServer.Caller.bob, .nobody] {
                let answer = try await server.get(base, as: caller)
                #expect(answer.list("path") == ["acme/sub/open"])
                #expect(answer.list("delete_api_path") == [])
            }
        }
    }

    @Test func aRepositoryIsShownByItsNumberToThoseWhoMayRead() async throws {
        try await ManagementServer.run { server in
            let open = try await server.makeProject("open", visibility: .public)
            let hidden = try await server.makeProject("hidden")
            let shown = try await server.pushTags(["1", "2"], in: open)
            let secret = try await server.pushTags(["1"], in: hidden)
            let package = try await server.publish("tool", "1.0", in: open)
            #expect(package > 0)
            let answer = try await server.get(
                "registry/repositories/\(shown)?tags=true&tags_count=true&size=true", as: .nobody)
            #expect(try answer.integer("tags_count") == 2)
            #expect(try answer.integer("size") == 26)
            #expect(answer["delete_api_path"] == nil)
            #expect(answer["status"]?.text == "null")
            let own = try await server.get("registry/repositories/\(secret)", as: .alice)
            #expect(try own.string("path") == "alice/hidden/api")
            #expect(own["delete_api_path"] != nil)
            // What one may not know of, what is no repository, and what is not there look the same.
            for id in [secret, secret + 1, 4711] {
                for caller in [ManagementServer.Caller.nobody, .bob] {
                    let answer = try await server.get("registry/repositories/\(id)", as: caller)
                    #expect(answer.status == 404)
                    #expect(answer.text == #"{"message":"404 Repository Not Found"}"#)
                }
            }
        }
    }

    @Test func aRepositoryGoesToTheTrashAsAWhole() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let other = try await server.makeProject("other")
            let id = try await server.pushTags(["1", "2"], in: project)
            let base = "projects/\(project)/registry/repositories"
            #expect(try await server.delete("\(base)/\(id)", as: .nobody).status == 401)
            #expect(try await server.delete("\(base)/\(id)", as: .bob).status == 404)
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            #expect(try await server.delete("\(base)/\(id)", as: .bob).status == 403)
            let elsewhere = "projects/\(other)/registry/repositories/\(id)"
            #expect(try await server.delete(elsewhere, as: .alice).status == 404)
            let answer = try await server.delete("\(base)/\(id)", as: .alice)
            #expect(answer.status == 202)
            #expect(try await server.get(base, as: .alice).text == "[]")
            #expect(try await server.get("registry/repositories/\(id)", as: .alice).status == 404)
            #expect(try await server.delete("\(base)/\(id)", as: .alice).status == 404)
            #expect(try await server.get("\(base)/\(id)/tags", as: .alice).status == 404)
            // It comes back image by image.
            let packages = "projects/\(project)/packages"
            let trash = try await server.get(
                "\(packages)?package_type=oci&status=deleted", as: .alice)
            let versions = trash.list("id")
            #expect(versions.count == 2)
            for version in versions {
                let restored = try await server.post("\(packages)/\(version)/restore", as: .alice)
                #expect(restored.status == 200)
            }
            #expect(
                try await server.get("\(base)/\(id)/tags", as: .alice).list("name") == ["1", "2"])
            #expect(try await server.listAuditActions().count { $0 == "repository.delete" } == 1)
        }
    }

    @Test func aRepositoryStaysWithATagThatARuleKeeps() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            try await server.addMember("bob", .maintainer, to: "projects/\(project)")
            let id = try await server.pushTags(["dev", "release-1", "z"], in: project)
            let address = "projects/\(project)/registry/repositories/\(id)"
            try await server.addTagRule("release-.*", delete: .owner, in: project)
            let refused = try await server.delete(address, as: .bob)
            #expect(refused.status == 403)
            #expect(
                try refused.string("message")
                    == "403 Forbidden - the tag 'release-1' is protected by the rule "
                    + "'release-.*': you need at least the role 'owner' to delete it")
            try await server.addTagRule("dev", immutable: true, in: project)
            let conflict = try await server.delete(address, as: .alice)
            #expect(conflict.status == 409)
            #expect(try conflict.string("message").contains("immutable by the rule 'dev'"))
            #expect(
                try await server.get("\(address)/tags", as: .alice).list("name")
                    == ["dev", "release-1", "z"])
        }
    }

    @Test func imagesArePackagesOnlyWhereThatIsAsked() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            try await server.addMember("bob", .maintainer, to: "projects/\(project)")
            _ = try await server.publish("tool", "1.0", in: project)
            let (_, child) = try await server.push(.init(manifest: "child"), in: project)
            let (_, index) = try await server.push(
                .init(
                    manifest: "index", tags: ["v1", "v2"], images: [("linux/amd64", "child")]),
                in: project)
            let base = "projects/\(project)/packages"
            #expect(try await server.get(base, as: .alice).list("package_type") == ["generic"])
            #expect(
                try await server.get("\(base)?package_type=oci", as: .alice).list("id")
                    == [String(child), String(index)])
            // Nothing goes around the rules.
            try await server.addTagRule("v2", delete: .owner, in: project)
            let protected = try await server.delete("\(base)/\(index)", as: .bob)
            #expect(protected.status == 403)
            #expect(protected.text.contains("protected by the rule 'v2'"))
            let part = try await server.delete("\(base)/\(child)", as: .alice)
            #expect(part.status == 409)
            #expect(part.text.contains("is part of"))
            let files = try await server.get("\(base)/\(child)/package_files", as: .alice)
            let file = try #require(files.list("id").first)
            let single = try await server.delete(
                "\(base)/\(child)/package_files/\(file)", as: .alice)
            #expect(single.status == 409)
            #expect(try await server.delete("\(base)/\(index)", as: .alice).status == 204)
            #expect(try await server.delete("\(base)/\(child)", as: .bob).status == 204)
        }
    }

    @Test func anIndexMayComeBeforeItsImagesWhereTheProjectSaysSo() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            let address = "projects/\(project)"
            func setting() async throws -> String? {
                try await server.get(address, as: .alice)["missing_children_allowed"]?.text
            }
            #expect(try await setting() == "false")
            _ = try await server.put(
                "groups/\(group)", ["missing_children_allowed": true], as: .alice)
            #expect(try await setting() == "true")
            _ = try await server.put(address, ["missing_children_allowed": false], as: .alice)
            #expect(try await setting() == "false")
            let stored = try await server.store.read { try $0.findNamespace(.id(project, nil)) }
            #expect(stored?.effectiveSettings.allowsMissingChildren == false)
        }
    }
}
