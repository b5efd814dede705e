import Registry
import TestSupport
import Testing

@testable import OCIFormat

@Suite("Manifests")
struct OCIManifestTests {
    private static let a = "sha256:" + String(repeating: "a", count: 64)
    private static let b = "sha256:" + String(repeating: "b", count: 64)
    private static let c = "sha512:" + String(repeating: "c", count: 128)

    private static func descriptor(
        _ digest: String, size: Int = 10, type: String = "application/x", _ more: String = ""
    ) -> String {
        #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(size)\#(more)}"#
    }

    private static func parse(
        _ text: String, _ contentType: String? = OCIMediaType.manifest
    ) throws(RegistryError) -> OCIManifest {
        try OCIManifest(parsing: Array(text.utf8), contentType: contentType)
    }

    private static func expectRefusal(
        _ text: String, _ contentType: String? = OCIMediaType.manifest, mentions word: String
    ) {
        let failure = #expect(throws: RegistryError.self, "\(text)") {
            try parse(text, contentType)
        }
        #expect(failure?.code == .malformed, "\(text)")
        #expect(failure?.reason == "manifest_invalid", "\(text)")
        #expect(failure?.message.contains(word) == true, "\(failure?.message ?? "")")
    }

    @Test func anImage() throws {
        let text = """
            {"schemaVersion":2,"mediaType":"\(OCIMediaType.manifest)",
             "config":\(Self.descriptor(Self.a, size: 7, type: "application/c")),
             "layers":[\(Self.descriptor(Self.b, size: 20)),\(Self.descriptor(Self.c, size: 30)),
                       \(Self.descriptor(Self.b, size: 20))],
             "annotations":{"z":"1","a":"2"},"org.example.unknown":[{"deep":[1.5e3,null]}]}
            """
        let manifest = try Self.parse(text)
        #expect(manifest.kind == .image)
        #expect(manifest.mediaType == OCIMediaType.manifest)
        #expect(manifest.references.map(\.digest.description) == [Self.a, Self.b, Self.c])
        #expect(manifest.references.map(\.size) == [7, 20, 30])
        #expect(manifest.references.map(\.isRequired) == [true, true, true])
        #expect(manifest.artifactType == "application/c")
        #expect(manifest.subject == nil)
        let attributes = manifest.attributes
        #expect(attributes.layerCount == 3)
        #expect(attributes.totalSize == Int64(text.utf8.count) + 57)
        #expect(attributes.config?.mediaType == "application/c")
        #expect(attributes.annotations == ["z": "1", "a": "2"])
        #expect(try ImageAttributes(decoding: attributes.encode()) == attributes)
    }

    @Test func anIndex() throws {
        let amd = #","platform":{"os":"linux","architecture":"amd64","os.features":["x"]}"#
        let arm = #","platform":{"os":"linux","architecture":"arm","variant":"v7"}"#
        let text = """
            {"schemaVersion":2,"mediaType":"\(OCIMediaType.index)","manifests":[
              \(Self.descriptor(Self.a, amd)),\(Self.descriptor(Self.b, arm)),
              \(Self.descriptor(Self.c))],"artifactType":""}
            """
        let index = try Self.parse(text, OCIMediaType.index)
        #expect(index.kind == .index)
        #expect(index.childDigests.map(\.description) == [Self.a, Self.b, Self.c])
        #expect(index.references.isEmpty)
        #expect(index.artifactType == nil)
        #expect(index.attributes.totalSize == nil)
        #expect(
            index.attributes.platforms == [
                .init(os: "linux", architecture: "amd64", variant: nil, digest: Self.a),
                .init(os: "linux", architecture: "arm", variant: "v7", digest: Self.b),
                .init(os: "unknown", architecture: "unknown", variant: nil, digest: Self.c),
            ])
        #expect(try ImageAttributes(decoding: index.attributes.encode()) == index.attributes)
    }

    @Test(arguments: [OCIMediaType.dockerManifest, OCIMediaType.manifest])
    func layersThatAreKeptElsewhere(_ type: String) throws {
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        let unpublished = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        let text = """
            {"schemaVersion":2,"config":\(Self.descriptor(Self.a)),"layers":[
              \(Self.descriptor(Self.b, type: foreign)),
              \(Self.descriptor(Self.c, type: unpublished, #","urls":["https://x.example/"]"#))]}
            """
        let manifest = try Self.parse(text, type)
        #expect(manifest.references.map(\.isRequired) == [true, false, false])
    }

    @Test func artifacts() throws {
        let text = """
            {"schemaVersion":2,"mediaType":"\(OCIMediaType.manifest)","artifactType":"a/sbom",
             "config":\(Self.descriptor(Self.a, size: 2, type: OCIMediaType.emptyConfig,
                #","data":"e30=""#)),"layers":[],
             "subject":\(Self.descriptor(Self.c, size: 123, type: OCIMediaType.index))}
            """
        let manifest = try Self.parse(text)
        #expect(manifest.artifactType == "a/sbom")
        #expect(manifest.subject?.digest.description == Self.c)
        #expect(manifest.attributes.subject == Self.c)
        let old = try Self.parse(
            #"{"mediaType":"\#(OCIMediaType.artifactManifest)","blobs":[\#(Self.descriptor(Self.b))],"#
                + #""artifactType":"x/y"}"#, OCIMediaType.artifactManifest)
        #expect(old.kind == .other)
        #expect(old.references.map(\.digest.description) == [Self.b])
        #expect(old.artifactType == "x/y")
    }

    /// C-15: nulls, missing types, no layers, entries without a platform, other types.
    @Test(
        arguments: [
            (#"{"schemaVersion":2,"config":CONFIG}"#, OCIMediaType.manifest, OCIMediaType.manifest),
            (
                #"{"schemaVersion":2,"config":CONFIG,"layers":null}"#, OCIMediaType.manifest,
                OCIMediaType.manifest
            ),
            (#"{"schemaVersion":2,"config":CONFIG,"layers":[]}"#, nil, OCIMediaType.manifest),
            (#"{"schemaVersion":2,"config":CONFIG}"#, "application/json", OCIMediaType.manifest),
            (#"{"schemaVersion":2,"manifests":[]}"#, nil, OCIMediaType.index),
            (#"{"schemaVersion":2,"manifests":null}"#, OCIMediaType.index, OCIMediaType.index),
            (
                #"{"schemaVersion":2,"manifests":[CONFIG]}"#, OCIMediaType.dockerManifestList,
                OCIMediaType.dockerManifestList
            ),
            (
                #"{"schemaVersion":2,"config":CONFIG,"subject":null,"annotations":null}"#,
                OCIMediaType.manifest + "; charset=utf-8", OCIMediaType.manifest
            ),
            (#"{}"#, "application/vnd.example+json", "application/vnd.example+json"),
            (
                #"{"config":"mine","layers":7,"manifests":{},"mediaType":5,"subject":[]}"#,
                "application/vnd.example+json", "application/vnd.example+json"
            ),
            (
                #"{"mediaType":"application/vnd.example+json","layers":[{"digest":"x"}]}"#, nil,
                "application/vnd.example+json"
            ),
            (
                #"{"schemaVersion":2,"mediaType":"\#(OCIMediaType.manifest)","config":CONFIG}"#,
                "Application/VND.oci.image.manifest.v1+JSON", OCIMediaType.manifest
            ),
        ] as [(String, String?, String)])
    func lenient(_ template: String, _ contentType: String?, _ mediaType: String) throws {
        let text = template.split(separator: "CONFIG", omittingEmptySubsequences: false)
            .joined(separator: Self.descriptor(Self.a))
        #expect(try Self.parse(text, contentType).mediaType == mediaType)
    }

    @Test func refusals() {
        let config = Self.descriptor(Self.a)
        let image = #"{"schemaVersion":2,"config":\#(config)"#
        let cases: [(String, String?, String)] = [
            ("", OCIMediaType.manifest, "not valid"), ("[]", OCIMediaType.manifest, "object"),
            ("{}x", OCIMediaType.manifest, "follows"), ("\u{FEFF}{}", "a/b", "not valid"),
            (#"{"schemaVersion":2}"#, OCIMediaType.manifest, "config"),
            (#"{"config":\#(config)}"#, OCIMediaType.manifest, "schemaVersion"),
            (#"{"schemaVersion":3,"config":\#(config)}"#, OCIMediaType.manifest, "schemaVersion"),
            (#"{"schemaVersion":"2","config":\#(config)}"#, OCIMediaType.manifest, "number"),
            (image + #","layers":{}}"#, OCIMediaType.manifest, "array"),
            (image + #","layers":[null]}"#, OCIMediaType.manifest, "object"),
            (image + #","layers":[{"digest":"\#(Self.b)"}]}"#, OCIMediaType.manifest, "size"),
            (image + #","layers":[{"size":1}]}"#, OCIMediaType.manifest, "digest"),
            (image + #","layers":[{"digest":"x","size":1}]}"#, OCIMediaType.manifest, "digest"),
            (
                image + #","layers":[\#(Self.descriptor(Self.b, size: -1))]}"#,
                OCIMediaType.manifest, "size"
            ),
            (
                image + #","layers":[\#(Self.descriptor(Self.a, size: 11))]}"#,
                OCIMediaType.manifest, "two sizes"
            ),
            (
                image + #","mediaType":"\#(OCIMediaType.index)"}"#, OCIMediaType.manifest,
                "Content-Type says"
            ),
            (image + #","mediaType":"nonsense"}"#, nil, "mediaType"),
            (image + "}", "nonsense", "Content-Type"),
            (#"{"schemaVersion":2}"#, nil, "kind of manifest"),
            // Two meanings in one document.
            (image + #","manifests":[\#(config)]}"#, OCIMediaType.manifest, "no manifests"),
            (image + #","manifests":[]}"#, OCIMediaType.index, "config"),
            (
                #"{"schemaVersion":2,"manifests":[],"layers":[\#(config)]}"#, OCIMediaType.index,
                "layers"
            ),
            (image + #","layers":[],"layers":[\#(config)]}"#, OCIMediaType.manifest, "two members"),
            (image + #","layers":[],"config":\#(config)}"#, OCIMediaType.manifest, "two members"),
            // Docker's schema 1.
            (
                #"{"schemaVersion":1,"fsLayers":[]}"#, OCIMediaType.dockerSchema1Signed, "schema 1"
            ),
            (#"{"schemaVersion":1,"fsLayers":[]}"#, nil, "schema 1"),
            (#"{"schemaVersion":1,"fsLayers":[]}"#, "application/json", "schema 1"),
            (#"{"schemaVersion":1,"config":\#(config)}"#, OCIMediaType.manifest, "schema 1"),
        ]
        for (text, contentType, word) in cases {
            Self.expectRefusal(text, contentType, mentions: word)
        }
    }

    @Test func manyAnnotationsAreNotKept() throws {
        let value = String(repeating: "A", count: 10_000)
        let annotations = (0..<10).map { #""k\#($0)":"\#(value)""# }.joined(separator: ",")
        let manifest = try Self.parse(
            #"{"schemaVersion":2,"config":\#(Self.descriptor(Self.a)),"annotations":{\#(annotations)}}"#
        )
        #expect(manifest.annotations.count == 10)
        #expect(manifest.attributes.annotations == nil)
        #expect(manifest.attributes.omitsAnnotations == true)
        #expect(try ImageAttributes(decoding: manifest.attributes.encode()) == manifest.attributes)
    }

    @Test func sizesBeyondEveryDisk() throws {
        let manifest = try Self.parse(
            #"{"schemaVersion":2,"config":\#(Self.descriptor(Self.a, size: .max)),"#
                + #""layers":[\#(Self.descriptor(Self.b, size: .max))]}"#)
        #expect(manifest.attributes.totalSize == .max)
    }

    /// Whatever is sent, reading ends, with a manifest or with a refusal.
    @Test func damagedManifests() {
        var generator = SeededGenerator.announced()
        let text =
            #"{"schemaVersion":2,"config":\#(Self.descriptor(Self.a)),"layers":["#
            + #"\#(Self.descriptor(Self.b, #","urls":["u"],"annotations":{"k":"v"}"#))],"#
            + #""subject":\#(Self.descriptor(Self.c)),"annotations":{"a":"é\u0041"}}"#
        for _ in 0..<5000 {
            var bytes = Array(text.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[index], at: index)
                }
            }
            do throws(RegistryError) {
                let manifest = try OCIManifest(
                    parsing: bytes, contentType: OCIMediaType.manifest)
                #expect(manifest.references.contains { $0.isRequired })
            } catch {
                #expect(error.code == .malformed)
                #expect(error.reason == "manifest_invalid")
            }
        }
    }

    @Test func configurations() {
        let text =
            #"{"created":"2024-01-02T03:04:05Z","architecture":"arm64","os":"linux","#
            + #""variant":"v8","rootfs":{"diff_ids":[]},"history":[{"a":1}]}"#
        let config = OCIImageConfig(parsing: Array(text.utf8))
        #expect(config?.platform == OCIPlatform(os: "linux", architecture: "arm64", variant: "v8"))
        #expect(config?.created == "2024-01-02T03:04:05Z")
        #expect(OCIImageConfig(parsing: Array("{}".utf8)) != nil)
        #expect(OCIImageConfig(parsing: Array(#"{"os":5}"#.utf8)) == nil)
        #expect(OCIImageConfig(parsing: [0, 1, 2]) == nil)
    }
}
