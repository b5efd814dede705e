import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// What stands between a client and the servers: TLS, other ports, prefixes of the path (C-1).
    @Suite struct TransportTests {
        /// How the servers get to know the address that clients use.
        enum Knowledge: CaseIterable, CustomTestStringConvertible {
            case forwardedFields
            case externalURL

            var testDescription: String {
                switch self {
                case .forwardedFields: "X-Forwarded-…"
                case .externalURL: "--external-url"
                }
            }
        }

        /// The servers speak TLS themselves.
        @Test(.needs(.skopeo, .podman, .openssl)) func tlsOfTheirOwn() async throws {
            let image = try await ImageLayout.large()
            let certificate = try await Certificate.make()
            let options = ["--tls-cert", certificate.chain, "--tls-key", certificate.key]
            try await Site.run(copies: 1, options: options, proxy: nil, trust: certificate) {
                site in
                try await site.createProject("tls")
                let entrance = site.entrance
                try await Skopeo.push(image, to: "root/tls:1", at: entrance, all: true)
                let digest = try await Skopeo.pull("root/tls:1", from: entrance, all: true)
                #expect(digest == image.digest)
                let home = try ContainerHome()
                try await home.podman(
                    "pull", "-q", "--cert-dir", certificate.trust, "--creds", site.root.text,
                    "\(site.host)/root/tls:1")
                // Whoever does not know the authority is not let down quietly.
                let stranger = try await Program.skopeo.refusal(
                    ["inspect", "--creds", site.root.text, entrance.image("root/tls:1")])
                #expect(stranger.contains("certificate"), "\(stranger)")
            }
        }

        /// nginx speaks TLS on a port of its own; the servers hear plain HTTP on others.
        @Test(.needs(.skopeo, .podman, .nginx, .openssl), arguments: Knowledge.allCases)
        func tlsBeforeReplicas(_ knowledge: Knowledge) async throws {
            let image = try await ImageLayout.large()
            let certificate = try await Certificate.make()
            let plan = ReverseProxy.Plan(
                isForwarding: knowledge == .forwardedFields, certificate: certificate)
            let options = Self.options(knowledge, "https://127.0.0.1:{port}")
            try await Site.run(.replicas, options: options, proxy: plan) { site in
                try await site.createProject("tls")
                let entrance = site.entrance
                try await Skopeo.push(image, to: "root/tls:1", at: entrance, all: true)
                let digest = try await Skopeo.pull("root/tls:1", from: entrance, all: true)
                #expect(digest == image.digest)
                let home = try ContainerHome()
                let trust = ["--cert-dir", certificate.trust, "--creds", site.root.text]
                let name = "\(site.host)/root/tls"
                try await Program.podman.run(
                    ["pull", "-q"] + trust + ["\(name):1"], environment: home.environment)
                try await Program.podman.run(
                    ["push", "-q"] + trust + ["\(name):1", "\(name):2"],
                    environment: home.environment)
                _ = try await Skopeo.pull("root/tls:2", from: entrance)
            }
        }

        /// Clients of images know hosts and ports alone, and ask for `/v2/` at the root: below a prefix
        /// the requests are made one by one, by the rules of URLs.
        @Test(.needs(.nginx), arguments: Knowledge.allCases)
        func belowAPrefix(_ knowledge: Knowledge) async throws {
            let image = try await ImageLayout.make(
                .init(layers: 2, layerBytes: 2_000_000, seed: "prefix"))
            let plan = ReverseProxy.Plan(
                prefix: "/sub/path/", isForwarding: knowledge == .forwardedFields)
            let options = Self.options(knowledge, "http://127.0.0.1:{port}/sub/path")
            try await Site.run(.replicas, options: options, proxy: plan) { site in
                try await site.createProject("sub")
                try await push(image, RegistryClient(origin: site.origin, credential: site.root))
            }
        }

        private func push(_ image: ImageLayout, _ client: RegistryClient) async throws {
            let manifest = try image.blob(image.digest)
            let parts = try JSONDecoder().decode(RegistryClient.Image.self, from: manifest)
            for part in [parts.config] + parts.layers {
                try await client.pushBlob(
                    image.blob(part.digest), to: "root/sub/app", chunks: 4)
            }
            for tag in ["1", "2", "3"] {
                try await client.pushManifest(manifest, to: "root/sub/app", as: tag)
            }
            #expect(try await client.pullImage("root/sub/app", "2") == image.digest)
            // A page of a list leads to the next one, whoever follows it.
            var url = try client.url("/v2/root/sub/app/tags/list?n=1")
            var tags: [String] = []
            struct List: Decodable { let tags: [String] }
            while true {
                let page = try await client.send(.GET, url).expecting(200)
                tags += try JSONDecoder().decode(List.self, from: page.body).tags
                guard let link = page.headers.first(name: "link") else { break }
                let target = try #require(link.firstMatch(of: /<([^>]+)>/)).output.1
                url = try #require(URL(string: String(target), relativeTo: url)?.absoluteURL)
            }
            #expect(tags == ["1", "2", "3"])
        }

        private static func options(_ knowledge: Knowledge, _ url: String) -> [String] {
            knowledge == .externalURL ? ["--external-url", url] : []
        }
    }
}
