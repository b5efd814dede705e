import Foundation
import TestSupport
import Testing

@testable import ClientSupport

/// A machine's worth of podman and buildah: their storage and settings in a folder of its own.
struct ContainerHome: Sendable {
    private let folder: TemporaryFolder
    let environment: [String: String]

    init() throws {
        folder = try TemporaryFolder()
        let storage = try folder.write(
            """
            [storage]
            driver = "vfs"
            graphroot = "\(folder.path("storage"))"
            runroot = "\(folder.path("run"))"
            """, to: "storage.conf")
        // Without a network, and with no more than any machine allows.
        let containers = try folder.write(
            """
            [containers]
            netns = "none"
            default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
            [engine]
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            runtime = "runc"
            """, to: "containers.conf")
        environment = [
            "CONTAINERS_STORAGE_CONF": storage, "CONTAINERS_CONF": containers,
            "REGISTRY_AUTH_FILE": try folder.write("{}", to: "auth.json"),
            "BUILDAH_ISOLATION": "chroot",
        ]
    }

    @discardableResult
    func podman(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await Program.podman.run(
            arguments, environment: environment, sourceLocation: sourceLocation)
    }

    @discardableResult
    func buildah(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await Program.buildah.run(
            arguments, environment: environment, sourceLocation: sourceLocation)
    }
}
