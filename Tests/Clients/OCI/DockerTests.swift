import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// A docker daemon of its own.
struct DockerHome: Sendable {
    private let folder: TemporaryFolder
    private let daemon: ChildProcess
    private let environment: [String: String]

    /// Runs `body` with a daemon; says why, and does nothing else, where none can run.
    static func run(
        environment: [String: String] = [:], _ body: (DockerHome) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        // The path of a socket may have 108 bytes, and the daemon makes several.
        let sockets = "/tmp/packhouse-docker-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: sockets, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: sockets) }
        let socket = sockets + "/docker.sock"
        let daemon = try Program.dockerd.start(
            [
                "--storage-driver=overlay2", "--iptables=false", "--ip6tables=false",
                "--bridge=none", "--data-root", folder.path("data"), "--exec-root",
                sockets + "/exec", "-H", "unix://\(socket)", "-p", folder.path("pid"),
                "--insecure-registry", "127.0.0.0/8",
            ], environment: environment)
        do {
            _ = try await daemon.firstLine(containing: "API listen on")
        } catch {
            daemon.terminate()
            let words = daemon.output.split(separator: "\n").last ?? "it wrote nothing"
            print("SKIPPED: dockerd does not start on this machine: \(words)")
            return
        }
        let home = DockerHome(
            folder: folder, daemon: daemon,
            environment: ["DOCKER_HOST": "unix://\(socket)", "DOCKER_CONFIG": folder.path("user")])
        do {
            try await body(home)
        } catch {
            print("log of dockerd:\n\(daemon.output.suffix(4_000))")
            daemon.terminate()
            try await daemon.ending()
            throw error
        }
        daemon.terminate()
        try await daemon.ending()
    }

    @discardableResult
    func docker(
        _ arguments: String..., environment more: [String: String] = [:], input: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await Program.docker.run(
            arguments, environment: environment.merging(more) { _, new in new }, input: input,
            sourceLocation: sourceLocation)
    }

    /// What docker says when it fails.
    func refusal(_ arguments: String..., input: String = "") async throws -> String {
        try await Program.docker.refusal(arguments, environment: environment, input: input)
    }
}

extension OCIClientTests {
    /// docker, with and without BuildKit.
    @Suite struct DockerTests {
        @Test(.needs(.dockerd, .docker, .skopeo, .busybox, .nginx), arguments: SiteKind.allCases)
        func loginPullRunBuildAndPush(_ kind: SiteKind) async throws {
            let image = try await ImageLayout.large()
            try await Site.run(kind) { site in
                try await site.createProject("whale")
                try await Skopeo.push(
                    image, to: "root/whale/base:1", at: site.entrance, all: true)
                try await DockerHome.run { home in
                    try await check(home, site)
                }
            }
        }

        private func check(_ home: DockerHome, _ site: Site) async throws {
            let name = "\(site.host)/root/whale"
            let wrong = try await home.refusal(
                "login", "-u", "root", "--password-stdin", site.host, input: "wrong-password")
            #expect(wrong.contains("unauthorized") || wrong.contains("401"), "\(wrong)")
            print("docker, wrong password: \(wrong)")
            let login = try await home.docker(
                "login", "-u", "root", "--password-stdin", site.host, input: Site.rootToken)
            #expect(login.contains("Login Succeeded"))

            try await home.docker("pull", "-q", "\(name)/base:1")
            let words = try await home.docker(
                "run", "--rm", "--network", "none", "\(name)/base:1", "echo", "it runs")
            #expect(words == "it runs")
            // Into another repository, for which docker asks to mount what the first one has.
            try await home.docker("tag", "\(name)/base:1", "\(name)/copy:1")
            try await home.docker("push", "-q", "\(name)/copy:1")
            _ = try await Skopeo.pull("root/whale/copy:1", from: site.entrance)

            let context = try TemporaryFolder()
            _ = try context.write(
                "FROM \(name)/base:1\nCOPY file /file\nRUN cat /file > /copy\n", to: "Dockerfile")
            _ = try context.write("built", to: "file")
            for kit in ["0", "1"] {
                let built = "\(name)/built:\(kit)"
                try await home.docker(
                    "build", "-q", "--no-cache", "--network", "none", "-t", built,
                    context.url.path, environment: ["DOCKER_BUILDKIT": kit])
                try await home.docker("push", "-q", built)
                try await home.docker("rmi", built)
                try await home.docker("pull", "-q", built)
                let words = try await home.docker(
                    "run", "--rm", "--network", "none", built, "cat", "/copy")
                #expect(words == "built")
            }
        }
    }
}
