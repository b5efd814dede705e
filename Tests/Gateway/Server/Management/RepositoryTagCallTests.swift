import FormatKit
import HTTPTypes
import Registry
import Testing

@testable import GatewayServer

@Suite struct RepositoryTagCallTests {
    @Test func tagsAreListedInOrderAndInPages() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let id = try await server.pushTags(["b", "latest", "A", "a/x", "1.0"], in: project)
            let base = "projects/\(project)/registry/repositories/\(id)/tags"
            let cases: [(String, [String])] = [
                ("", ["1.0", "A", "a/x", "b", "latest"]),
                ("?sort=desc", ["latest", "b", "a/x", "A", "1.0"]),
                ("?order_by=updated_at", ["b", "latest", "A", "a/x", "1.0"]),
                ("?order_by=updated_at&sort=desc&per_page=2", ["1.0", "a/x"]),
                ("?per_page=2&page=2", ["a/x", "b"]), ("?name=a", ["a/x", "latest"]),
                ("?pagination=keyset&last=A", ["a/x", "b", "latest"]),
                ("?pagination=keyset&last=b&sort=desc", ["a/x", "A", "1.0"]),
                ("?pagination=keyset&last=latest", []),
            ]
            for (query, expected) in cases {
                let answer = try await server.get(base + query, as: .alice)
                #expect(answer.list("name") == expected, "\(query)")
            }
            let first = try await server.get("\(base)?per_page=1", as: .alice)
            #expect(first.list("path") == ["alice/web/api:1.0"])
            #expect(first.list("location") == ["packages.test/alice/web/api:1.0"])
            #expect(
                first.list("digest") == [ManagementServer.Image.digest(of: "manifest of 1.0")])
            #expect(first.headers[.xTotalPages] == "5")
            for wrong in ["order_by=size", "pagination=keyset&order_by=updated_at"] {
                #expect(try await server.get("\(base)?\(wrong)", as: .alice).status == 400)
            }
            #expect(try await server.get(base, as: .bob).status == 404)
        }
    }

    @Test func pagesByNameLeadFromOneToTheNext() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let tags = (1...7).map { "t\($0)" }
            let id = try await server.pushTags(tags, in: project)
            var found: [String] = []
            var next: String? =
                "projects/\(project)/registry/repositories/\(id)/tags?pagination=keyset"
                + "&per_page=3&page=9"
            var pageCount = 0
            while let address = next {
                let answer = try await server.get(address, as: .alice)
                found += answer.list("name")
                pageCount += 1
                next = answer.headers[.link].map { link in
                    #expect(link.hasPrefix("<https://packages.test/api/v4/"))
                    #expect(link.hasSuffix(">; rel=\"next\""))
                    return String(
                        link.dropFirst("<https://packages.test/api/v4/".count)
                            .prefix { $0 != ">" })
                }
            }
            #expect(found == tags)
            #expect(pageCount == 3)
        }
    }

    @Test func aTagTellsOfItsImage() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let config = "the configuration"
            let (id, _) = try await server.push(
                .init(
                    manifest: "12345", tags: ["1.0"], layers: ["a", "bc"], config: config,
                    platform: "linux/arm64/v8"),
                in: project)
            let base = "projects/\(project)/registry/repositories/\(id)/tags"
            let tag = try await server.get("\(base)/1.0", as: .alice)
            #expect(try tag.string("name") == "1.0")
            #expect(try tag.string("location") == "packages.test/alice/web/api:1.0")
            #expect(try tag.string("digest") == ManagementServer.Image.digest(of: "12345"))
            let revision = try tag.string("revision")
            #expect("sha256:\(revision)" == ManagementServer.Image.digest(of: config))
            #expect(try tag.string("short_revision") == revision.prefix(9))
            #expect(try tag.integer("total_size") == Int64(5 + 3 + config.utf8.count))
            #expect(try tag.string("created_at") == server.clock.now().iso8601)
            #expect(
                tag["platforms"]?.text
                    == #"[{"architecture":"arm64","os":"linux","variant":"v8"}]"#)
            #expect(tag["images"] == nil)
            let missing = try await server.get("\(base)/2.0", as: .alice)
            #expect(missing.text == #"{"message":"404 Tag Not Found"}"#)
            #expect(try await server.get("\(base)/1.0", as: .bob).status == 404)
        }
    }

    @Test func aTagOfAnIndexTellsOfItsImages() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            try await server.push(.init(manifest: "12", layers: ["shared", "own"]), in: project)
            try await server.push(.init(manifest: "123", layers: ["shared"]), in: project)
            let (id, _) = try await server.push(
                .init(
                    manifest: "index", tags: ["1"],
                    images: [
                        ("linux/amd64", "12"), ("linux/arm/v7", "123"), ("linux/s390x", "none"),
                    ]), in: project)
            let tag = try await server.get(
                "projects/\(project)/registry/repositories/\(id)/tags/1", as: .alice)
            #expect(tag["revision"]?.text == "null")
            #expect(tag["short_revision"]?.text == "null")
            // Manifests of 5, 2 and 3 bytes, layers of 6 (once) and 3.
            #expect(try tag.integer("total_size") == 19)
            guard case .array(let images)? = tag["images"] else {
                return #expect(Bool(false), "\(tag.text)")
            }
            #expect(images.map { $0["total_size"]?.text } == ["11", "9", "null"])
            #expect(images[0]["digest"]?.stringValue == ManagementServer.Image.digest(of: "12"))
            #expect(
                images[1]["platform"]?.text
                    == #"{"architecture":"arm","os":"linux","variant":"v7"}"#)
            guard case .array(let platforms)? = tag["platforms"] else { return }
            #expect(platforms.count == 3)
        }
    }

    @Test func aTagIsDeletedUnlessARuleKeepsIt() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let id = try await server.pushTags(["dev", "v1", "v2", "pin"], in: project)
            let base = "projects/\(project)/registry/repositories/\(id)/tags"
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            #expect(try await server.delete("\(base)/dev", as: .bob).status == 403)
            try await server.addTagRule("v[0-9]+", delete: .owner, in: project)
            try await server.addTagRule("pin", immutable: true, in: project)
            let deleted = try await server.delete("\(base)/dev", as: .alice)
            #expect(deleted.status == 200)
            #expect(try await server.delete("\(base)/dev", as: .alice).status == 404)
            _ = try await server.put(
                "projects/\(project)/members/\(try server.id("bob"))", ["access_level": 40])
            let refused = try await server.delete("\(base)/v1", as: .bob)
            #expect(refused.status == 403)
            #expect(refused.text.contains("protected by the rule 'v[0-9]+'"))
            #expect(refused.text.contains("the role 'owner'"))
            // The owner and an administrator may; nobody deletes what is immutable.
            #expect(try await server.delete("\(base)/v1", as: .alice).status == 200)
            #expect(try await server.delete("\(base)/v2", as: .root).status == 200)
            let immutable = try await server.delete("\(base)/pin", as: .root)
            #expect(immutable.status == 409)
            #expect(immutable.text.contains("immutable by the rule 'pin'"))
            #expect(try await server.get(base, as: .alice).list("name") == ["pin"])
            let actions = try await server.listAuditActions().filter { $0.hasPrefix("tag.") }
            #expect(actions == ["tag.delete", "tag.delete", "tag.delete"])
        }
    }
}
