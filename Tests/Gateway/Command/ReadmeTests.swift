import Foundation
import TestSupport
import Testing

@Suite struct ReadmeTests {
    /// The lines that the README asks people to type, run as they stand; only the address is that of
    /// the server of this test, because its port is free.
    @Test func theShortestPathWorksAsWritten() async throws {
        let readme = try String(
            contentsOf: RepositoryRoot.url.appendingPathComponent("README.md"), encoding: .utf8)
        let block = try #require(readme.firstMatch(of: /(?s)```bash\n(.*?)```/)).output.1
        let folder = try TemporaryFolder()
        let release = folder.url.appendingPathComponent(".build/release")
        try FileManager.default.createDirectory(at: release, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: release.appendingPathComponent("packhouse"),
            withDestinationURL: PackhouseBinary.url())
        let server = try await ServerProcess.start(
            options: ["--data", folder.path("packhouse-data")])
        let address = "http://127.0.0.1:8080"
        #expect(block.contains(address))
        let script = block.replacing(address, with: server.baseURL.absoluteString)
        let run = try await CommandRun.shell(
            "bash", ["-euo", "pipefail", "-c", String(script)], folder: folder.url)
        #expect(run.status == 0, "\(run.output)\n\(server.log)")
        #expect(run.output.hasSuffix("hello, world\n"))
        try await server.terminate()
    }
}
