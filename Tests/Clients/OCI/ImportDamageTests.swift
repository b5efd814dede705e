import Foundation
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// Imports of what is not whole, and imports that are not let finish.
    @Suite struct ImportDamageTests {
        private static let killCount = 8
        private static let imageCount = 30
        /// Files, of the hundred or so that there are, that come between two kills at most.
        private static let fileStepCount = 16

        @Test(
            .needs(.dockerRegistry, .skopeo, .python, .nginx),
            arguments: SiteKind.allCases)
        func whatIsDamagedIsReportedAndTheRestComes(_ kind: SiteKind) async throws {
            try await SourceRegistry.run { source in
                let images = try await SourceImages.push(to: source)
                try await Site.run(kind) { site in
                    try await site.createProject("web")
                    let mended = try damage(source, images)
                    let failed: Set<String> = [
                        "team/app:2.0", "team/app:moving", "team/app:multi",
                        "team/app@\(try platformDigests(images.several)[0])",
                        "team/app:unlinked", "team/app:lost", "tools/cli:stable", "old/app:1",
                    ]
                    let before = try await site.countEverything()
                    let planned = try await site.runImport(source.root, "--dry-run")
                    #expect(planned.status == 1)
                    #expect(try planned.summary().failed == failed)
                    #expect(try await site.countEverything() == before)
                    let run = try await site.runImport(source.root)
                    #expect(run.status == 1)
                    let summary = try run.summary()
                    #expect(summary.failed == failed)
                    try checkReasons(summary)
                    try await checkWhatCame(images, site)
                    // Again the same, and then, once the source is mended, the rest.
                    let counts = try await site.countEverything()
                    #expect(try await site.runImport(source.root).summary().failed == failed)
                    #expect(try await site.countEverything() == counts)
                    try mended()
                    let last = try await site.runImport(source.root)
                    #expect(last.status == 0, "\(last.output)")
                    let client = RegistryClient(origin: site.origin, credential: site.root)
                    let here = try await client.crawl(
                        SourceImages.repositories, below: "root/web/")
                    #expect(here == (try await source.client.crawl(SourceImages.repositories)))
                    try await site.checkRows()
                }
            }
        }

        private func layers(of manifest: String, _ layout: ImageLayout) throws -> [String] {
            try JSONDecoder().decode(RegistryClient.Image.self, from: layout.blob(manifest))
                .layers.map(\.digest)
        }

        private func platformDigests(_ layout: ImageLayout) throws -> [String] {
            struct Index: Decodable {
                struct Part: Decodable { let digest: String }
                let manifests: [Part]
            }
            return try JSONDecoder().decode(Index.self, from: layout.blob(layout.digest))
                .manifests.map(\.digest)
        }

        /// Damages the source in every way; gives what mends it again.
        private func damage(
            _ source: SourceRegistry, _ images: SourceImages
        ) throws -> () throws -> Void {
            let repositories = source.root + "/docker/registry/v2/repositories"
            var undo: [() throws -> Void] = []
            func replace(_ path: String, _ content: Data?) throws {
                let url = URL(fileURLWithPath: path)
                let old = try? Data(contentsOf: url)
                if let content {
                    try FileManager.default.createDirectory(
                        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                    try content.write(to: url)
                } else {
                    try FileManager.default.removeItem(at: url)
                }
                undo.append {
                    if let old {
                        try old.write(to: url)
                    } else if path.hasSuffix("/current/link") {
                        // A tag without its folder is no tag.
                        try FileManager.default.removeItem(
                            at: url.deletingLastPathComponent().deletingLastPathComponent())
                    } else {
                        try FileManager.default.removeItem(at: url)
                    }
                }
            }
            // Other bytes of the same length, in layers that one image alone has.
            let platform = try platformDigests(images.several)[0]
            for (manifest, layout) in [(images.two.digest, images.two), (platform, images.several)]
            {
                let digest = try #require(try layers(of: manifest, layout).last)
                let path = SourceRegistry.file(of: digest, in: source.root)
                var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                bytes[bytes.count / 2] ^= 1
                try replace(path, bytes)
            }
            let config = try JSONDecoder().decode(
                RegistryClient.Image.self, from: images.tool.blob(images.tool.digest)
            ).config.digest
            try replace(SourceRegistry.file(of: config, in: source.root), nil)
            // What a crash leaves of a link, and a tag of what was deleted.
            try replace("\(repositories)/team/app/_manifests/tags/unlinked/current/link", Data())
            let nothing = "sha256:" + String(repeating: "0", count: 64)
            try replace(
                "\(repositories)/team/app/_manifests/tags/lost/current/link", Data(nothing.utf8))
            // A manifest of long ago.
            let schema1 = Data(
                #"{"schemaVersion":1,"name":"old/app","tag":"1","fsLayers":[]}"#.utf8)
            let digest = RegistryClient.digest(schema1)
            let hex = digest.replacing("sha256:", with: "")
            try replace(SourceRegistry.file(of: digest, in: source.root), schema1)
            let manifests = "\(repositories)/old/app/_manifests"
            try replace("\(manifests)/revisions/sha256/\(hex)/link", Data(digest.utf8))
            try replace("\(manifests)/tags/1/current/link", Data(digest.utf8))
            return { for step in undo.reversed() { try step() } }
        }

        private func checkReasons(_ summary: ImportRun.Summary) throws {
            let reasons = Dictionary(
                summary.problems.map { ($0.repository + $0.subject, $0.reason) },
                uniquingKeysWith: { first, _ in first })
            let words = [
                "team/app:2.0": "is damaged: the sha256 of the content is",
                "team/app:multi": "its part sha256:", "team/app:unlinked": "its link is damaged",
                "team/app:lost": "which is not there", "tools/cli:stable": "is not there",
                "old/app:1": "schema 1",
            ]
            for (subject, text) in words {
                #expect(reasons[subject]?.contains(text) == true, "\(reasons[subject] ?? "none")")
            }
        }

        private func checkWhatCame(_ images: SourceImages, _ site: Site) async throws {
            let client = RegistryClient(origin: site.origin, credential: site.root)
            for tag in ["1.0", "latest"] {
                let digest = try await client.pullImage("root/web/team/app", tag)
                #expect(digest == images.one.digest)
            }
            let whole = try platformDigests(images.several)[1]
            #expect(try await client.pullImage("root/web/team/app", whole) == whole)
            for tag in ["2.0", "moving", "multi", "unlinked", "lost"] {
                try await client.findManifest(tag, of: "root/web/team/app").expecting(404)
            }
            try await site.checkRows()
        }

        @Test(.needs(.dockerRegistry, .nginx), arguments: SiteKind.allCases)
        func killedAndRunAgain(_ kind: SiteKind) async throws {
            var generator = SeededGenerator.announced()
            try await SourceRegistry.run { source in
                try await pushMany(to: source)
                try await Site.run(kind) { site in
                    try await site.createProject("web")
                    let client = RegistryClient(origin: site.origin, credential: site.root)
                    var kills = 0
                    for attempt in 0..<Self.killCount {
                        let child = try site.startImport(
                            source.root, project: "root/web",
                            attempt.isMultiple(of: 2) ? [] : ["--copy"])
                        // Somewhere in the next few files.
                        let target =
                            site.storedFiles().count
                            + Int.random(in: 1...Self.fileStepCount, using: &generator)
                        _ = try await eventually {
                            !child.isRunning || site.storedFiles().count >= target
                        }
                        child.kill()
                        if try await child.ending().wasSignalled { kills += 1 }
                        // What can be seen is whole.
                        for number in 0..<Self.imageCount {
                            let answer = try await client.findManifest(
                                "\(number)", of: "root/web/many")
                            guard answer.status != 404 else { continue }
                            _ = try await client.pullImage("root/web/many", "\(number)")
                        }
                    }
                    print("kills: \(kills)")
                    #expect(kills >= Self.killCount / 2)
                    let run = try await site.runImport(source.root)
                    #expect(run.status == 0, "\(run.output)")
                    let here = try await client.crawl(["many"], below: "root/web/")
                    #expect(here == (try await source.client.crawl(["many"])))
                    try await site.checkRows()
                }
            }
        }

        /// Images of a layer of their own and one of two that they share.
        private func pushMany(to source: SourceRegistry) async throws {
            let client = source.client
            let shared = [Data(repeating: 1, count: 300_000), Data(repeating: 2, count: 300_000)]
            for number in 0..<Self.imageCount {
                let own = Data((0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* (number + 3)) })
                let config = Data(#"{"number":\#(number)}"#.utf8)
                let layers = [shared[number % 2], own]
                for blob in layers + [config] { try await client.pushBlob(blob, to: "many") }
                let manifest = try JSONEncoder().encode(
                    RegistryClient.Image(config: config, layers: layers))
                try await client.pushManifest(manifest, to: "many", as: "\(number)")
            }
        }
    }
}
