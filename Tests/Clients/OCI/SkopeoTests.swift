import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// Real clients against real servers. One after the other: each brings servers of its own.
@Suite(.serialized) struct OCIClientTests {}

extension OCIClientTests {
    /// skopeo, which copies images without running them.
    @Suite struct SkopeoTests {
        @Test(.needs(.skopeo, .nginx), arguments: SiteKind.allCases)
        func largeImagesOfSeveralPlatforms(_ kind: SiteKind) async throws {
            let image = try await ImageLayout.large()
            try await Site.run(kind) { site in
                try await site.createProject("big")
                let entrance = site.entrance
                try await Skopeo.push(image, to: "root/big/app:1.0", at: entrance, all: true)
                #expect(
                    try await Skopeo.digest(of: "root/big/app:1.0", at: entrance) == image.digest)
                for name in ["root/big/app:1.0", "root/big/app@\(image.digest)"] {
                    let digest = try await Skopeo.pull(name, from: entrance, all: true)
                    #expect(digest == image.digest, "\(name)")
                }
                // One platform alone, and from one repository into another.
                let own = try await Skopeo.pull("root/big/app:1.0", from: entrance)
                #expect(own != image.digest)
                try await Program.skopeo.run(
                    ["copy", "--quiet", "--all"] + Skopeo.flags(entrance, prefix: "src-")
                        + Skopeo.flags(entrance, prefix: "dest-")
                        + [
                            entrance.image("root/big/app:1.0"),
                            entrance.image("root/big/deep/er/copy:1.0"),
                        ])
                let copied = try await Skopeo.pull(
                    "root/big/deep/er/copy:1.0", from: entrance, all: true)
                #expect(copied == image.digest)
            }
        }

        @Test(.needs(.skopeo, .nginx), arguments: SiteKind.allCases)
        func tagsAreListedInspectedAndDeleted(_ kind: SiteKind) async throws {
            let (runnable, empty) = try await (ImageLayout.runnable(), ImageLayout.empty())
            try await Site.run(kind) { site in
                try await site.createProject("tags")
                let entrance = site.entrance
                for tag in ["b", "B", "a", "latest"] {
                    try await Skopeo.push(runnable, to: "root/tags:\(tag)", at: entrance)
                }
                // C-15: an image without any layer.
                try await Skopeo.push(empty, to: "root/tags:empty", at: entrance)
                #expect(
                    try await Skopeo.pull("root/tags:empty", from: entrance) == empty.digest)
                let tags = try await Skopeo.tags(of: "root/tags", at: entrance)
                #expect(tags == ["B", "a", "b", "empty", "latest"])
                let description = try await Program.skopeo.run(
                    ["inspect"] + Skopeo.flags(entrance) + [entrance.image("root/tags:b")])
                #expect(description.contains(runnable.digest))
                #expect(description.contains("\"Architecture\": \"amd64\""))

                // skopeo deletes by the digest that the tag names, and with it all of its tags.
                try await Program.skopeo.run(
                    ["delete"] + Skopeo.flags(entrance) + [entrance.image("root/tags:b")])
                #expect(try await Skopeo.tags(of: "root/tags", at: entrance) == ["empty"])
                let words = try await Program.skopeo.refusal(
                    ["inspect"] + Skopeo.flags(entrance) + [entrance.image("root/tags:b")])
                #expect(words.contains("manifest unknown"), "\(words)")

                // What was deleted can be pushed again, bytes and all.
                try await Skopeo.push(runnable, to: "root/tags:b", at: entrance)
                #expect(
                    try await Skopeo.pull("root/tags:b", from: entrance) == runnable.digest)
                #expect(try await Skopeo.tags(of: "root/tags", at: entrance) == ["b", "empty"])
            }
        }

        /// C-26: what a disk lost is not promised, and comes back with the next push.
        @Test(.needs(.skopeo)) func lostBytesComeBack() async throws {
            let image = try await ImageLayout.runnable()
            try await Site.run(.single) { site in
                try await site.createProject("lost")
                try await Skopeo.push(image, to: "root/lost:1", at: site.entrance)
                // Nothing may be remembered of what is taken away now.
                try await site.servers[0].terminate()
                let blobs = site.folder.url.appendingPathComponent("data/blobs")
                let paths = try FileManager.default.subpathsOfDirectory(atPath: blobs.path)
                var count = 0
                for path in paths {
                    let file = blobs.appendingPathComponent(path)
                    guard
                        try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile
                            ?? false
                    else { continue }
                    if count.isMultiple(of: 2) {
                        try FileManager.default.removeItem(at: file)
                    } else {
                        try Data("short".utf8).write(to: file)
                    }
                    count += 1
                }
                #expect(count == 5)
                let server = try await site.servers[0].restart()
                let words = try await Program.skopeo.refusal(
                    ["inspect"] + Skopeo.flags(site.entrance)
                        + [site.entrance.image("root/lost:1")])
                print("skopeo, lost bytes: \(words)")
                try await Skopeo.push(image, to: "root/lost:1", at: site.entrance)
                #expect(try await Skopeo.pull("root/lost:1", from: site.entrance) == image.digest)
                try await server.terminate()
            }
        }

        @Test(.needs(.skopeo)) func refusalsAreUnderstood() async throws {
            let image = try await ImageLayout.runnable()
            try await Site.run(.single) { site in
                let project = try await site.createProject("words")
                try await Skopeo.push(image, to: "root/words:1", at: site.entrance)
                let wrong = Credential(username: "root", password: "not-the-password-of-root")
                for arguments in [
                    Skopeo.pushing(image, to: "root/words:2", at: site.entrance(as: wrong)),
                    ["inspect"] + Skopeo.flags(site.entrance(as: wrong))
                        + [site.entrance.image("root/words:1")],
                ] {
                    let words = try await Program.skopeo.refusal(arguments)
                    #expect(words.contains("invalid username/password"), "\(words)")
                    print("skopeo, wrong password: \(words)")
                }
                let reader = try await site.createDeployToken(
                    project, scopes: ["read_registry"])
                let pulled = try await Skopeo.pull(
                    "root/words:1", from: site.entrance(as: reader))
                #expect(pulled == image.digest)
                let words = try await Program.skopeo.refusal(
                    Skopeo.pushing(image, to: "root/words:2", at: site.entrance(as: reader)))
                #expect(words.contains("denied") || words.contains("DENIED"), "\(words)")
                print("skopeo, token that may only pull: \(words)")
                let nobody = try await Program.skopeo.refusal(
                    ["inspect"] + Skopeo.flags(site.entrance(as: nil))
                        + [site.entrance.image("root/words:1")])
                print("skopeo, nobody: \(nobody)")
                #expect(nobody.contains("unauthorized"), "\(nobody)")
            }
        }
    }
}
