import HTTPTypes
import Registry
import TestSupport
import Testing

@Suite("Pushing manifests")
struct OCIManifestPushTests {
    @Test(arguments: DatabaseKind.allCases)
    func byTagAndByDigest(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "v1")
            let answer = try await bench.push(
                manifest: image.manifest, as: image.digest.description)
            #expect(answer.status == .created)
            #expect(answer.headers[.location] == "/v2/acme/web/api/manifests/\(image.digest)")
            #expect(answer.header("Docker-Content-Digest") == image.digest.description)
            #expect(answer.header("OCI-Subject") == nil)
            #expect(answer.header("OCI-Tag") == nil)
            #expect(
                try await bench.follow(.get, answer.headers[.location]).text == image.manifest)
            // The tag moves, and what it named stays under its digest.
            let other = TestImage("b")
            try await bench.push(other, as: "v1")
            #expect(
                try await bench.send(.get, "acme/web/api/manifests/v1").text == other.manifest)
            #expect(
                try await bench.send(.get, "acme/web/api/manifests/\(image.digest)").text
                    == image.manifest)
        }
    }

    /// C-27.
    @Test(arguments: DatabaseKind.allCases)
    func otherBytesThanTheDigest(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "v1")
            for reference in [image.digest.description, "v2?digest=\(image.digest)"] {
                let answer = try await bench.push(manifest: image.manifest + " ", as: reference)
                #expect(answer.status == .badRequest)
                #expect(answer.errorCode == "DIGEST_INVALID")
            }
            let bad = try await bench.push(
                manifest: image.manifest, as: "sha256:baddigeststring")
            #expect(bad.status == .badRequest)
            #expect(bad.errorCode == "DIGEST_INVALID")
            #expect(try await bench.send(.get, "acme/web/api/manifests/v2").status == .notFound)
        }
    }

    /// C-31.
    @Test(arguments: DatabaseKind.allCases)
    func severalTagsInOnePush(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "first")
            let pushed = try await bench.push(
                manifest: image.manifest, as: image.digest.description,
                query: "?tag=v1&tag=v1.2&tag=latest")
            #expect(pushed.status == .created)
            #expect(pushed.header("OCI-Tag") == "v1, v1.2, latest")
            let list = try await bench.send(.get, "acme/web/api/tags/list")
            #expect(
                list.text
                    == #"{"name":"acme/web/api","tags":["first","latest","v1","v1.2"]}"#)
            let sha512 = try TestImage.sha512(Array(image.manifest.utf8))
            for reference in ["\(sha512)?tag=s1", "s2?digest-algorithm=sha512"] {
                let answer = try await bench.push(manifest: image.manifest, as: reference)
                #expect(answer.status == .created)
                #expect(answer.header("Docker-Content-Digest") == sha512.description)
            }
            for tag in ["s1", "s2", sha512.description] {
                let answer = try await bench.send(.get, "acme/web/api/manifests/\(tag)")
                #expect(answer.header("Docker-Content-Digest") == sha512.description)
                #expect(answer.text == image.manifest)
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func whatItNamesHasToBeThere(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: kind) { bench in
            let nothing = try await bench.push(manifest: image.manifest, as: "v1")
            #expect(nothing.status == .badRequest)
            #expect(nothing.errorCode == "MANIFEST_BLOB_UNKNOWN")
            #expect(nothing.text.contains(TestImage.digest(image.config).description))
            // A blob of another repository is none of this one.
            try await bench.push(image, as: "v1", to: "acme/base/image")
            #expect(
                try await bench.push(manifest: image.manifest, as: "v1").status == .badRequest)
            for blob in [image.config] + image.layers { try await bench.push(blob) }
            #expect(try await bench.push(manifest: image.manifest, as: "v1").status == .created)
            // And a size is a promise.
            let wrong = image.manifest.replacing(
                #""size":\#(image.config.count)"#, with: #""size":\#(image.config.count + 1)"#)
            let refused = try await bench.push(manifest: wrong, as: "v2")
            #expect(refused.status == .badRequest)
            #expect(refused.errorCode == "MANIFEST_INVALID")
            #expect(try await bench.send(.get, "acme/web/api/manifests/v2").status == .notFound)
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func indexes(_ kind: DatabaseKind) async throws {
        let images = ["amd64", "arm64"].map { TestImage("a", architecture: $0) }
        let index = TestImage.index(images.map(\.entry))
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(images[0], as: images[0].digest.description)
            let early = try await bench.push(
                manifest: index, as: "v1", type: TestImage.indexType)
            #expect(early.status == .badRequest)
            #expect(early.errorCode == "MANIFEST_BLOB_UNKNOWN")
            try await bench.push(images[1], as: images[1].digest.description)
            let pushed = try await bench.push(
                manifest: index, as: "v1", type: TestImage.indexType)
            #expect(pushed.status == .created)
            let read = try await bench.send(.get, "acme/web/api/manifests/v1")
            #expect(read.headers[.contentType] == TestImage.indexType)
            #expect(read.text == index)
            // An index of an index, and an index of nothing.
            let digest = TestImage.digest(index)
            let outer = TestImage.index([
                #"{"mediaType":"\#(TestImage.indexType)","digest":"\#(digest)","size":\#(index.utf8.count)}"#
            ])
            for (manifest, tag) in [(outer, "outer"), (TestImage.index([]), "empty")] {
                let answer = try await bench.push(
                    manifest: manifest, as: tag, type: TestImage.indexType)
                #expect(answer.status == .created, "\(answer.text)")
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func aProjectMayAllowMissingImages(_ kind: DatabaseKind) async throws {
        let image = TestImage("a")
        let index = TestImage.index([image.entry])
        let settings = NamespaceSettings(allowsMissingChildren: true)
        try await OCIBench.run(on: kind, settings: settings) { bench in
            let pushed = try await bench.push(
                manifest: index, as: "v1", type: TestImage.indexType)
            #expect(pushed.status == .created)
            #expect(try await bench.send(.get, "acme/web/api/manifests/v1").text == index)
        }
    }

    /// C-15: unknown members, unknown types, no layers, no platform, no type; byte for byte.
    @Test func whateverIsAManifestIsTaken() async throws {
        let config = TestImage("a").config
        let digest = TestImage.digest(config)
        let descriptor =
            #"{"mediaType":"a/b","digest":"\#(digest)","size":\#(config.count),"data":"e30=","x":1}"#
        let cases: [(String, String?, String)] = [
            (
                #" {"schemaVersion":2, "config":\#(descriptor),"layers":[],"own":{"deep":[1.50]}}"#,
                TestImage.manifestType + "; charset=utf-8", TestImage.manifestType
            ),
            (
                #"{"schemaVersion":2,"config":\#(descriptor),"layers":null}"#, nil,
                TestImage.manifestType
            ),
            (
                #"{"mine":true,"config":"none"}"#, "application/vnd.example.v1+json",
                "application/vnd.example.v1+json"
            ),
            (
                #"{"mediaType":"application/vnd.example.v2+json","layers":[]}"#,
                "application/vnd.example.v2+json", "application/vnd.example.v2+json"
            ),
            (
                #"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","#
                    + #""config":\#(descriptor),"layers":[\#(descriptor)]}"#,
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.distribution.manifest.v2+json"
            ),
        ]
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(config)
            for (number, (manifest, type, stored)) in cases.enumerated() {
                let pushed = try await bench.push(manifest: manifest, as: "v\(number)", type: type)
                #expect(pushed.status == .created, "\(pushed.text)")
                #expect(
                    pushed.header("Docker-Content-Digest")
                        == TestImage.digest(manifest).description)
                let read = try await bench.send(.get, "acme/web/api/manifests/v\(number)")
                #expect(read.text == manifest)
                #expect(read.headers[.contentType] == stored)
            }
        }
    }

    @Test func whatIsNoManifestIsRefused() async throws {
        try await OCIBench.run(on: .sqlite) { bench in
            let cases = [
                ("", TestImage.manifestType), ("{}", TestImage.manifestType), ("{", "a/b"),
                ("[]", "a/b"),
                (
                    #"{"schemaVersion":1,"fsLayers":[]}"#,
                    "application/vnd.docker.distribution.manifest.v1+prettyjws"
                ),
            ]
            for (manifest, type) in cases {
                let answer = try await bench.push(manifest: manifest, as: "v1", type: type)
                #expect(answer.status == .badRequest)
                #expect(answer.errorCode == "MANIFEST_INVALID")
            }
            for tag in [".x", "-", String(repeating: "t", count: 129)] {
                let answer = try await bench.push(manifest: "{}", as: tag)
                #expect(answer.errorCode == "TAG_INVALID")
            }
        }
    }

    /// 4 MiB are taken, a byte more is not.
    @Test(arguments: DatabaseKind.allCases)
    func largeManifests(_ kind: DatabaseKind) async throws {
        let annotations = (0..<390).map {
            #""large-annotation-\#($0)":"\#(String(repeating: "A", count: 10_000))""#
        }
        let image = TestImage(
            "large", more: #","annotations":{\#(annotations.joined(separator: ","))}"#)
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "large")
            let read = try await bench.send(.get, "acme/web/api/manifests/large")
            #expect(read.text == image.manifest)
            let filler = (4 << 20) - image.manifest.utf8.count
            let largest = image.manifest + String(repeating: " ", count: filler)
            #expect(try await bench.push(manifest: largest, as: "largest").status == .created)
            let over = try await bench.push(manifest: largest + " ", as: "over")
            #expect(over.status == .contentTooLarge)
            #expect(over.errorCode == "SIZE_INVALID")
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func manyLayers(_ kind: DatabaseKind) async throws {
        let image = TestImage("many", layerCount: 600)
        try await OCIBench.run(on: kind) { bench in
            try await bench.push(image, as: "v1")
            for layer in [image.layers[0], image.layers[599]] {
                let answer = try await bench.send(
                    .head, "acme/web/api/blobs/\(TestImage.digest(layer))")
                #expect(answer.status == .ok)
            }
        }
    }

    /// Layers that are kept elsewhere need not come.
    @Test func foreignLayers() async throws {
        let config = TestImage("a").config
        let layer =
            #"{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","#
            + #""digest":"sha256:\#(String(repeating: "f", count: 64))","size":123456,"#
            + #""urls":["https://store.example.com/x"]}"#
        let manifest =
            #"{"schemaVersion":2,"config":{"mediaType":"\#(TestImage.configType)","#
            + #""digest":"\#(TestImage.digest(config))","size":\#(config.count)},"layers":[\#(layer)]}"#
        try await OCIBench.run(on: .sqlite) { bench in
            try await bench.push(config)
            #expect(try await bench.push(manifest: manifest, as: "v1").status == .created)
        }
    }

    /// C-22.
    @Test func deepNames() async throws {
        let image = TestImage("a")
        try await OCIBench.run(on: .sqlite) { bench in
            let deepest = "acme/web/" + Array(repeating: "a", count: 123).joined(separator: "/")
            let words = "acme/web/blobs/uploads/manifests/tags/list"
            for repository in ["acme/web", "acme/web/a/b/c/d/e", words, deepest] {
                try await bench.push(image, as: "v1", to: repository)
                let read = try await bench.send(.get, "\(repository)/manifests/v1")
                #expect(read.text == image.manifest)
                let list = try await bench.send(.get, "\(repository)/tags/list")
                #expect(list.text == #"{"name":"\#(repository)","tags":["v1"]}"#)
            }
            #expect(deepest.utf8.count == 254)
            let over = try await bench.send(.get, "\(deepest)/aa/manifests/v1")
            #expect(over.errorCode == "NAME_INVALID")
        }
    }
}
