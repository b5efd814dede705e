import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("What refers to a manifest")
struct OCIReferrersTests {
    private static func artifact(
        _ name: String, about subject: Digest, type: String?, annotations: String = ""
    ) -> TestImage {
        var more = type.map { #","artifactType":"\#($0)""# } ?? ""
        more +=
            #","subject":{"mediaType":"\#(TestImage.manifestType)","digest":"\#(subject)","size":5}"#
        if !annotations.isEmpty { more += #","annotations":{\#(annotations)}"# }
        return TestImage(name, layerCount: 1, more: more)
    }

    private static func entries(_ answer: TestResponse) throws -> [[String: Any]] {
        let object = try answer.object()
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentType] == TestImage.indexType)
        #expect(object["schemaVersion"] as? Int == 2)
        #expect(object["mediaType"] as? String == TestImage.indexType)
        return try #require(object["manifests"] as? [[String: Any]])
    }

    /// C-17: always an index, also of what nobody ever heard of.
    @Test(arguments: DatabaseKind.allCases)
    func nothing(_ kind: DatabaseKind) async throws {
        let digest = TestImage("a").digest
        try await OCIBench.run(on: kind) { bench in
            for repository in ["acme/web/api", "acme/web/never/seen"] {
                let answer = try await bench.send(.get, "\(repository)/referrers/\(digest)")
                #expect(try Self.entries(answer).isEmpty)
                #expect(answer.header("OCI-Filters-Applied") == nil)
            }
            let wrong = try await bench.send(.get, "acme/web/api/referrers/sha256:x")
            #expect(wrong.status == .badRequest)
        }
    }

    /// C-16, C-17: the artifact may come before its subject, and is listed with all that it says.
    @Test(arguments: DatabaseKind.allCases)
    func artifactsOfASubject(_ kind: DatabaseKind) async throws {
        let subject = TestImage("subject")
        let sbom = Self.artifact(
            "sbom", about: subject.digest, type: "a/sbom", annotations: #""k":"v\u00e9""#)
        let signature = Self.artifact("signature", about: subject.digest, type: "a/signature")
        let plain = Self.artifact("plain", about: subject.digest, type: nil)
        try await OCIBench.run(on: kind) { bench in
            for artifact in [sbom, signature, plain] {
                for blob in [artifact.config] + artifact.layers { try await bench.push(blob) }
                let pushed = try await bench.push(
                    manifest: artifact.manifest, as: artifact.digest.description)
                #expect(pushed.status == .created)
                #expect(pushed.header("OCI-Subject") == subject.digest.description)
            }
            let target = "acme/web/api/referrers/\(subject.digest)"
            let all = try Self.entries(try await bench.send(.get, target))
            #expect(
                all.compactMap { $0["digest"] as? String }
                    == [sbom, signature, plain].map(\.digest.description).sorted())
            for entry in all {
                #expect(entry["mediaType"] as? String == TestImage.manifestType)
            }
            let filtered = try await bench.send(.get, target + "?artifactType=a%2Fsbom")
            #expect(filtered.header("OCI-Filters-Applied") == "artifactType")
            let found = try Self.entries(filtered)
            #expect(found.count == 1)
            #expect(found.first?["digest"] as? String == sbom.digest.description)
            #expect(found.first?["size"] as? Int == sbom.manifest.utf8.count)
            #expect(found.first?["artifactType"] as? String == "a/sbom")
            #expect(found.first?["annotations"] as? [String: String] == ["k": "vé"])
            let typed = try await bench.send(
                .get, target + "?artifactType=" + PercentEncoding.encode(TestImage.configType))
            #expect(
                try Self.entries(typed).first?["digest"] as? String == plain.digest.description)
            let none = try await bench.send(.get, target + "?artifactType=x")
            #expect(try Self.entries(none).isEmpty)
            // The subject comes, another artifact comes, and one goes: the list follows at once.
            try await bench.push(subject, as: "v1")
            let late = Self.artifact("late", about: subject.digest, type: "a/sbom")
            try await bench.push(late, as: late.digest.description)
            #expect(try Self.entries(try await bench.send(.get, target)).count == 4)
            let deleted = try await bench.send(
                .delete, "acme/web/api/manifests/\(late.digest)")
            #expect(deleted.status == .accepted)
            #expect(try Self.entries(try await bench.send(.get, target)).count == 3)
        }
    }

    @Test func anIndexThatRefers() async throws {
        let subject = TestImage("subject")
        let more = #","subject":{"mediaType":"a/b","digest":"\#(subject.digest)","size":5}"#
        let index = TestImage.index([], more: more)
        try await OCIBench.run(on: .sqlite) { bench in
            let pushed = try await bench.push(
                manifest: index, as: "signatures", type: TestImage.indexType)
            #expect(pushed.header("OCI-Subject") == subject.digest.description)
            let found = try Self.entries(
                try await bench.send(.get, "acme/web/api/referrers/\(subject.digest)"))
            #expect(found.count == 1)
            #expect(found.first?["mediaType"] as? String == TestImage.indexType)
            #expect(found.first?["artifactType"] == nil)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func pages(_ kind: DatabaseKind) async throws {
        let subject = TestImage("subject")
        let artifacts = (0..<7).map {
            Self.artifact("a\($0)", about: subject.digest, type: "a/\($0 % 2)")
        }
        try await OCIBench.run(on: kind) { bench in
            for artifact in artifacts {
                try await bench.push(artifact, as: artifact.digest.description)
            }
            for filter in ["", "&artifactType=a/0"] {
                var found: [String] = []
                var next: String? = "/v2/acme/web/api/referrers/\(subject.digest)?n=2" + filter
                while let target = next {
                    let answer = try await bench.follow(.get, target)
                    let page = try Self.entries(answer).compactMap { $0["digest"] as? String }
                    #expect(page.count <= 2)
                    found += page
                    next = answer.nextPage
                }
                let expected = artifacts.enumerated()
                    .filter { filter.isEmpty || $0.offset % 2 == 0 }
                #expect(found == expected.map(\.element.digest.description).sorted())
            }
        }
    }

    /// Large annotations are not kept beside the manifest, and are listed all the same; pages end
    /// before they are larger than what clients take.
    @Test func largeAnnotations() async throws {
        let subject = TestImage("subject")
        let value = String(repeating: "A", count: 1_500_000)
        let artifacts = (0..<5).map {
            Self.artifact(
                "a\($0)", about: subject.digest, type: "a/b", annotations: #""k":"\#(value)""#)
        }
        try await OCIBench.run(on: .sqlite) { bench in
            for artifact in artifacts {
                try await bench.push(artifact, as: artifact.digest.description)
            }
            var found: [String] = []
            var next: String? = "/v2/acme/web/api/referrers/\(subject.digest)"
            while let target = next {
                let answer = try await bench.follow(.get, target)
                #expect(answer.body.count <= (4 << 20) + 1024)
                for entry in try Self.entries(answer) {
                    found.append(try #require(entry["digest"] as? String))
                    let annotations = entry["annotations"] as? [String: String]
                    #expect(annotations?["k"]?.count == value.count)
                }
                next = answer.nextPage
            }
            #expect(found == artifacts.map(\.digest.description).sorted())
        }
    }

    /// C-19: what clients listed under the tag of the fallback scheme is listed here as well, with
    /// what they left out of the list.
    @Test(arguments: DatabaseKind.allCases)
    func listsThatClientsKept(_ kind: DatabaseKind) async throws {
        let subject = TestImage("subject")
        let old = TestImage(
            "old", more: #","artifactType":"a/old","annotations":{"k":"v"}"#)
        let known = Self.artifact("known", about: subject.digest, type: "a/known")
        let missing =
            #"{"mediaType":"a/b","digest":"sha256:\#(String(repeating: "0", count: 64))","size":1}"#
        let settings = NamespaceSettings(allowsMissingChildren: true)
        try await OCIBench.run(on: kind, settings: settings) { bench in
            try await bench.push(subject, as: "v1")
            try await bench.push(old, as: old.digest.description)
            try await bench.push(known, as: known.digest.description)
            let list = TestImage.index([old.entry, known.entry, missing])
            let tag = "sha256-\(subject.digest.hex)"
            let pushed = try await bench.push(
                manifest: list, as: tag, type: TestImage.indexType)
            #expect(pushed.status == .created)
            let target = "acme/web/api/referrers/\(subject.digest)"
            let found = try Self.entries(try await bench.send(.get, target))
            #expect(
                found.compactMap { $0["digest"] as? String }
                    == [old, known].map(\.digest.description).sorted())
            let filtered = try Self.entries(
                try await bench.send(.get, target + "?artifactType=a/old"))
            #expect(filtered.count == 1)
            #expect(filtered.first?["artifactType"] as? String == "a/old")
            #expect(filtered.first?["annotations"] as? [String: String] == ["k": "v"])
        }
    }
}
