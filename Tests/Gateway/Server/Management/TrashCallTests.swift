import FormatKit
import MetadataStorage
import Registry
import Testing

@testable import GatewayServer

@Suite struct TrashCallTests {
    @Test func aTagComesBack() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            try await server.addMember("bob", .developer, to: "projects/\(project)")
            let id = try await server.pushTags(["v1", "v2"], in: project)
            let base = "projects/\(project)/registry/repositories/\(id)/tags"
            #expect(try await server.post("\(base)/v1/restore", as: .alice).status == 404)
            #expect(try await server.delete("\(base)/v1", as: .alice).status == 200)
            #expect(try await server.get(base, as: .alice).list("name") == ["v2"])
            #expect(try await server.get("\(base)?status=deleted", as: .bob).status == 403)
            let trash = try await server.get("\(base)?status=deleted", as: .alice)
            #expect(trash.list("name") == ["v1"])
            #expect(trash.list("deleted_by") == ["user:alice"])
            #expect(
                trash.list("digest") == [
                    ManagementServer.Image.digest(of: "manifest of v1")
                ])
            #expect(try await server.post("\(base)/v1/restore", as: .bob).status == 403)
            // Somebody pushed it anew.
            try await server.push(.init(manifest: "other", tags: ["v1"]), in: project)
            let taken = try await server.post("\(base)/v1/restore", as: .alice)
            #expect(taken.status == 409)
            #expect(taken.text.contains(ManagementServer.Image.digest(of: "other")))
            let restored = try await server.post(
                "\(base)/v1/restore", ["overwrite": true], as: .alice)
            #expect(restored.status == 200, "\(restored.text)")
            #expect(
                restored["digest"]?.stringValue
                    == ManagementServer.Image.digest(of: "manifest of v1"))
            #expect(try await server.get("\(base)?status=deleted", as: .alice).text == "[]")
            #expect(try await server.get(base, as: .alice).list("name") == ["v1", "v2"])
            #expect(try await server.listAuditActions().last == "tag.restore")
            // An immutable name is not taken away by a restoration.
            #expect(try await server.delete("\(base)/v2", as: .alice).status == 200)
            try await server.push(.init(manifest: "other", tags: ["v2"]), in: project)
            try await server.addTagRule("v2", immutable: true, in: project)
            let immutable = try await server.post(
                "\(base)/v2/restore", ["overwrite": true], as: .alice)
            #expect(immutable.status == 409)
            #expect(immutable.text.contains("immutable"))
        }
    }

    @Test func aRepositoryComesBack() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let id = try await server.pushTags(["v1", "v2"], in: project)
            let list = "projects/\(project)/registry/repositories"
            #expect(try await server.get("\(list)?status=deleted", as: .alice).text == "[]")
            #expect(try await server.post("\(list)/\(id)/restore", as: .alice).status == 404)
            #expect(try await server.delete("\(list)/\(id)", as: .alice).status == 202)
            #expect(try await server.get(list, as: .alice).text == "[]")
            let trash = try await server.get("\(list)?status=deleted", as: .alice)
            #expect(trash.list("id") == [String(id)])
            #expect(trash.list("status") == ["deleted"])
            #expect(trash.list("deleted_at").count == 1)
            #expect(try await server.get("\(list)?status=deleted", as: .bob).status == 404)
            #expect(try await server.post("\(list)/\(id)/restore", as: .bob).status == 404)
            let restored = try await server.post("\(list)/\(id)/restore", as: .alice)
            #expect(restored.status == 200, "\(restored.text)")
            #expect(try restored.integer("images") == 2)
            #expect(try restored.integer("tags") == 2)
            #expect(try await server.get("\(list)/\(id)/tags", as: .alice).list("name").count == 2)
            #expect(try await server.get("\(list)?status=deleted", as: .alice).text == "[]")
        }
    }

    @Test func whatHasTheNameIsNamedAndMayMakeRoom() async throws {
        try await ManagementServer.run { server in
            let project = try await server.makeProject("web")
            let base = "projects/\(project)/packages"
            let old = try await server.publish("tool", "1.0", in: project, files: ["a"])
            #expect(try await server.delete("\(base)/\(old)", as: .alice).status == 204)
            let trash = try await server.get("\(base)?status=deleted", as: .alice)
            let until = server.clock.now().advanced(bySeconds: 7 * 86_400).iso8601
            #expect(trash.list("restorable_until") == [until])
            let new = try await server.publish("tool", "1.0", in: project, files: ["a", "b"])
            let taken = try await server.post("\(base)/\(old)/restore", as: .alice)
            #expect(taken.status == 409)
            #expect(taken.text.contains("the version \(new)"), "\(taken.text)")
            let restored = try await server.post(
                "\(base)/\(old)/restore", ["overwrite": true], as: .alice)
            #expect(restored.status == 200, "\(restored.text)")
            #expect(try await server.get(base, as: .alice).list("id") == [String(old)])
            let deleted = try await server.get("\(base)?status=deleted", as: .alice)
            #expect(deleted.list("id") == [String(new)])
            // The same with a file of it.
            let files = "\(base)/\(old)/package_files"
            let file = try #require(try await server.get(files, as: .alice).list("id").first)
            #expect(try await server.delete("\(files)/\(file)", as: .alice).status == 204)
            let now = server.clock.now()
            let second = try await server.store.write { tx in
                let version = try #require(try tx.findVersion(old))
                let blob = CommittedBlob(
                    digests: BlobDigests(
                        sha256: Digest(.sha256, bytes: Array(repeating: 7, count: 32))),
                    size: 3, key: StorageKey(stored: "another"))
                _ = try tx.upsertBlob(blob, at: now)
                return try tx.insertFile(
                    FileDraft(path: "a", blob: blob), version: version, at: now
                ).id
            }
            let inUse = try await server.post("\(files)/\(file)/restore", as: .alice)
            #expect(inUse.status == 409)
            #expect(inUse.text.contains("the file \(second)"), "\(inUse.text)")
            let back = try await server.post(
                "\(files)/\(file)/restore?overwrite=true", as: .alice)
            #expect(back.status == 200, "\(back.text)")
            #expect(try await server.get(files, as: .alice).list("id") == [file])
        }
    }

    @Test func periodsAreSetOnProjectsAndGroups() async throws {
        try await ManagementServer.run { server in
            let group = try await server.makeGroup("acme")
            let project = try await server.makeProject("web", in: group)
            func periods(_ path: String) async throws -> String {
                let shown = try await server.get(path, as: .alice)
                return ["trash_period", "untagged_period"].map { shown[$0]?.stringValue ?? "-" }
                    .joined(separator: " ")
            }
            #expect(try await periods("projects/\(project)") == "7d 7d")
            let set = try await server.put(
                "groups/\(group)", ["trash_period": "48h", "untagged_period": "never"], as: .alice)
            #expect(set.status == 200, "\(set.text)")
            #expect(try await periods("groups/\(group)") == "2d never")
            #expect(try await periods("projects/\(project)") == "2d never")
            _ = try await server.put("projects/\(project)", ["trash_period": "0"], as: .alice)
            #expect(try await periods("projects/\(project)") == "0 never")
            _ = try await server.put("projects/\(project)", ["trash_period": .null], as: .alice)
            #expect(try await periods("projects/\(project)") == "2d never")
            _ = try await server.put("groups/\(group)", ["untagged_period": ""], as: .alice)
            #expect(try await periods("projects/\(project)") == "2d 7d")
            let wrong = try await server.put(
                "projects/\(project)", ["trash_period": "soon"], as: .alice)
            #expect(wrong.status == 400)
            #expect(wrong.text.contains("trash_period is invalid"))
            let made = try await server.post(
                "projects",
                ["path": "new", "trash_period": "1d", "deleted_names_reserved": false], as: .alice)
            #expect(made["trash_period"]?.stringValue == "1d")
            #expect(made["deleted_names_reserved"]?.text == "false")
        }
    }
}
