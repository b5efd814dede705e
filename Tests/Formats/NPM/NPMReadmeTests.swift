import Foundation
import HTTPTypes
import Registry
import TestSupport
import Testing

@testable import NPMFormat

/// Readmes: that of `latest` stands in the full packument.
@Suite struct NPMReadmeTests {
    private func readme(_ bench: NPMBench, _ name: String = "tool") async throws -> String? {
        try await bench.packument(name)["readme"] as? String
    }

    @Test func thatOfLatestIsShown() async throws {
        try await NPMBench.run { bench in
            try await bench.publish(
                TestPublish(
                    "tool", "1.0.0",
                    manifest: ["readme": "# One \u{1F528}", "readmeFilename": "README.md"]))
            let packument = try await bench.packument("tool")
            #expect(packument["readme"] as? String == "# One \u{1F528}")
            #expect(packument["readmeFilename"] as? String == "README.md")
            try await bench.publish(
                TestPublish("tool", "2.0.0-rc.1", tag: "next", manifest: ["readme": "# Two"]))
            #expect(try await readme(bench) == "# One \u{1F528}")
            try await bench.send(.put, "/-/package/tool/dist-tags/latest", json: "2.0.0-rc.1")
            #expect(try await readme(bench) == "# Two")
            // It is no part of what an install reads, nor of a version.
            let install = try await bench.send(
                .get, "/tool", [("Accept", NPMDocumentKind.abbreviatedMediaType)])
            #expect(try install.object()["readme"] == nil)
            #expect(try await bench.send(.get, "/tool/1.0.0").object()["readme"] == nil)
            let versions = try await bench.packument("tool")["versions"] as? [String: [String: Any]]
            #expect(versions?["1.0.0"]?["readme"] == nil)
        }
    }

    @Test func someClientsWriteItBesideTheVersion() async throws {
        try await NPMBench.run { bench in
            var publish = TestPublish("tool", "1.0.0", manifest: ["readme": NSNull()])
            publish.top = ["readme": "# Beside"]
            let answer = try await bench.publish(publish)
            #expect(answer.status == .created)
            #expect(try await readme(bench) == "# Beside")
        }
    }

    @Test(arguments: ["", "ERROR: No README data found!"])
    func noneIsNone(_ text: String) async throws {
        try await NPMBench.run { bench in
            try await bench.publish(TestPublish("tool", "1.0.0", manifest: ["readme": text]))
            #expect(try await readme(bench) == nil)
        }
    }

    @Test func aReplacedVersionHasNotThatOfTheOneBefore() async throws {
        let settings = NamespaceSettings(allowsReplacing: ["npm": true])
        try await NPMBench.run(settings: settings) { bench in
            var publish = TestPublish("tool", "1.0.0", manifest: ["readme": "# One"])
            publish.provenance = TestProvenance.bundle(of: publish)
            #expect(try await bench.publish(publish).status == .created)
            #expect(try await readme(bench) == "# One")
            let path = "/-/npm/v1/attestations/tool@1.0.0"
            #expect(try await bench.send(.get, path).status == .ok)
            let other = TestPublish(
                "tool", "1.0.0", content: "2\n", manifest: ["readme": NSNull()])
            #expect(try await bench.publish(other).status == .created)
            #expect(try await readme(bench) == nil)
            // Nor its provenance.
            #expect(try await bench.send(.get, path).status == .notFound)
            let versions = try await bench.packument("tool")["versions"] as? [String: [String: Any]]
            let dist = versions?["1.0.0"]?["dist"] as? [String: Any]
            #expect(dist?["integrity"] as? String == other.integrity)
            #expect(dist?["attestations"] == nil)
        }
    }

    /// What lies in the trash keeps its name, and what is refused for that is not stored first.
    @Test(arguments: ["tool", "@acme/tool"])
    func aReservedVersionIsRefusedUnstored(_ name: String) async throws {
        try await NPMBench.run { bench in
            let base = name.split(separator: "/").last ?? ""
            let escaped = name.replacing("/", with: "%2f")
            try await bench.publish(TestPublish(name, "1.0.0"))
            try await bench.publish(TestPublish(name, "1.1.0"))
            let revision = try #require(try await bench.packument(escaped)["_rev"] as? String)
            let gone = try await bench.send(
                .delete, "/\(escaped)/-/\(base)-1.0.0.tgz/-rev/\(revision)")
            #expect(gone.status == .ok, "\(gone.text)")
            let files = try FileManager.default.subpathsOfDirectory(
                atPath: bench.test.blobFolder)
            var again = TestPublish(name, "1.0.0", content: "2\n")
            // Nothing else of the document is looked at before that.
            again.dist = ["integrity": "sha512-wrong"]
            let answer = try await bench.publish(again)
            #expect(answer.status == .conflict, "\(answer.text)")
            #expect(answer.text.contains("its name stays reserved"), "\(answer.text)")
            #expect(
                try FileManager.default.subpathsOfDirectory(atPath: bench.test.blobFolder).sorted()
                    == files.sorted())
        }
    }

    /// A lost file keeps nobody from installing.
    @Test func aLostReadmeIsLeftOut() async throws {
        try await NPMBench.run { bench in
            try await bench.publish(TestPublish("tool", "1.0.0", manifest: ["readme": "# Lost"]))
            let file = try await bench.test.store.findFile(
                FileAddress(
                    format: "npm", package: "tool", version: "1.0.0", path: "tool-1.0.0.readme"),
                inProject: try await bench.projectID())
            let key = try #require(file).file.storageKey
            try await bench.test.services.blobs.remove(key)
            #expect(try await readme(bench) == nil)
            #expect(try await bench.packument("tool")["versions"] != nil)
        }
    }

    @Test func onlySoMuchIsKept() throws {
        let ending = NPMReadme.ending
        #expect(NPMReadme.bytes(of: nil) == nil)
        for (text, kept) in [
            (String(repeating: "x", count: NPMReadme.limitBytes), nil),
            (
                String(repeating: "x", count: NPMReadme.limitBytes + 1),
                String(repeating: "x", count: NPMReadme.limitBytes - ending.utf8.count) + ending
            ),
        ] as [(String, String?)] {
            let bytes = try #require(NPMReadme.bytes(of: text))
            #expect(String(decoding: bytes, as: UTF8.self) == kept ?? text)
        }
        // No character is cut in two, wherever it stands.
        for padding in 0..<4 {
            let text =
                String(repeating: "x", count: padding)
                + String(repeating: "\u{1F528}", count: NPMReadme.limitBytes / 4)
            let bytes = try #require(NPMReadme.bytes(of: text))
            #expect(bytes.count <= NPMReadme.limitBytes)
            let kept = try #require(String(validating: bytes, as: UTF8.self))
            #expect(padding == 0 ? kept == text : kept.hasSuffix(ending))
        }
    }
}
