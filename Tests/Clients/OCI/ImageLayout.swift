import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// An image, or an index of several, in a folder, as the OCI image layout specification has it.
struct ImageLayout: Sendable {
    /// What is in the folder is its bytes; it goes with the last reference.
    let folder: TemporaryFolder
    /// The name that the layout gives it.
    let tag: String
    let digest: String

    /// How skopeo calls it.
    var reference: String { "oci:\(folder.path("layout")):\(tag)" }

    /// The bytes of a blob of the layout.
    func blob(_ digest: String) throws -> Data {
        let name = digest.replacing("sha256:", with: "")
        return try Data(
            contentsOf: folder.url.appendingPathComponent("layout/blobs/sha256/\(name)"))
    }

    /// What it is made of.
    struct Plan: Sendable {
        var layers = 3
        var layerBytes = 100_000
        var platforms = ["linux/amd64"]
        /// Whether its first layer is a root file system with a shell.
        var isRunnable = false
        var seed = "0"
    }

    static func make(_ plan: Plan, tag: String = "image") async throws -> ImageLayout {
        let folder = try TemporaryFolder()
        var arguments = [
            fixture("make_image.py"), folder.path("layout"), "--tag", tag, "--layers",
            "\(plan.layers)", "--layer-bytes", "\(plan.layerBytes)", "--platforms",
            plan.platforms.joined(separator: ","), "--seed", plan.seed,
        ]
        if plan.isRunnable, let busybox = Program.busybox.path {
            arguments += ["--busybox", busybox]
        }
        let output = try await Program.python.run(arguments)
        let answer = try JSONDecoder().decode(Answer.self, from: Data(output.utf8))
        return ImageLayout(folder: folder, tag: tag, digest: answer.digest)
    }

    private struct Answer: Decodable {
        let digest: String
    }

    /// The path of a program beside the tests.
    static func fixture(_ name: String) -> String {
        RepositoryRoot.url.appendingPathComponent("Tests/Clients/OCI/Fixtures/\(name)").path
    }

    /// Two platforms with 100 MB and more each, most of which they share.
    static func large() async throws -> ImageLayout { try await sharedLarge.value }

    private static let sharedLarge = Task {
        try await make(
            Plan(
                layers: 6, layerBytes: 18_000_000, platforms: ["linux/amd64", "linux/arm64"],
                isRunnable: true),
            tag: "large")
    }

    /// A small image whose programs can be run.
    static func runnable() async throws -> ImageLayout { try await sharedRunnable.value }

    private static let sharedRunnable = Task {
        try await make(Plan(layers: 2, layerBytes: 10_000, isRunnable: true), tag: "runnable")
    }

    /// An image that has no layers.
    static func empty() async throws -> ImageLayout {
        try await make(Plan(layers: 0), tag: "empty")
    }
}
