import FormatKit
import Foundation
import HTTPTypes
import NPMFormat
import Registry
import TestSupport
import Testing

/// What a publish checks, and what it leaves.
@Suite struct NPMPublishTests {
    @Test(arguments: DatabaseKind.allCases)
    func aVersionIsPublishedAndFetched(_ kind: DatabaseKind) async throws {
        try await NPMBench.run(on: kind) { bench in
            let publish = TestPublish(
                "@acme/tool", "1.0.0", manifest: ["dependencies": ["a": "^1.0.0"]])
            let answer = try await bench.publish(publish)
            #expect(answer.status == .created, "\(answer.text)")
            #expect(answer.headers[HTTPField.Name(known: "Packhouse-Stage")] == "beta")
            #expect(try answer.object()["ok"] as? Bool == true)
            let packument = try await bench.packument("@acme%2ftool")
            let versions = try #require(packument["versions"] as? [String: [String: Any]])
            let dist = try #require(versions["1.0.0"]?["dist"] as? [String: Any])
            #expect(dist["integrity"] as? String == publish.integrity)
            #expect(dist["shasum"] as? String == publish.shasum)
            #expect(dist["fileCount"] as? Int == 2)
            let address = try #require(dist["tarball"] as? String)
            #expect(address == NPMBench.base + "/@acme/tool/-/tool-1.0.0.tgz")
            for path in [
                "/@acme/tool/-/tool-1.0.0.tgz", "/@acme%2Ftool/-/@acme/tool-1.0.0.tgz",
            ] {
                let tarball = try await bench.send(.get, path)
                #expect(tarball.status == .ok)
                #expect(tarball.body == publish.tarball)
                #expect(tarball.headers[.contentType] == "application/octet-stream")
            }
        }
    }

    @Test func publishingTheSameAgainChangesNothing() async throws {
        try await NPMBench.run { bench in
            try await bench.publish(TestPublish("tool", "1.0.0"))
            try await bench.publish(TestPublish("tool", "1.1.0"))
            let before = try await bench.packument("tool")
            let again = try await bench.publish(TestPublish("tool", "1.0.0"))
            #expect(again.status == .created, "\(again.text)")
            // A job of an old version that is run again does not take 'latest' back.
            #expect(try await bench.tags("tool") == ["latest": "1.1.0"])
            #expect(
                try await bench.packument("tool")["_rev"] as? String == before["_rev"] as? String)
            let other = try await bench.publish(TestPublish("tool", "1.0.0", content: "2\n"))
            #expect(other.status == .conflict)
            #expect(
                try other.object()["error"] as? String
                    == "the version 1.0.0 of 'tool' exists with other content: raise the version "
                    + "and publish again")
        }
    }

    @Test func aProjectMayAllowReplacing() async throws {
        let settings = NamespaceSettings(allowsReplacing: ["npm": true])
        try await NPMBench.run(settings: settings) { bench in
            try await bench.publish(TestPublish("tool", "1.0.0"))
            let other = TestPublish("tool", "1.0.0", content: "2\n")
            #expect(try await bench.publish(other).status == .created)
            let tarball = try await bench.send(.get, "/tool/-/tool-1.0.0.tgz")
            #expect(tarball.body == other.tarball)
        }
    }

    /// A mistake in a publish, and the beginning of what a person reads.
    private struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        let words: String
        let make: @Sendable () -> TestPublish

        var testDescription: String { name }

        init(
            _ name: String, _ words: String,
            _ change: @escaping @Sendable (inout TestPublish) -> Void
        ) {
            self.name = name
            self.words = words
            make = {
                var publish = TestPublish("tool", "1.0.0")
                change(&publish)
                return publish
            }
        }
    }

    private static let mistakes = [
        Mistake("integrity", "the tarball that arrived is not the one that was announced") {
            $0.dist["integrity"] = TestPublish("tool", "1.0.1").integrity
        },
        Mistake("shasum", "the tarball that arrived is not the one that was announced") {
            $0.dist["shasum"] = String(repeating: "0", count: 40)
        },
        Mistake("integrity that is none", "dist.integrity is not written sha512-…") {
            $0.dist["integrity"] = "sha512-abc"
        },
        Mistake("other name in the address", "the address says 'tool', and the document says") {
            $0.top["name"] = "other"
        },
        Mistake("other name in the version", "the address says 'tool', and the version says") {
            $0.manifest["name"] = "other"
        },
        Mistake("other version in the version", "the version 1.0.0 says of itself that it is 2") {
            $0.manifest["version"] = "2.0.0"
        },
        Mistake("other package.json", "the package.json in the tarball is that of tool@1.0.1") {
            $0.tarball = TestTarball.package("tool", "1.0.1")
        },
        Mistake("package.json of another", "the package.json in the tarball is that of evil@1") {
            $0.tarball = TestTarball.package("evil", "1.0.0")
        },
        Mistake("no package.json", "the tarball has no package.json in its first folder") {
            $0.tarball = TestTarball.make([("package/index.js", "1")])
        },
        Mistake("broken package.json", "the package.json in the tarball cannot be read") {
            $0.tarball = TestTarball.make([("package/package.json", "{")])
        },
        Mistake("two package.json", "the tarball has more than one folder with a package.json") {
            $0.tarball = TestTarball.make([("a/package.json", "{}"), ("b/package.json", "{}")])
        },
        Mistake("no tarball", "the archive is refused") { $0.tarball = Array("hello".utf8) },
        Mistake("leading out", "the archive is refused") {
            $0.tarball = TestTarball.make([("../package.json", "{}")])
        },
        Mistake("upper case", "a package's name is lower case") { publish in
            publish = TestPublish("Tool", "1.0.0")
        },
        Mistake("no version", "'1.0' is no version") { publish in
            publish = TestPublish("tool", "1.0")
        },
        Mistake("build metadata", "'1.0.0+b5' has build metadata") { publish in
            publish = TestPublish("tool", "1.0.0+b5")
        },
        Mistake("tag like a version", "'1.0' looks like a version") {
            $0.tags = ["1.0": "1.0.0"]
        },
        Mistake("tag of another version", "the dist-tag 'next' names 2.0.0, which is not") {
            $0.tags = ["next": "2.0.0"]
        },
        Mistake("length", "the tarball has") {
            $0.top["_attachments"] = [
                "tool-1.0.0.tgz": [
                    "data": Data($0.tarball).base64EncodedString(), "length": 7,
                ]
            ]
        },
        Mistake("two tarballs", "a publish has one tarball") {
            $0.top["_attachments"] = [
                "tool-1.0.0.tgz": ["data": "aGVs"], "tool-1.0.1.tgz": ["data": "aGVs"],
            ]
        },
        Mistake("two versions", "a publish has one version, and this one has 2") {
            $0.top["versions"] = ["1.0.0": [String: String](), "2.0.0": [String: String]()]
        },
        Mistake("no versions", "a publish has one version, and this one has 0") {
            $0.top["versions"] = [String: String]()
        },
    ]

    /// N-13: what arrives is compared with what was announced before anybody can fetch it.
    @Test func mistakesAreNamedAndLeaveNothing() async throws {
        try await NPMBench.run { bench in
            for mistake in Self.mistakes {
                let answer = try await bench.publish(mistake.make())
                #expect(answer.status == .badRequest, "\(mistake.name): \(answer.text)")
                let error = try #require(answer.object()["error"] as? String)
                #expect(error.hasPrefix(mistake.words), "\(mistake.name): \(error)")
            }
            #expect(try await bench.send(.get, "/tool").status == .notFound)
            try await bench.expectNoBlobs()
        }
    }

    @Test func packageJSONIsComparedAsClientsReadIt() async throws {
        try await NPMBench.run { bench in
            var publish = TestPublish("tool", "1.0.0")
            publish.tarball = TestTarball.make([
                ("root/package.json", "\u{FEFF}{\"name\":\"tool\",\"version\":\" v1.0.0+b5\"}")
            ])
            let answer = try await bench.publish(publish)
            #expect(answer.status == .created, "\(answer.text)")
        }
    }

    @Test func clientsThatSayLessMayPublish() async throws {
        try await NPMBench.run { bench in
            var publish = TestPublish("tool", "1.0.0")
            publish.dist = ["integrity": NSNull(), "shasum": NSNull()]
            publish.top = ["_id": NSNull(), "dist-tags": NSNull(), "access": "public"]
            let answer = try await bench.publish(publish)
            #expect(answer.status == .created, "\(answer.text)")
            #expect(try await bench.tags("tool") == ["latest": "1.0.0"])
        }
    }

    @Test func anUnknownOrBrokenBodyIsRefused() async throws {
        try await NPMBench.run { bench in
            for body in ["", "{", "[]", "null", "{}", #"{"name":"tool"}"#, "\u{0}"] {
                let answer = try await bench.send(.put, "/tool", body: Array(body.utf8))
                #expect(answer.status == .badRequest, "\(body): \(answer.text)")
                #expect(try answer.object()["error"] is String)
            }
            let owners = try await bench.send(
                .put, "/tool/-rev/1-1", json: ["_id": "tool", "maintainers": [String]()])
            #expect(owners.status == .badRequest)
            #expect(owners.text.contains("members of the project"))
        }
    }

    @Test func nobodyPublishesToAGroupOrTheInstance() async throws {
        try await NPMBench.run { bench in
            for mount in ["/acme/-/npm", "/-/npm", "/api/v4/groups/acme/-/packages/npm"] {
                let answer = try await bench.publish(TestPublish("tool", "1.0.0"), at: mount)
                let expected: HTTPResponse.Status =
                    mount == "/-/npm" ? answer.status : .methodNotAllowed
                #expect(answer.status == expected && answer.status.code >= 400, "\(answer.text)")
            }
        }
    }

    @Test func provenanceIsKeptAndServed() async throws {
        try await NPMBench.run { bench in
            var publish = TestPublish("@acme/tool", "1.0.0")
            publish.provenance = TestProvenance.bundle(of: publish)
            let answer = try await bench.publish(publish)
            #expect(answer.status == .created, "\(answer.text)")
            let versions = try await bench.packument("@acme%2ftool")["versions"]
            let dist = (versions as? [String: [String: Any]])?["1.0.0"]?["dist"]
            let attestations = (dist as? [String: Any])?["attestations"] as? [String: Any]
            let url = try #require(attestations?["url"] as? String)
            #expect(url == NPMBench.base + "/-/npm/v1/attestations/%40acme%2Ftool@1.0.0")
            let served = try await bench.test.send(
                .get, String(url.dropFirst("http://packages.example.com".count)),
                token: bench.test.rootToken)
            let list = try #require(served.object()["attestations"] as? [[String: Any]])
            #expect(list.count == 1)
            #expect(list.first?["predicateType"] as? String == TestProvenance.predicateType)
            let bundle = try #require(list.first?["bundle"] as? NSDictionary)
            let sent = try JSONSerialization.jsonObject(
                with: Data((publish.provenance ?? "").utf8))
            #expect(bundle == sent as? NSDictionary)
            var other = TestPublish("@acme/tool", "1.0.1")
            other.provenance = publish.provenance
            let refused = try await bench.publish(other)
            #expect(refused.status == .badRequest)
            #expect(refused.text.contains("about another tarball"))
            let none = try await bench.send(.get, "/-/npm/v1/attestations/@acme%2ftool@9.9.9")
            #expect(none.status == .notFound)
        }
    }

    /// N-8
    @Test(arguments: DatabaseKind.allCases)
    func parallelPublishesAreAllThere(_ kind: DatabaseKind) async throws {
        try await NPMBench.run(on: kind) { bench in
            try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        try await bench.publish(TestPublish("tool", "1.0.\(number)")).status
                    }
                }
                for try await status in group { #expect(status == .created) }
            }
            let packument = try await bench.packument("tool")
            let versions = try #require(packument["versions"] as? [String: Any])
            #expect(Set(versions.keys) == Set((0..<50).map { "1.0.\($0)" }))
            let tags = try await bench.tags("tool")
            #expect(tags.count == 1)
            #expect(tags["latest"].map { versions[$0] != nil } == true)
            let times = try #require(packument["time"] as? [String: String])
            #expect(times.count == 52)
        }
    }
}

/// Provenance as npm makes it, without its signatures.
enum TestProvenance {
    static let predicateType = "https://slsa.dev/provenance/v1"

    static func bundle(of publish: TestPublish) -> String {
        let digest = Data(base64Encoded: String(publish.integrity.dropFirst("sha512-".count)))
        let statement = """
            {"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"pkg:npm/x",\
            "digest":{"sha512":"\(Hex.encode(digest ?? Data()))"}}],\
            "predicateType":"\(predicateType)","predicate":{}}
            """
        return """
            {"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.2",\
            "verificationMaterial":{},"dsseEnvelope":{"payload":\
            "\(Data(statement.utf8).base64EncodedString())",\
            "payloadType":"application/vnd.in-toto+json","signatures":[]}}
            """
    }
}

extension NPMBench {
    /// Makes sure that nothing was stored.
    func expectNoBlobs() async throws {
        let found = SendableBox<[BlobStoreEntry]>([])
        try await test.services.blobs.listEntries(
            writtenBefore: test.services.clock.now().advanced(bySeconds: 86_400)
        ) { page throws(RegistryError) in
            found.withValue { $0 += page.filter { if case .blob = $0 { true } else { false } } }
        }
        #expect(found.withValue(\.isEmpty), "\(found.withValue { $0 })")
    }
}
