import NIOCore
import Registry
import TestSupport
import Testing

/// Blobs that whoever runs the registry gives to a package.
@Suite struct BlobAdoptionTests {
    private static let format: FormatID = "oci"
    private static let bytes = ByteBuffer(bytes: HostedPackageTests.bytes)
    private static let digest = HostedPackageTests.digest

    @Test("they belong to the package, and to no other", arguments: DatabaseKind.allCases)
    func adoption(kind: DatabaseKind) async throws {
        let clock = ManualClock()
        try await StoredScopes.run(on: kind, clock: clock) { scopes in
            let services = scopes.replicas[0]
            let one = try scopes.package("one", format: Self.format)
            let other = try scopes.package("other", format: Self.format)
            #expect(try await services.findStoredBlobs([Self.digest]).isEmpty)
            let blob = try await scopes.blobs.store(Self.bytes)
            try await one.adoptBlobs([blob], stored: [])
            let stored = try #require(
                try await services.findStoredBlobs([Self.digest])[Self.digest])
            #expect(stored.storageKey == blob.key)
            #expect(try await one.findBlob(Self.digest) == stored)
            #expect(try await other.findBlob(Self.digest) == nil)
            try await other.adoptBlobs([], stored: [stored])
            #expect(try await other.findBlob(Self.digest) == stored)
            // Once more changes nothing, and leaves no second copy.
            try await one.adoptBlobs([try await scopes.blobs.store(Self.bytes)], stored: [stored])
            #expect(try await scopes.blobs.allEntries().count == 1)
            clock.advance(bySeconds: BlobLease.lifetimeSeconds)
            #expect(try await one.findBlob(Self.digest) == nil)
        }
    }

    @Test("lost bytes are not stored, and are healed", arguments: DatabaseKind.allCases)
    func healing(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let package = try scopes.package("one", format: Self.format)
            let blob = try await scopes.blobs.store(Self.bytes)
            try await package.adoptBlobs([blob], stored: [])
            try await scopes.blobs.remove(blob.key)
            #expect(try await scopes.replicas[1].findStoredBlobs([Self.digest]).isEmpty)
            try await package.adoptBlobs([try await scopes.blobs.store(Self.bytes)], stored: [])
            let healed = try #require(try await package.holdBlob(Self.digest))
            #expect(healed.storageKey != blob.key)
            #expect(
                try await HostedPackageTests.content(of: healed, package)
                    == HostedPackageTests.bytes)
        }
    }

    @Test(
        "what went meanwhile is a conflict, and nothing changes", arguments: DatabaseKind.allCases)
    func gone(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let package = try scopes.package("one", format: Self.format)
            let blob = try await scopes.blobs.store(Self.bytes)
            let gone = BlobRecord(
                digests: try BlobDigests(
                    sha256: Digest(.sha256, hex: String(repeating: "0", count: 64))),
                size: 1, storageKey: StorageKey(stored: "gone"))
            let failure = await #expect(throws: RegistryError.self) {
                try await package.adoptBlobs([blob], stored: [gone])
            }
            #expect(failure?.code == .conflict)
            #expect(try await package.findBlob(Self.digest) == nil)
        }
    }
}
