import NIOCore
import Registry
import TestSupport
import Testing

/// Packages that are published in several requests, on both engines and a real folder.
@Suite struct HostedPackageTests {
    static let format: FormatID = "oci"
    static let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    static let digest = InMemoryBlobs.digests(of: bytes).sha256

    static func body(
        _ bytes: some Collection<UInt8>, failure: RegistryError? = nil
    ) -> RequestBody {
        RequestBody(
            source: ScriptedBody(Array(bytes), chunkBytes: 10_007, failure: failure),
            limitBytes: .max)
    }

    /// The failure that `body` must end in.
    static func failure(
        _ reason: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async -> RegistryError? {
        let error = await #expect(throws: RegistryError.self, sourceLocation: sourceLocation) {
            try await body()
        }
        #expect(
            error?.reason == reason, "\(String(describing: error))", sourceLocation: sourceLocation)
        return error
    }

    static func content(of blob: BlobRecord, _ package: HostedPackage) async throws -> [UInt8] {
        let reader = try await package.open(blob)
        return Array(
            try await reader.read(at: 0, limitBytes: Int(blob.size)).readableBytesView)
    }

    @Test(
        "I8: an upload goes on on another replica, chunk by chunk", arguments: DatabaseKind.allCases
    )
    func chunks(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let replicas = [
                try scopes.package("api", format: Self.format),
                try scopes.package("api", format: Self.format, replica: 1),
            ]
            let upload = try await replicas[0].beginUpload(hashes: [])
            var offset = 0
            for (number, size) in [50_000, 1, 0, 99_999].enumerated() {
                let chunk = Self.bytes[offset..<offset + size]
                let end = try await replicas[number % 2].append(
                    to: upload.id, startingAt: number == 1 ? nil : Int64(offset),
                    body: Self.body(chunk))
                offset += size
                #expect(end == Int64(offset))
                #expect(try await replicas[1 - number % 2].findUpload(upload.id).offset == end)
            }
            // Out of order, and the session stays as it was.
            let refused = await Self.failure("chunk_out_of_order") {
                _ = try await replicas[1].append(
                    to: upload.id, startingAt: 7, body: Self.body([1, 2, 3]))
            }
            #expect(refused?.detail["offset"] == "150000")
            let blob = try await replicas[0].finishUpload(
                upload.id, startingAt: 150_000, body: Self.body(Self.bytes[150_000...]),
                expecting: Self.digest)
            #expect(blob.digests.sha256 == Self.digest && blob.size == 200_000)
            #expect(try await Self.content(of: blob, replicas[1]) == Self.bytes)
            #expect(try await replicas[1].findBlob(Self.digest) == blob)
            _ = await Self.failure("upload_unknown") {
                _ = try await replicas[1].findUpload(upload.id)
            }
            // It belongs to this package alone.
            let other = try scopes.package("other", format: Self.format)
            #expect(try await other.findBlob(Self.digest) == nil)
            #expect(try await other.holdBlob(Self.digest) == nil)
        }
    }

    @Test("what arrived before a connection broke is kept", arguments: DatabaseKind.allCases)
    func brokenConnection(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let package = try scopes.package("api", format: Self.format)
            let other = try scopes.package("api", format: Self.format, replica: 1)
            let upload = try await package.beginUpload(hashes: [])
            let broken = RegistryError(.malformed, "the connection ended", reason: "broken")
            _ = await Self.failure("broken") {
                _ = try await package.append(
                    to: upload.id, startingAt: nil,
                    body: Self.body(Self.bytes[..<70_000], failure: broken))
            }
            #expect(try await other.findUpload(upload.id).offset == 70_000)
            _ = await Self.failure("broken") {
                _ = try await other.finishUpload(
                    upload.id, startingAt: 70_000,
                    body: Self.body(Self.bytes[70_000..<90_000], failure: broken),
                    expecting: Self.digest)
            }
            let blob = try await package.finishUpload(
                upload.id, startingAt: 90_000, body: Self.body(Self.bytes[90_000...]),
                expecting: Self.digest)
            #expect(try await Self.content(of: blob, package) == Self.bytes)
        }
    }

    @Test(
        "I8: of many requests that write to one upload, none overwrites another's bytes",
        arguments: DatabaseKind.allCases)
    func racingWriters(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let replicas = [
                try scopes.package("api", format: Self.format),
                try scopes.package("api", format: Self.format, replica: 1),
            ]
            for round in 0..<6 {
                let upload = try await replicas[0].beginUpload(hashes: [])
                // Everybody sends a byte of his own; what is acknowledged must be in the blob.
                let accepted = SendableBox<[(offset: Int64, byte: UInt8)]>([])
                await withTaskGroup(of: Void.self) { group in
                    for writer in 0..<12 {
                        group.addTask {
                            for attempt in 0..<4 {
                                let byte = UInt8(writer * 16 + attempt)
                                guard
                                    let end = try? await replicas[writer % 2].append(
                                        to: upload.id, startingAt: nil, body: Self.body([byte]))
                                else { continue }
                                accepted.withValue { $0.append((end - 1, byte)) }
                            }
                        }
                    }
                }
                let written = accepted.withValue { $0 }.sorted { $0.offset < $1.offset }
                #expect(written.map(\.offset) == (0..<Int64(written.count)).map(\.self))
                let content = written.map(\.byte)
                let blob = try await replicas[0].finishUpload(
                    upload.id, startingAt: Int64(content.count), body: Self.body([]),
                    expecting: InMemoryBlobs.digests(of: content).sha256)
                #expect(
                    try await Self.content(of: blob, replicas[1]) == content, "round \(round)")
            }
        }
    }

    @Test("wrong bytes end the session, and nothing is visible", arguments: DatabaseKind.allCases)
    func wrongDigest(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let package = try scopes.package("api", format: Self.format)
            let wrong = InMemoryBlobs.digests(of: [1])
            for digest in [wrong.sha256, try Digest(.sha512, hex: #require(wrong.sha512))] {
                let upload = try await package.beginUpload(hashes: [])
                _ = try await package.append(
                    to: upload.id, startingAt: nil, body: Self.body(Self.bytes))
                _ = await Self.failure("digest_mismatch") {
                    _ = try await package.finishUpload(
                        upload.id, startingAt: nil, body: Self.body([]), expecting: digest)
                }
                _ = await Self.failure("upload_unknown") {
                    _ = try await package.findUpload(upload.id)
                }
            }
            #expect(try await package.findBlob(Self.digest) == nil)
            let cancelled = try await package.beginUpload(hashes: [])
            _ = try await package.append(
                to: cancelled.id, startingAt: nil, body: Self.body(Self.bytes))
            #expect(try await package.cancelUpload(cancelled.id))
            _ = await Self.failure("upload_unknown") {
                _ = try await package.cancelUpload(cancelled.id)
            }
        }
    }

    @Test("sha512 names a blob as well", arguments: [true, false])
    func sha512(isAnnounced: Bool) async throws {
        try await StoredScopes.run(on: .sqlite) { scopes in
            let package = try scopes.package("api", format: Self.format)
            let digests = InMemoryBlobs.digests(of: Self.bytes)
            let sha512 = try Digest(.sha512, hex: #require(digests.sha512))
            let upload = try await package.beginUpload(hashes: isAnnounced ? .sha512 : [])
            let blob = try await package.finishUpload(
                upload.id, startingAt: nil, body: Self.body(Self.bytes), expecting: sha512)
            #expect(blob.digests.sha512 == digests.sha512)
            #expect(try await package.findBlob(sha512) == blob)
            #expect(try await package.holdBlob(Self.digest)?.storageKey == blob.storageKey)
        }
    }

    @Test("a mount needs a source that has the blob", arguments: DatabaseKind.allCases)
    func mounts(kind: DatabaseKind) async throws {
        let clock = ManualClock()
        try await StoredScopes.run(on: kind, clock: clock) { scopes in
            let source = try scopes.package("base", format: Self.format)
            let target = try scopes.package("api", format: Self.format)
            #expect(try await target.mountBlob(Self.digest, from: source) == nil)
            let blob = try await source.storeBlob(
                Self.body(Self.bytes), expecting: Self.digest, size: 200_000)
            #expect(try await target.mountBlob(Self.digest, from: source) == blob)
            #expect(try await target.findBlob(Self.digest) == blob)
            // Nobody published anything with it: the promise ends.
            clock.advance(bySeconds: BlobLease.lifetimeSeconds)
            #expect(try await target.findBlob(Self.digest) == nil)
            #expect(try await target.mountBlob(Self.digest, from: source) == nil)
        }
    }

    @Test("asking for a blob renews its lease, and not each time")
    func leases() async throws {
        let clock = ManualClock()
        try await StoredScopes.run(on: .sqlite, clock: clock) { scopes in
            let package = try scopes.package("api", format: Self.format)
            _ = try await package.storeBlob(
                Self.body(Self.bytes), expecting: Self.digest, size: nil)
            for _ in 0..<3 {
                clock.advance(bySeconds: BlobLease.renewalSeconds + 1)
                #expect(try await package.holdBlob(Self.digest) != nil)
            }
            clock.advance(bySeconds: BlobLease.lifetimeSeconds)
            #expect(try await package.holdBlob(Self.digest) == nil)
            #expect(try await package.releaseBlob(Self.digest) == .absent)
        }
    }

    @Test("bytes that are lost are healed by a re-push", arguments: DatabaseKind.allCases)
    func healing(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let package = try scopes.package("api", format: Self.format)
            let blob = try await package.storeBlob(
                Self.body(Self.bytes), expecting: Self.digest, size: nil)
            try await scopes.blobs.remove(blob.storageKey)
            #expect(try await package.holdBlob(Self.digest) == nil)
            let upload = try await package.beginUpload(hashes: [])
            _ = try await package.finishUpload(
                upload.id, startingAt: 0, body: Self.body(Self.bytes), expecting: Self.digest)
            let healed = try #require(try await package.holdBlob(Self.digest))
            #expect(healed.storageKey != blob.storageKey)
            #expect(try await Self.content(of: healed, package) == Self.bytes)
        }
    }
}
