import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("GitLab's registry API")
struct OCIGitLabTests {
    private static let base = "/gitlab/v1/repositories/acme/web"

    private static func size(_ image: TestImage) -> Int {
        image.manifest.utf8.count + image.config.count
            + image.layers.reduce(0) { $0 + $1.count }
    }

    @Test(arguments: DatabaseKind.allCases)
    func repositories(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        var other = TestImage("b")
        other.layers = image.layers
        try await OCIBench.run(on: kind) { bench in
            #expect(try await bench.follow(.get, "/gitlab/v1/").status == .ok)
            let none = try await bench.follow(.get, Self.base + "/api/")
            #expect(none.status == .notFound)
            #expect(none.errorCode == "NAME_UNKNOWN")
            try await bench.push(image, as: "v1")
            try await bench.push(other, as: "v1", to: "acme/web/api/deep")
            try await bench.push(other, as: "v1", to: "acme/web/api-x")
            let plain = try await bench.follow(.get, Self.base + "/api/").object()
            #expect(plain["name"] as? String == "api")
            #expect(plain["path"] as? String == "acme/web/api")
            #expect(plain["size_bytes"] == nil)
            #expect(plain["created_at"] is String)
            let own = try await bench.follow(.get, Self.base + "/api/?size=self").object()
            #expect(own["size_bytes"] as? Int == Self.size(image))
            // A shared layer counts once.
            let all = try await bench.follow(
                .get, Self.base + "/api/?size=self_with_descendants"
            ).object()
            #expect(
                all["size_bytes"] as? Int
                    == Self.size(image) + other.manifest.utf8.count + other.config.count)
            // The root of the tree is no repository itself.
            let root = try await bench.follow(
                .get, Self.base + "/?size=self_with_descendants")
            #expect(root.status == .ok)
            let bad = try await bench.follow(.get, Self.base + "/api/?size=x")
            #expect(bad.errorCode == "INVALID_QUERY_PARAMETER_VALUE")
            let list = try await bench.follow(
                .get, "/gitlab/v1/repository-paths/acme/web/api/repositories/list/")
            let paths = (try list.json() as? [[String: Any]])?.compactMap { $0["path"] as? String }
            #expect(paths == ["acme/web/api", "acme/web/api/deep"])
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func tags(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        let index = TestImage.index([
            #"{"mediaType":"\#(TestImage.manifestType)","digest":"\#(image.digest)","#
                + #""size":\#(image.manifest.utf8.count),"#
                + #""platform":{"os":"linux","architecture":"amd64"}}"#
        ])
        let sbom = TestImage(
            "sbom",
            more: #","artifactType":"a/sbom","subject":{"mediaType":"a/b","#
                + #""digest":"\#(image.digest)","size":5}"#)
        let clock = ManualClock()
        try await OCIBench.run(on: kind, clock: clock) { bench in
            for tag in ["c", "a", "b", "latest"] {
                try await bench.push(image, as: tag)
                clock.advance(bySeconds: 60)
            }
            _ = try await bench.push(manifest: index, as: "multi", type: TestImage.indexType)
            try await bench.push(sbom, as: sbom.digest.description)
            let target = Self.base + "/api/tags/list/"
            let names = { (answer: TestResponse) throws in
                (try answer.json() as? [[String: Any]])?.compactMap { $0["name"] as? String }
            }
            let orders = [
                ("", ["a", "b", "c", "latest", "multi"]),
                ("?sort=-name", ["multi", "latest", "c", "b", "a"]),
                ("?sort=published_at", ["c", "a", "b", "latest", "multi"]),
                ("?sort=-published_at", ["multi", "latest", "b", "a", "c"]),
                ("?name=at", ["latest"]), ("?name_exact=a", ["a"]), ("?name=none", []),
                ("?n=2", ["a", "b"]), ("?n=2&last=b", ["c", "latest"]),
                ("?n=2&before=latest", ["b", "c"]),
                ("?n=2&sort=-published_at&last=latest", ["b", "a"]),
            ]
            for (query, expected) in orders {
                let answer = try await bench.follow(.get, target + query)
                #expect(answer.status == .ok)
                #expect(try names(answer) == expected, "\(query)")
            }
            let middle = try await bench.follow(.get, target + "?n=2&last=b").header("Link")
            #expect(
                middle
                    == "</gitlab/v1/repositories/acme/web/api/tags/list?n=2&last=latest>; "
                    + #"rel="next", "#
                    + "</gitlab/v1/repositories/acme/web/api/tags/list?n=2&before=c>; "
                    + #"rel="previous""#)
            let described = try await bench.follow(
                .get, target + "?name_exact=a&referrers=true")
            let row = try #require((try described.json() as? [[String: Any]])?.first)
            #expect(row["digest"] as? String == image.digest.description)
            #expect(
                row["config_digest"] as? String == TestImage.digest(image.config).description)
            #expect(row["media_type"] as? String == TestImage.manifestType)
            #expect(row["size_bytes"] as? Int == Self.size(image))
            #expect(
                row["referrers"] as? [[String: String]]
                    == [["artifactType": "a/sbom", "digest": sbom.digest.description]])
            let other = try await bench.follow(
                .get, target + "?name_exact=a&referrers=true&referrer_type=x")
            #expect(other.text.contains(#""referrers":[]"#))
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func oneTag(_ kind: DatabaseKind) async throws {
        let images = ["amd64", "arm64"].map { TestImage("a", architecture: $0) }
        let entries = zip(images, ["amd64", "arm64"]).map { image, architecture in
            #"{"mediaType":"\#(TestImage.manifestType)","digest":"\#(image.digest)","#
                + #""size":\#(image.manifest.utf8.count),"#
                + #""platform":{"os":"linux","architecture":"\#(architecture)"}}"#
        }
        try await OCIBench.run(on: kind) { bench in
            for image in images { try await bench.push(image, as: image.digest.description) }
            try await bench.push(images[0], as: "single")
            _ = try await bench.push(
                manifest: TestImage.index(entries), as: "multi", type: TestImage.indexType)
            let single = try await bench.follow(
                .get, Self.base + "/api/tags/detail/single/"
            ).object()
            #expect(single["repository"] as? String == "acme/web/api")
            let image = try #require(single["image"] as? [String: Any])
            #expect(image["size_bytes"] as? Int == Self.size(images[0]))
            let config = try #require(image["config"] as? [String: Any])
            #expect(
                config["platform"] as? [String: String]
                    == ["os": "linux", "architecture": "amd64"])
            let multi = try await bench.follow(
                .get, Self.base + "/api/tags/detail/multi/"
            ).object()
            let references = try #require(
                (multi["image"] as? [String: Any])?["references"] as? [[String: Any]])
            #expect(references.map { $0["size_bytes"] as? Int } == images.map(Self.size))
            let none = try await bench.follow(.get, Self.base + "/api/tags/detail/none/")
            #expect(none.errorCode == "MANIFEST_UNKNOWN")
        }
    }
}
