import Foundation
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// Everybody who may come, as the clients of images present themselves.
    @Suite struct CredentialKindTests {
        @Test(.needs(.skopeo, .nginx), arguments: SiteKind.allCases)
        func tokensOfEveryKind(_ kind: SiteKind) async throws {
            let image = try await ImageLayout.runnable()
            try await Site.run(kind) { site in
                let project = try await site.createProject("kinds")
                try await site.createProject("other")
                let writers = [
                    "personal": try await site.createPersonalToken(
                        scopes: ["read_registry", "write_registry"]),
                    "api": try await site.createPersonalToken(scopes: ["api"]),
                    "deploy": try await site.createDeployToken(
                        project, scopes: ["read_registry", "write_registry"]),
                    "job": try await site.createJobToken(project),
                ]
                for (tag, credential) in writers {
                    let entrance = site.entrance(as: credential)
                    try await Skopeo.push(image, to: "root/kinds/app:\(tag)", at: entrance)
                    let digest = try await Skopeo.pull("root/kinds/app:\(tag)", from: entrance)
                    #expect(digest == image.digest, "\(tag)")
                }
                // What belongs to one project opens no other.
                for kind in ["deploy", "job"] {
                    let words = try await Program.skopeo.refusal(
                        Skopeo.pushing(
                            image, to: "root/other/app:1", at: site.entrance(as: writers[kind])))
                    let isConcealed = words.contains("name unknown")
                    #expect(isConcealed || words.contains("denied"), "\(kind): \(words)")
                }
                let packages = try await site.createDeployToken(
                    project, scopes: ["read_package_registry", "write_package_registry"])
                let words = try await Program.skopeo.refusal(
                    ["inspect"] + Skopeo.flags(site.entrance(as: packages))
                        + [site.entrance.image("root/kinds/app:api")])
                #expect(words.contains("denied") || words.contains("unauthorized"), "\(words)")
            }
        }

        @Test(.needs(.skopeo, .podman, .nginx), arguments: SiteKind.allCases)
        func anybodyPullsFromAPublicProject(_ kind: SiteKind) async throws {
            let image = try await ImageLayout.runnable()
            try await Site.run(kind) { site in
                try await site.createProject("open", visibility: "public")
                try await Skopeo.push(image, to: "root/open/app:1", at: site.entrance)
                let nobody = site.entrance(as: nil)
                let digest = try await Skopeo.pull("root/open/app:1", from: nobody)
                #expect(digest == image.digest)
                #expect(try await Skopeo.tags(of: "root/open/app", at: nobody) == ["1"])
                let home = try ContainerHome()
                try await home.podman(
                    "pull", "-q", "--tls-verify=false", "\(site.host)/root/open/app:1")
                let words = try await Program.skopeo.refusal(
                    Skopeo.pushing(image, to: "root/open/app:2", at: nobody))
                #expect(
                    words.contains("unauthorized") || words.contains("denied"), "\(words)")
            }
        }
    }
}
