import Foundation
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// containerd by its own client, as Kubernetes pulls.
    @Suite struct ContainerdTests {
        @Test(.needs(.containerd, .ctr, .skopeo, .nginx), arguments: SiteKind.allCases)
        func pullAndPush(_ kind: SiteKind) async throws {
            let image = try await ImageLayout.large()
            let folder = try TemporaryFolder()
            let socket = "/tmp/packhouse-ctr-\(UUID().uuidString.prefix(8)).sock"
            defer {
                for name in [socket, socket + ".ttrpc"] {
                    try? FileManager.default.removeItem(atPath: name)
                }
            }
            let daemon = try Program.containerd.start([
                "--address", socket, "--root", folder.path("root"), "--state",
                folder.path("state"),
            ])
            defer { daemon.terminate() }
            do {
                _ = try await daemon.firstLine(containing: "successfully booted")
            } catch {
                let words = daemon.output.split(separator: "\n").last ?? "it wrote nothing"
                print("SKIPPED: containerd does not start on this machine: \(words)")
                return
            }
            try await Site.run(kind) { site in
                try await site.createProject("ctr")
                try await Skopeo.push(image, to: "root/ctr/app:1", at: site.entrance, all: true)
                let (one, two) = ("\(site.host)/root/ctr/app:1", "\(site.host)/root/ctr/other:2")
                try await images(
                    socket, "pull", "--all-platforms", "--plain-http", "--user", site.root.text,
                    one)
                try await images(socket, "tag", one, two)
                // It asks to mount each layer from where it pulled it.
                try await images(
                    socket, "push", "--plain-http", "--user", site.root.text, two)
                let pulled = try await Skopeo.pull(
                    "root/ctr/other:2", from: site.entrance, all: true)
                #expect(pulled == image.digest)
            }
            daemon.terminate()
            try await daemon.ending()
        }

        private func images(_ socket: String, _ arguments: String...) async throws {
            try await Program.ctr.run(["--address", socket, "images"] + arguments)
        }
    }
}
