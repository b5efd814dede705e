import Foundation
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// podman and buildah.
    @Suite struct PodmanTests {
        @Test(.needs(.podman, .skopeo, .nginx, .busybox), arguments: SiteKind.allCases)
        func loginPullRunAndPush(_ kind: SiteKind) async throws {
            let image = try await ImageLayout.large()
            let home = try ContainerHome()
            try await Site.run(kind) { site in
                try await site.createProject("pod")
                let name = "\(site.host)/root/pod/app"
                let wrong = try await Program.podman.refusal(
                    [
                        "login", "--tls-verify=false", "-u", "root", "-p", "wrong-password",
                        site.host,
                    ], environment: home.environment)
                #expect(wrong.contains("invalid username/password"), "\(wrong)")
                let login = try await home.podman(
                    "login", "--tls-verify=false", "-u", "root", "-p", Site.rootToken, site.host)
                #expect(login.contains("Login Succeeded!"))

                try await Skopeo.push(
                    image, to: "root/pod/app:1", at: site.entrance, all: true)
                try await home.podman("pull", "-q", "--tls-verify=false", "\(name):1")
                let words = try await home.podman("run", "--rm", "\(name):1", "echo", "it runs")
                #expect(words == "it runs")
                try await home.podman("tag", "\(name):1", "\(name):2")
                try await home.podman("push", "-q", "--tls-verify=false", "\(name):2")
                _ = try await Skopeo.pull("root/pod/app:2", from: site.entrance)
            }
        }

        @Test(.needs(.buildah, .busybox, .nginx), arguments: SiteKind.allCases)
        func buildPushAndPull(_ kind: SiteKind) async throws {
            let home = try ContainerHome()
            try await Site.run(kind) { site in
                try await site.createProject("built")
                let name = "\(site.host)/root/built/app:1"
                let busybox = try #require(Program.busybox.path)
                let container = try await home.buildah("from", "scratch")
                try await home.buildah("add", "-q", container, busybox, "/bin/busybox")
                try await home.buildah(
                    "config", "--entrypoint", #"["/bin/busybox"]"#, container)
                try await home.buildah("commit", "-q", container, name)
                try await home.buildah(
                    "push", "-q", "--tls-verify=false", "--creds", site.root.text, name)
                try await home.buildah("rm", container)
                try await home.buildah("rmi", "--all", "--force")
                try await home.buildah(
                    "pull", "-q", "--tls-verify=false", "--creds", site.root.text, name)
                let again = try await home.buildah("from", "--pull-never", name)
                let words = try await home.buildah(
                    "run", again, "--", "/bin/busybox", "echo", "built")
                #expect(words == "built")
            }
        }
    }
}
