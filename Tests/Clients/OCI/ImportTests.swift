import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// What Debian's `docker-registry` keeps on disk, taken over while servers run.
    @Suite struct ImportTests {
        @Test(
            .needs(.dockerRegistry, .skopeo, .python, .nginx),
            arguments: SiteKind.allCases)
        func everythingArrivesByteForByte(_ kind: SiteKind) async throws {
            try await SourceRegistry.run { source in
                let images = try await SourceImages.push(to: source)
                try await Site.run(kind) { site in
                    try await site.createProject("web")
                    let planned = try await checkDryRun(source, site)
                    let run = try await site.runImport(source.root)
                    #expect(run.status == 0, "\(run.output)")
                    let summary = try run.summary()
                    #expect(summary.newManifestCount == planned.newManifestCount)
                    #expect(summary.newTagCount == 6 && summary.repositoryCount == 2)
                    #expect(summary.linked == planned.linked && summary.copied.count == 0)
                    try await checkArrival(images, source, site)
                    try await checkRepetition(source, site)
                    try await checkLaterPushes(images, source, site)
                    try await site.checkRows()
                }
            }
        }

        private func checkDryRun(
            _ source: SourceRegistry, _ site: Site
        ) async throws -> ImportRun.Summary {
            let before = try await site.countEverything()
            let run = try await site.runImport(source.root, "--dry-run")
            #expect(run.status == 0, "\(run.output)")
            let summary = try run.summary()
            #expect(summary.isDryRun && summary.problems.isEmpty)
            // 1.0, 2.0, the index and its two images, the tool, and what is attached to 1.0.
            #expect(summary.newManifestCount == 7)
            #expect(try await site.countEverything() == before)
            return summary
        }

        private func checkArrival(
            _ images: SourceImages, _ source: SourceRegistry, _ site: Site
        ) async throws {
            let client = RegistryClient(origin: site.origin, credential: site.root)
            try await expectSame(source, client)
            let pulled = try await Skopeo.pull(
                "root/web/team/app:multi", from: site.entrance, all: true)
            #expect(pulled == images.several.digest)
            // What is attached came with what it is attached to, and what lost its tag did not.
            var found: [String: String] = [:]
            try await client.crawlManifest(images.attached, "team/app", "root/web/", &found)
            let referrers = try await client.send(
                .GET, client.url("/v2/root/web/team/app/referrers/\(images.one.digest)")
            ).expecting(200)
            #expect(referrers.text.contains(images.attached))
            try await client.findManifest(images.untagged, of: "root/web/team/app").expecting(404)
            // Both are one file.
            let file = SourceRegistry.file(of: images.one.digest, in: source.root)
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect(attributes[.referenceCount] as? Int == 2)
        }

        private func expectSame(_ source: SourceRegistry, _ client: RegistryClient) async throws {
            let there = try await source.client.crawl(SourceImages.repositories)
            let here = try await client.crawl(SourceImages.repositories, below: "root/web/")
            #expect(here == there)
        }

        private func checkRepetition(_ source: SourceRegistry, _ site: Site) async throws {
            let before = try await site.countEverything()
            for path in [source.root, source.root + "/docker/registry/v2/"] {
                let run = try await site.runImport(path)
                #expect(run.status == 0, "\(run.output)")
                let summary = try run.summary()
                #expect(summary.changedNothing && summary.presentManifestCount == 7)
                #expect(summary.presentTagCount == 6)
            }
            #expect(try await site.countEverything() == before)
        }

        /// What was pushed to the source since comes over, and nothing else.
        private func checkLaterPushes(
            _ images: SourceImages, _ source: SourceRegistry, _ site: Site
        ) async throws {
            try await source.push(images.two, to: "team/app:3.0")
            try await source.push(images.two, to: "team/app:latest")
            let run = try await site.runImport(source.root)
            let summary = try run.summary()
            #expect(summary.newManifestCount == 0 && summary.linked.count == 0)
            #expect(summary.newTagCount == 1 && summary.movedTagCount == 1)
            let client = RegistryClient(origin: site.origin, credential: site.root)
            try await expectSame(source, client)
            let untagged = try await site.runImport(source.root, "--untagged").summary()
            #expect(untagged.newManifestCount == 1 && untagged.newTagCount == 0)
            var found: [String: String] = [:]
            try await client.crawlManifest(images.untagged, "team/app", "root/web/", &found)
        }

        @Test(.needs(.dockerRegistry, .skopeo, .python))
        func immutableTagsStay() async throws {
            try await SourceRegistry.run { source in
                let images = try await SourceImages.push(to: source)
                try await Site.run(.single) { site in
                    try await site.createProject("web")
                    #expect(try await site.runImport(source.root).status == 0)
                    try await site.makeTagsImmutable(in: "root/web")
                    try await source.push(images.two, to: "team/app:1.0")
                    try await source.push(images.one, to: "team/app:new")
                    for flags in [["--dry-run"], []] {
                        let child = try site.startImport(source.root, project: "root/web", flags)
                        let ending = try await child.ending()
                        let run = ImportRun(status: ending.status, output: child.output)
                        #expect(run.status == 1)
                        let summary = try run.summary()
                        #expect(summary.failed == ["team/app:1.0"])
                        #expect(summary.problems[0].reason.contains("immutable by the rule '.*'"))
                        #expect(summary.newTagCount == 1 && summary.movedTagCount == 0)
                    }
                    let kept = try await site.runImport(source.root, "--keep-tags")
                    #expect(kept.status == 0)
                    #expect(try kept.summary().changedNothing)
                    let digest = try await Skopeo.digest(
                        of: "root/web/team/app:1.0", at: site.entrance)
                    #expect(digest == images.one.digest)
                }
            }
        }

        @Test(.needs(.dockerRegistry, .skopeo, .python))
        func repositoriesAreChosenAndRenamed() async throws {
            try await SourceRegistry.run { source in
                let images = try await SourceImages.push(to: source)
                try await Site.run(.single) { site in
                    try await site.createProject("web")
                    let run = try await site.runImport(
                        source.root, "--repository", "tools/*", "--map", "tools=bin/new", "--copy")
                    #expect(run.status == 0, "\(run.output)")
                    let summary = try run.summary()
                    #expect(summary.repositoryCount == 1 && summary.newManifestCount == 1)
                    #expect(summary.copied.count == 4 && summary.linked.count == 0)
                    #expect(
                        try await Skopeo.pull("root/web/bin/new/cli:stable", from: site.entrance)
                            == images.tool.digest)
                    // The project's own name, and blobs that another package has.
                    let own = try await site.runImport(
                        source.root, "--repository", "tools/cli", "--map", "tools/cli=")
                    #expect(try own.summary().present.count == 3)
                    #expect(
                        try await Skopeo.pull("root/web:stable", from: site.entrance)
                            == images.tool.digest)
                    try await checkRefusals(source, site)
                }
            }
        }

        private func checkRefusals(_ source: SourceRegistry, _ site: Site) async throws {
            let before = try await site.countEverything()
            let refusals: [([String], String)] = [
                (["--repository", "tols/*"], "no repository there is called 'tols/*'"),
                (
                    ["--map", "team/app=x", "--map", "tools/cli=x"],
                    "would both become 'root/web/x'"
                ),
                (["--map", "team=UPPER"], "cannot become 'root/web/UPPER/app'"),
                (["--map", "team"], "--map takes OLD=NEW"),
                (["--parallel", "0"], "--parallel takes 1 to 256"),
            ]
            for (flags, words) in refusals {
                let child = try site.startImport(source.root, project: "root/web", flags)
                #expect(try await child.ending().status != 0)
                #expect(child.output.contains(words), "\(child.output)")
            }
            let missing = try await site.runImport(source.folder.path("nothing"))
            #expect(missing.status == 1 && missing.output.contains("is not the folder of"))
            let project = try await site.runImport(source.root, project: "root/other")
            #expect(project.status == 1)
            #expect(project.output.contains("there is no project 'root/other'"))
            #expect(try await site.countEverything() == before)
        }
    }
}
