import Foundation
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// The Python client of oras, for what is no image.
    @Suite struct OrasTests {
        @Test(.needs(.python, .nginx), arguments: SiteKind.allCases)
        func attachedArtifactsAreFound(_ kind: SiteKind) async throws {
            guard let python = try await Oras.python.value else { return }
            try await Site.run(kind) { site in
                try await site.createProject("oras")
                let folder = try TemporaryFolder()
                let child = try ChildProcess(
                    executable: URL(fileURLWithPath: python),
                    arguments: [
                        ImageLayout.fixture("oras_attach.py"), site.host, "root/oras/tool",
                        site.root.username, site.root.password, folder.url.path,
                    ])
                let ending = try await child.ending()
                try #require(ending == .init(status: 0, wasSignalled: false), "\(child.output)")
            }
        }
    }

    private enum Oras {
        /// A Python that has the client, in a folder of the build; `nil`, after saying why, when it cannot
        /// be installed.
        static let python = Task<String?, any Error> {
            let folder = RepositoryRoot.url.appendingPathComponent(".build/clients/oras").path
            let python = folder + "/bin/python3"
            if !FileManager.default.isExecutableFile(atPath: python) {
                try await Program.python.run(["-m", "venv", folder])
            }
            let environment = ["PIP_DISABLE_PIP_VERSION_CHECK": "1"]
            let pip = try ChildProcess(
                executable: URL(fileURLWithPath: python),
                arguments: [
                    "-m", "pip", "install", "--quiet", "--retries", "1", "oras==\(version)",
                ],
                environment: environment)
            guard try await pip.ending().status == 0 else {
                let words = pip.output.split(separator: "\n").last ?? "pip wrote nothing"
                print("SKIPPED: oras cannot be installed from PyPI: \(words)")
                return nil
            }
            print("client: oras: \(version) (Python)")
            return python
        }

        private static let version = "0.2.43"
    }
}
