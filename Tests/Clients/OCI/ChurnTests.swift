import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// Many clients at once, some of which delete.
    @Suite struct ChurnTests {
        private static let clientCount = 100
        private static let imagesOfClientCount = 3
        private static let repositoryCount = 5
        private static let deleterCount = 4
        /// Layers that every image picks from.
        private static let layerCount = 30
        /// Clients that push to one repository at about the same time and share layers which nobody
        /// else has, so that whoever deletes takes the last image that another one counts on.
        private static let neighbourCount = 4
        /// How many of skopeo run beside them.
        private static let skopeoCount = 4

        /// One image that a client pushes, whole and under a tag of its own.
        private struct Push: Hashable, Sendable {
            let repository: String
            /// Where it hopes to mount layers from.
            let source: String
            let tag: String
            let config: Data
            let layers: [Data]

            var manifest: Data {
                get throws {
                    let encoder = JSONEncoder()
                    encoder.outputFormatting = [.sortedKeys]
                    return try encoder.encode(
                        RegistryClient.Image(config: config, layers: layers))
                }
            }
        }

        @Test(.needs(.skopeo, .nginx), arguments: SiteKind.allCases)
        func whatWasAcknowledgedPulls(_ kind: SiteKind) async throws {
            let generator = SeededGenerator.announced()
            let pushes = Self.plan(generator)
            let http = HTTPClient(
                eventLoopGroupProvider: .singleton, configuration: Self.configuration)
            do {
                try await Site.run(kind) { site in
                    try await site.createProject("churn")
                    try await Self.run(pushes, site, http, generator)
                }
            } catch {
                try await http.shutdown()
                throw error
            }
            try await http.shutdown()
        }

        private static var configuration: HTTPClient.Configuration {
            var configuration = HTTPClient.Configuration()
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = clientCount
            return configuration
        }

        private static func plan(_ generator: SeededGenerator) -> [[Push]] {
            var generator = generator
            let layers = (0..<layerCount).map { number in
                let size = Int.random(in: 1...60_000, using: &generator)
                return Data(
                    (0..<size).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
                    + Data("\(number)".utf8)
            }
            return (0..<clientCount).map { client in
                (0..<imagesOfClientCount).map { number in
                    let neighbours = client / neighbourCount * imagesOfClientCount + number
                    let count = Int.random(in: 0...3, using: &generator)
                    let own = Data(repeating: UInt8(truncatingIfNeeded: neighbours), count: 20_000)
                    return Push(
                        repository: repository(neighbours % repositoryCount),
                        source: repository((neighbours + 1) % repositoryCount),
                        tag: "c\(client)-\(number)",
                        config: Data(#"{"client":\#(client),"number":\#(number)}"#.utf8),
                        layers: [own + Data("\(neighbours)".utf8)]
                            + layers.shuffled(using: &generator).prefix(count))
                }
            }
        }

        private static func repository(_ number: Int) -> String { "root/churn/app\(number)" }

        private static func run(
            _ pushes: [[Push]], _ site: Site, _ http: HTTPClient, _ generator: SeededGenerator
        ) async throws {
            let acknowledged = SendableBox<[Push]>([])
            let deleted = SendableBox<Set<Push>>([])
            let (news, pushed) = AsyncStream.makeStream(of: Push.self)
            let image = try await ImageLayout.make(.init(layers: 2, layerBytes: 40_000, seed: "c"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await withThrowingTaskGroup(of: Void.self) { clients in
                        for images in pushes {
                            clients.addTask {
                                let client = RegistryClient(
                                    origin: site.origin, credential: site.root, http: http)
                                for push in images {
                                    try await send(push, client)
                                    acknowledged.withValue { $0.append(push) }
                                    pushed.yield(push)
                                }
                            }
                        }
                        for number in 0..<skopeoCount {
                            clients.addTask {
                                try await Skopeo.push(
                                    image, to: "root/churn/app0:skopeo\(number)",
                                    at: site.entrance)
                            }
                        }
                        try await clients.waitForAll()
                    }
                    pushed.finish()
                }
                group.addTask {
                    try await delete(news, site, http, generator, deleted)
                }
                try await group.waitForAll()
            }
            let (kept, gone) = (acknowledged.withValue { $0 }, deleted.withValue { $0 })
            #expect(kept.count == clientCount * imagesOfClientCount)
            print("pushed \(kept.count) images, deleted \(gone.count)")
            try await check(
                kept, gone, RegistryClient(origin: site.origin, credential: site.root, http: http))
            for number in 0..<skopeoCount {
                let digest = try await Skopeo.pull(
                    "root/churn/app0:skopeo\(number)", from: site.entrance)
                #expect(digest == image.digest)
            }
        }

        private static func send(_ push: Push, _ client: RegistryClient) async throws {
            for blob in push.layers + [push.config] {
                try await client.pushBlob(
                    blob, to: push.repository, chunks: 2, mountingFrom: push.source)
            }
            try await client.pushManifest(push.manifest, to: push.repository, as: push.tag)
            // A tag that everybody moves.
            try await client.pushManifest(push.manifest, to: push.repository, as: "latest")
        }

        /// Deletes every third image or so, by tag or by digest.
        private static func delete(
            _ news: AsyncStream<Push>, _ site: Site, _ http: HTTPClient,
            _ generator: SeededGenerator, _ deleted: SendableBox<Set<Push>>
        ) async throws {
            var generator = generator
            let clients = (0..<deleterCount).map { _ in
                RegistryClient(origin: site.origin, credential: site.root, http: http)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                var count = 0
                for await push in news {
                    let choice = Int.random(in: 0..<6, using: &generator)
                    guard choice < 2 else { continue }
                    deleted.withValue { _ = $0.insert(push) }
                    if count >= deleterCount { try await group.next() }
                    let client = clients[count % deleterCount]
                    count += 1
                    group.addTask {
                        let reference =
                            choice == 0 ? push.tag : RegistryClient.digest(try push.manifest)
                        try await client.send(
                            .DELETE,
                            client.url("/v2/\(push.repository)/manifests/\(reference)")
                        ).expecting(202)
                    }
                }
                try await group.waitForAll()
            }
        }

        private static func check(
            _ kept: [Push], _ gone: Set<Push>, _ client: RegistryClient
        ) async throws {
            for push in kept {
                if gone.contains(push) {
                    let url = try client.url("/v2/\(push.repository)/manifests/\(push.tag)")
                    #expect(try await client.send(.GET, url).status == 404, "\(push.tag)")
                } else {
                    let digest = try await client.pullImage(push.repository, push.tag)
                    #expect(digest == RegistryClient.digest(try push.manifest))
                }
            }
        }
    }
}
