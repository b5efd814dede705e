import HTTPTypes
import Registry
import TestSupport
import Testing

/// What clients push, as the management API shows, cleans up and removes it.
@Suite("The management of pushed images")
struct OCIManagementTests {
    private static let base = "/api/v4/projects/acme%2Fweb/registry/repositories"

    private static func size(_ image: TestImage) -> Int {
        image.manifest.utf8.count + image.config.count
            + image.layers.reduce(0) { $0 + $1.count }
    }

    private static func entry(_ image: TestImage, _ architecture: String) -> String {
        #"{"mediaType":"\#(TestImage.manifestType)","digest":"\#(image.digest)","#
            + #""size":\#(image.manifest.utf8.count),"#
            + #""platform":{"os":"linux","architecture":"\#(architecture)"}}"#
    }

    private func list(_ bench: OCIBench, _ query: String) async throws -> [[String: Any]] {
        let answer = try await bench.follow(.get, Self.base + query)
        return try #require(try answer.json() as? [[String: Any]], "\(answer.text)")
    }

    @Test(arguments: DatabaseKind.allCases)
    func showsImagesAndIndexes(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        var other = TestImage("b", architecture: "arm64")
        other.layers = image.layers
        let index = TestImage.index([Self.entry(image, "amd64"), Self.entry(other, "arm64")])
        let whole =
            Self.size(image) + index.utf8.count + other.manifest.utf8.count + other.config.count
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "single")
            try await bench.push(other, as: other.digest.description)
            let pushed = try await bench.push(
                manifest: index, as: "multi", type: TestImage.indexType)
            try #require(pushed.status == .created, "\(pushed.text)")
            let repositories = try await list(bench, "?tags=true&tags_count=true&size=true")
            let repository = try #require(repositories.first)
            #expect(repositories.count == 1)
            #expect(repository["path"] as? String == "acme/web/api")
            #expect(repository["tags_count"] as? Int == 2)
            #expect(repository["size"] as? Int == whole)
            let tags = "/\(try #require(repository["id"] as? Int))/tags"
            #expect(
                try await list(bench, tags).map { $0["name"] as? String } == ["multi", "single"])
            let single = try await bench.follow(.get, Self.base + tags + "/single").object()
            #expect(single["digest"] as? String == image.digest.description)
            #expect(single["revision"] as? String == TestImage.digest(image.config).hex)
            #expect(single["total_size"] as? Int == Self.size(image))
            #expect(single["images"] == nil)
            let platforms = single["platforms"] as? [[String: Any]]
            #expect(platforms?.map { $0["architecture"] as? String } == ["amd64"])
            let multi = try await bench.follow(.get, Self.base + tags + "/multi").object()
            #expect(multi["total_size"] as? Int == whole)
            #expect(multi["media_type"] as? String == TestImage.indexType)
            let images = multi["images"] as? [[String: Any]]
            #expect(
                images?.map { $0["digest"] as? String }
                    == [image.digest.description, other.digest.description])
            #expect(
                images?.map { $0["total_size"] as? Int } == [Self.size(image), Self.size(other)])
        }
    }

    /// An entry may leave out what it runs on; it is an image of the index all the same.
    @Test func showsEntriesWithoutPlatform() async throws {
        let image = TestImage("a")
        let entry =
            #"{"mediaType":"\#(TestImage.manifestType)","digest":"\#(image.digest)","#
            + #""size":\#(image.manifest.utf8.count)}"#
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(image, as: "single")
            let pushed = try await bench.push(
                manifest: TestImage.index([entry]), as: "multi", type: TestImage.indexType)
            try #require(pushed.status == .created, "\(pushed.text)")
            let id = try #require(try await list(bench, "").first?["id"] as? Int)
            let multi = try await bench.follow(.get, Self.base + "/\(id)/tags/multi").object()
            let images = try #require(multi["images"] as? [[String: Any]])
            #expect(images.map { $0["digest"] as? String } == [image.digest.description])
            #expect(images.map { $0["total_size"] as? Int } == [Self.size(image)])
            let platform = images.first?["platform"] as? [String: Any]
            #expect(platform?["os"] as? String == "unknown")
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func removesAndTakesBack(_ kind: DatabaseKind) async throws {
        let (image, other) = (TestImage("a"), TestImage("b"))
        try await OCIBench.run(on: kind) { bench in
            for tag in ["dev-1", "dev-2", "v1"] { try await bench.push(image, as: tag) }
            try await bench.push(other, as: "dev-3")
            let id = try #require(try await list(bench, "").first?["id"] as? Int)
            let rule = try await bench.test.send(
                .post, "/api/v4/projects/acme%2Fweb/registry/protection/tag/rules",
                token: bench.test.rootToken,
                json: ["tag_name_pattern": "v.*", "immutable": true])
            try #require(rule.status == .created, "\(rule.text)")
            let clean = try await bench.follow(
                .delete, Self.base + "/\(id)/tags?name_regex_delete=.*&name_regex_keep=dev-3")
            #expect(clean.status == .accepted)
            #expect(try clean.object()["deleted"] as? Int == 2)
            let tags = try await bench.send(.get, "acme/web/api/tags/list").object()
            #expect(tags["tags"] as? [String] == ["dev-3", "v1"])
            // The rule keeps the repository and, by its digest, the image.
            #expect(try await bench.follow(.delete, Self.base + "/\(id)").status == .conflict)
            let manifest = "acme/web/api/manifests/\(image.digest)"
            #expect(try await bench.send(.delete, manifest).status == .conflict)
            #expect(try await bench.send(.head, manifest).status == .ok)
            try await bench.test.store.write { tx in
                for rule in try tx.listTagRules(projectID: bench.project.id, format: "oci") {
                    #expect(try tx.removeTagRule(rule.id, projectID: bench.project.id))
                }
            }
            #expect(try await bench.follow(.delete, Self.base + "/\(id)").status == .accepted)
            #expect(try await bench.send(.head, manifest).status == .notFound)
            #expect(try await list(bench, "").isEmpty)
            // The same image may be pushed again, beside the one in the trash.
            try await bench.push(image, as: "v1")
            let again = try await list(bench, "?size=true&tags_count=true")
            #expect(again.first?["id"] as? Int == id)
            #expect(again.first?["size"] as? Int == Self.size(image))
            #expect(again.first?["tags_count"] as? Int == 1)
        }
    }
}
