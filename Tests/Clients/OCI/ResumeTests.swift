import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import TestSupport
import Testing

@testable import ClientSupport

extension OCIClientTests {
    /// Uploads that are longer than what carries them: a process, a replica, a token.
    @Suite struct ResumeTests {
        private static let chunkBytes = 1 << 18
        private static let chunkCount = 8

        /// The server is killed while it receives a chunk; whatever it said it has, it has.
        @Test func theServerIsKilledInAChunk() async throws {
            let generator = SeededGenerator.announced()
            try await Site.run(.single, killed: [0]) { site in
                try await site.createProject("resume")
                let last = try await upload(site, generator) { server in
                    try await server.kill()
                    return try await server.restart()
                }
                try await last.terminate()
            }
        }

        /// The replica that received the last chunk is killed, and stays away; another one goes on.
        @Test(.needs(.nginx)) func anotherReplicaGoesOn() async throws {
            let generator = SeededGenerator.announced()
            try await Site.run(.replicas, killed: [0]) { site in
                try await site.createProject("resume")
                _ = try await upload(site, generator) { server in
                    try await server.kill()
                    return site.servers[1]
                }
            }
        }

        /// Uploads in chunks to the first server; after three of them sends half of the fourth, does what
        /// `interrupt` does, asks for the status and goes on from there at the server that it gives.
        private func upload(
            _ site: Site, _ generator: SeededGenerator,
            _ interrupt: (ServerProcess) async throws -> ServerProcess
        ) async throws -> ServerProcess {
            var generator = generator
            let bytes = Data(
                (0..<Self.chunkBytes * Self.chunkCount / 8).flatMap { _ in
                    let word = generator.next()
                    return (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
                })
            var client = RegistryClient(
                origin: site.servers[0].baseURL.absoluteString, credential: site.root)
            var location = try await client.send(
                .POST, client.url("/v2/root/resume/app/blobs/uploads/")
            ).expecting(202).location()
            var offset = 0
            for _ in 0..<3 {
                let range = offset..<offset + Self.chunkBytes
                location = try await client.appendChunk(bytes, range, at: location)
                    .expecting(202).location()
                offset = range.upperBound
            }
            let half = try await client.beginChunk(
                bytes, offset..<offset + Self.chunkBytes, sending: Self.chunkBytes / 2,
                at: location)
            let server = try await interrupt(site.servers[0])
            half.cancel()
            client = RegistryClient(
                origin: server.baseURL.absoluteString, credential: site.root)
            location = try client.url(
                location.path + (location.query.map { "?" + $0 } ?? ""))
            let status = try await client.send(.GET, location).expecting(204)
            location = try status.location()
            let range = try #require(status.headers.first(name: "range"))
            let end = try #require(range.firstMatch(of: /^0-(\d+)$/)?.output.1)
            let resumed = try #require(Int(end)) + 1
            #expect(resumed >= offset && resumed <= offset + Self.chunkBytes / 2)
            // C-8: what does not follow is refused, and changes nothing.
            let wrong = bytes.count - Self.chunkBytes..<bytes.count
            try await client.appendChunk(bytes, wrong, at: location).expecting(416)
            offset = resumed
            while offset < bytes.count {
                let next = offset..<min(offset + Self.chunkBytes, bytes.count)
                location = try await client.appendChunk(bytes, next, at: location)
                    .expecting(202).location()
                offset = next.upperBound
            }
            let digest = RegistryClient.digest(bytes)
            try await client.finishUpload(at: location, digest).expecting(201)
            let blob = try await client.send(
                .GET, client.url("/v2/root/resume/app/blobs/\(digest)")
            ).expecting(200)
            #expect(blob.body == bytes)
            return server
        }
    }
}

extension RegistryClient {
    /// Sends the head and the first bytes of a chunk, and stops there; returns once they were sent.
    func beginChunk(
        _ bytes: Data, _ range: Range<Int>, sending count: Int, at location: URL
    ) async throws -> Task<Void, any Error> {
        let (isSent, sent) = AsyncStream.makeStream(of: Void.self)
        var request = HTTPClientRequest(url: location.absoluteString)
        request.method = .PATCH
        let token = try await fetchToken(
            try #require(
                try await sendOnce(.PATCH, location, [], nil, token: nil)
                    .headers.first(name: "www-authenticate")))
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(
            name: "Content-Range", value: "\(range.lowerBound)-\(range.upperBound - 1)")
        let half = ByteBuffer(data: bytes.subdata(in: range.lowerBound..<range.lowerBound + count))
        let body = AsyncStream<ByteBuffer>(unfolding: HalfBody(half, sent).next)
        request.body = .stream(body, length: .known(Int64(range.count)))
        let sending = request
        let task = Task {
            _ = try await http.execute(sending, timeout: .seconds(Self.limitSeconds))
        }
        for await _ in isSent { break }
        return task
    }
}

/// A body that gives what it has, says so when it is asked for more, and gives no more.
private actor HalfBody {
    private var half: ByteBuffer?
    private let isSent: AsyncStream<Void>.Continuation

    init(_ half: ByteBuffer, _ isSent: AsyncStream<Void>.Continuation) {
        self.half = half
        self.isSent = isSent
    }

    func next() async -> ByteBuffer? {
        if let half {
            self.half = nil
            return half
        }
        isSent.yield()
        // Until the request is cancelled.
        let (silence, end) = AsyncStream.makeStream(of: Void.self)
        defer { end.finish() }
        for await _ in silence {}
        return nil
    }
}
