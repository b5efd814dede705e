import FormatKit
import Foundation
import HTTPTypes
import NPMFormat
import Registry
import TestSupport
import Testing

/// What clients learn about a package.
@Suite struct NPMPackumentTests {
    private static let abbreviated =
        "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"

    private static var manifest: [String: Any] {
        [
            "description": "A tool", "keywords": ["a", "b"], "author": ["name": "Zoe"],
            "scripts": ["postinstall": "true"], "dependencies": ["x": "^1.0.0"],
            "bin": ["tool": "i.js"], "license": "MIT",
            "dist": ["tarball": "http://elsewhere.example/"],
        ]
    }

    /// A package with two versions, published at moments that are known.
    private func withPackage(
        _ body: (NPMBench, TestPublish) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        try await NPMBench.run(clock: clock) { bench in
            let first = TestPublish("tool", "1.0.0", manifest: Self.manifest)
            #expect(try await bench.publish(first).status == .created)
            clock.advance(bySeconds: 60)
            try await bench.publish(TestPublish("tool", "2.0.0-rc.1", tag: "next"))
            try await body(bench, first)
        }
    }

    @Test func theFullDocument() async throws {
        try await withPackage { bench, publish in
            let answer = try await bench.send(.get, "/tool", [("Accept", "application/json")])
            #expect(answer.headers[.contentType] == "application/json")
            #expect(answer.headers[.vary] == "Accept, Accept-Encoding")
            let document = try answer.object()
            let start = ManualClock().now()
            let (first, second) = (start.iso8601, start.advanced(bySeconds: 60).iso8601)
            #expect(
                document["time"] as? [String: String] == [
                    "created": first, "1.0.0": first, "2.0.0-rc.1": second, "modified": second,
                ])
            let versions = try #require(document["versions"] as? [String: [String: Any]])
            var golden = Self.manifest
            golden.merge([
                "name": "tool", "version": "1.0.0", "_id": "tool@1.0.0",
                "_nodeVersion": "20.20.2", "hasInstallScript": true,
                "_npmUser": ["name": "root", "email": ""],
                "dist": [
                    "tarball": NPMBench.base + "/tool/-/tool-1.0.0.tgz",
                    "integrity": publish.integrity, "shasum": publish.shasum, "fileCount": 2,
                    "unpackedSize": 35,
                ] as [String: Any],
            ]) { $1 }
            #expect(versions["1.0.0"] as NSDictionary? == golden as NSDictionary)
            let rest = document.filter { !["versions", "time", "_rev"].contains($0.key) }
            #expect(
                rest as NSDictionary == [
                    "_id": "tool", "name": "tool", "description": "A tool",
                    "dist-tags": ["latest": "1.0.0", "next": "2.0.0-rc.1"],
                    "keywords": ["a", "b"], "author": ["name": "Zoe"], "license": "MIT",
                    "readme": "# tool", "maintainers": [["name": "root", "email": ""]],
                ] as NSDictionary)
            #expect(document["_rev"] is String)
        }
    }

    @Test func theAbbreviatedDocument() async throws {
        try await withPackage { bench, publish in
            let answer = try await bench.send(.get, "/tool", [("Accept", Self.abbreviated)])
            #expect(answer.headers[.contentType] == "application/vnd.npm.install-v1+json")
            let document = try answer.object()
            let versions = try #require(document["versions"] as? [String: [String: Any]])
            #expect(
                versions["1.0.0"] as NSDictionary? == [
                    "name": "tool", "version": "1.0.0", "hasInstallScript": true,
                    "dependencies": ["x": "^1.0.0"], "bin": ["tool": "i.js"],
                    "dist": [
                        "tarball": NPMBench.base + "/tool/-/tool-1.0.0.tgz",
                        "integrity": publish.integrity, "shasum": publish.shasum,
                        "fileCount": 2, "unpackedSize": 35,
                    ] as [String: Any],
                ] as NSDictionary)
            // N-4
            #expect(document["time"] is [String: String])
            #expect(document["modified"] is String)
            #expect(document["description"] == nil)
        }
    }

    @Test func oneVersionByNameOrTag() async throws {
        try await withPackage { bench, _ in
            for (reference, version) in [
                ("1.0.0", "1.0.0"), ("latest", "1.0.0"), ("next", "2.0.0-rc.1"),
            ] {
                let answer = try await bench.send(.get, "/tool/\(reference)")
                #expect(try answer.object()["version"] as? String == version)
            }
            let missing = try await bench.send(.get, "/tool/9.9.9")
            #expect(missing.status == .notFound)
            #expect(
                try missing.object()["error"] as? String
                    == "there is no version or tag '9.9.9' of 'tool'")
        }
    }

    /// N-6
    @Test func documentsAreRecognisedAndCompressed() async throws {
        try await withPackage { bench, _ in
            var tags: Set<String> = []
            for accept in [Self.abbreviated, "application/json"] {
                for encoding in ["gzip,deflate", "identity"] {
                    let headers = [("Accept", accept), ("Accept-Encoding", encoding)]
                    let answer = try await bench.send(.get, "/tool", headers)
                    let tag = try #require(answer.headers[.eTag])
                    #expect(!tag.hasPrefix("W/"))
                    #expect(tags.insert(tag).inserted)
                    #expect(
                        answer.headers[.contentEncoding] == (encoding == "identity" ? nil : "gzip"))
                    if encoding != "identity" {
                        #expect(answer.body.starts(with: [0x1F, 0x8B]))
                    }
                    let again = try await bench.send(
                        .get, "/tool", headers + [("If-None-Match", tag)])
                    #expect(again.status == .notModified)
                    #expect(again.headers[.eTag] == tag)
                    #expect(again.headers[.vary] == "Accept, Accept-Encoding")
                    #expect(again.body.isEmpty)
                }
            }
            let headers = [("If-None-Match", tags.joined(separator: ", "))]
            try await bench.publish(TestPublish("tool", "1.0.1"))
            #expect(try await bench.send(.get, "/tool", headers).status == .ok)
        }
    }

    @Test func everyAddressHasItsOwnTarballs() async throws {
        try await withPackage { bench, publish in
            for mount in [
                "/acme/web/-/npm", "/acme/-/npm", "/-/npm",
                "/api/v4/projects/acme%2Fweb/packages/npm", "/api/v4/groups/acme/-/packages/npm",
                "/api/v4/packages/npm",
            ] {
                let versions = try await bench.packument("tool", at: mount)["versions"]
                let dist = (versions as? [String: [String: Any]])?["1.0.0"]?["dist"]
                let url = try #require((dist as? [String: Any])?["tarball"] as? String)
                let prefix = "http://packages.example.com"
                #expect(url == "\(prefix)\(mount)/tool/-/tool-1.0.0.tgz")
                let tarball = try await bench.test.send(
                    .get, String(url.dropFirst(prefix.count)), token: bench.test.rootToken)
                #expect(tarball.body == publish.tarball, "\(mount)")
            }
        }
    }

    @Test func latestIsTheHighestReleaseWhereNobodySetIt() async throws {
        try await NPMBench.run { bench in
            for version in ["2.0.0-rc.1", "1.10.0", "1.9.0"] {
                try await bench.publish(TestPublish("tool", version, tag: "next"))
            }
            #expect(try await bench.tags("tool") == ["latest": "1.10.0", "next": "1.9.0"])
        }
    }

    @Test func hiddenVersionsAreNotShown() async throws {
        try await NPMBench.run { bench in
            try await bench.publish(TestPublish("tool", "1.0.0"))
            try await bench.publish(TestPublish("tool", "1.0.1"))
            try await bench.test.store.write { tx in
                let found = try tx.findVersions(
                    format: "npm", package: "tool", version: "1.0.1", in: .instance,
                    readableBy: .everything, limit: 1)
                for version in found {
                    try tx.touchPackage(version.package.id, at: SystemClock().now())
                    try tx.updateVersion(version.id, status: .hidden, attributes: nil)
                }
            }
            let versions = try await bench.packument("tool")["versions"] as? [String: Any]
            #expect(versions?.keys.map(\.self) == ["1.0.0"])
            #expect(try await bench.tags("tool") == ["latest": "1.0.0"])
        }
    }

    /// N-7: newest publish wins per version; a tag is that of the newest version it names.
    @Test func aGroupIsTheUnionOfItsProjects() async throws {
        let clock = ManualClock()
        try await NPMBench.run(clock: clock) { bench in
            let base = "/acme/base/-/npm"
            let publishes: [(TestPublish, String)] = [
                (TestPublish("tool", "1.0.0", content: "web"), NPMBench.mount),
                (TestPublish("tool", "2.0.0", content: "web"), NPMBench.mount),
                (TestPublish("tool", "1.0.0", content: "base"), base),
                (TestPublish("tool", "1.5.0", tag: "next", content: "base"), base),
            ]
            for (publish, mount) in publishes {
                #expect(try await bench.publish(publish, at: mount).status == .created)
                clock.advance(bySeconds: 1)
            }
            for mount in ["/acme/-/npm", "/-/npm"] {
                let packument = try await bench.packument("tool", at: mount)
                let versions = try #require(packument["versions"] as? [String: [String: Any]])
                #expect(Set(versions.keys) == ["1.0.0", "1.5.0", "2.0.0"])
                let dist = try #require(versions["1.0.0"]?["dist"] as? [String: Any])
                #expect(dist["integrity"] as? String == publishes[2].0.integrity)
                let tarball = try await bench.send(.get, "/tool/-/tool-1.0.0.tgz", at: mount)
                #expect(tarball.body == publishes[2].0.tarball)
                #expect(
                    try await bench.tags("tool", at: mount)
                        == ["latest": "1.0.0", "next": "1.5.0"])
            }
            #expect(try await bench.tags("tool") == ["latest": "2.0.0"])
        }
    }

    @Test func headIsGetWithoutTheBody() async throws {
        try await withPackage { bench, _ in
            let get = try await bench.send(.get, "/tool")
            let head = try await bench.send(.head, "/tool")
            #expect(head.status == get.status)
            #expect(head.headers == get.headers)
        }
    }

    @Test func whatIsNotThereIsSaid() async throws {
        try await NPMBench.run { bench in
            let answer = try await bench.send(.get, "/@acme%2fnothing")
            #expect(answer.status == .notFound)
            #expect(
                try answer.object() as NSDictionary == [
                    "error": "there is no package '@acme/nothing' here",
                    "reason": "package_unknown",
                ] as NSDictionary)
            let nobody = try await bench.test.send(.get, NPMBench.mount + "/tool")
            #expect(nobody.status == .unauthorized)
            #expect(
                nobody.headers[.wwwAuthenticate]
                    == #"Basic realm="Packhouse", Bearer realm="Packhouse""#)
            #expect(
                nobody.headers[HTTPField.Name(known: "npm-notice")]
                    == "a credential is needed to read packages")
        }
    }

    @Test func aPackageFromElsewhereNamesNoOtherHost() async throws {
        try await withPackage { bench, _ in
            // N-9
            for path in ["/tool", "/tool/1.0.0", "/-/v1/search?text=tool"] {
                let text = try await bench.send(.get, path).text
                #expect(text.contains("tool"))
                #expect(!text.contains("elsewhere.example"), "\(path)")
            }
        }
    }
}
