import Registry
import TestSupport
import Testing

/// Versions that name what their package has already, their tags, and the rules about tags.
@Suite struct HostedVersionTests {
    static let format = HostedPackageTests.format

    /// Publishes a version that is named after its content and has one layer.
    @discardableResult
    static func publish(
        _ text: String, layer: String? = nil, to package: HostedPackage,
        _ scopes: StoredScopes, links: [VersionLink] = [], requires: [String] = [],
        tags: [String] = []
    ) async throws -> PublishOutcome {
        let bytes = Array(text.utf8)
        var upload = try await scopes.blobs.beginUpload(hashes: [])
        try await upload.append(body: HostedPackageTests.body(bytes))
        let blob = try await upload.commit()
        let references = layer.map { layer in
            let digests = InMemoryBlobs.digests(of: Array(layer.utf8))
            return BlobReference(
                digest: digests.sha256, path: digests.sha256.description,
                size: Int64(layer.utf8.count))
        }
        return try await package.publish(
            PublishDraft(
                package: package.name, version: blob.digest.description,
                files: [FileDraft(path: "manifest", blob: blob)],
                references: references.map { [$0] } ?? [], links: links,
                requiredVersions: requires, lifetime: .referenced, tags: tags))
    }

    static func upload(_ text: String, to package: HostedPackage) async throws {
        let digest = InMemoryBlobs.digests(of: Array(text.utf8)).sha256
        _ = try await package.storeBlob(
            HostedPackageTests.body(Array(text.utf8)), expecting: digest, size: nil)
    }

    @Test("a version names only what its package has", arguments: DatabaseKind.allCases)
    func references(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let package = try scopes.package("api", format: Self.format)
            let other = try scopes.package("base", format: Self.format)
            try await Self.upload("layer", to: other)
            _ = await HostedPackageTests.failure("named_blob_unknown") {
                try await Self.publish("m1", layer: "layer", to: package, scopes)
            }
            #expect(try await package.find() == nil, "a refused publish leaves nothing")
            try await Self.upload("layer", to: package)
            let outcome = try await Self.publish(
                "m1", layer: "layer", to: package, scopes, tags: ["latest", "1.0"])
            let name = outcome.version.name
            for reference in [VersionReference.name(name), .tag("latest"), .tag("1.0")] {
                let file = try await package.findFile(reference, path: "manifest")
                #expect(file?.version.id == outcome.version.id)
            }
            #expect(try await package.findFile(.tag("2.0"), path: "manifest") == nil)
            _ = await HostedPackageTests.failure("named_version_unknown") {
                try await Self.publish(
                    "index", to: package, scopes, requires: [name, "sha256:none"])
            }
            let index = try await Self.publish(
                "index", to: package, scopes, links: [VersionLink(.child, target: name)],
                requires: [name])
            // A part goes only with what it is part of.
            _ = await HostedPackageTests.failure("version_referenced") {
                _ = try await package.trashVersion(name)
            }
            #expect(try await package.trashVersion(index.version.name))
            #expect(try await package.trashVersion(name))
            #expect(try await package.findFile(.tag("latest"), path: "manifest") == nil)
            let record = try #require(try await package.find())
            #expect(try await package.listTagNames(of: record, after: nil, limit: 9) == [])
            // The same content again is a new version of the same name, without the old tags.
            try await Self.publish("m1", layer: "layer", to: package, scopes, tags: ["new"])
            #expect(try await package.listTagNames(of: record, after: nil, limit: 9) == ["new"])
        }
    }

    @Test("a size that is not the blob's is refused")
    func sizes() async throws {
        try await StoredScopes.run(on: .sqlite) { scopes in
            let package = try scopes.package("api", format: Self.format)
            try await Self.upload("layer", to: package)
            let digest = InMemoryBlobs.digests(of: Array("layer".utf8)).sha256
            _ = await HostedPackageTests.failure("size_mismatch") {
                _ = try await package.publish(
                    PublishDraft(
                        package: "api", version: "v", files: [],
                        references: [BlobReference(digest: digest, path: "l", size: 4)],
                        lifetime: .referenced))
            }
        }
    }

    @Test("rules about tags", arguments: DatabaseKind.allCases)
    func rules(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let owner = try scopes.package("api", format: Self.format)
            let developer = try scopes.package("api", format: Self.format, role: .developer)
            let maintainer = try scopes.package("api", format: Self.format, role: .maintainer)
            let projectID = owner.project.id
            try await scopes.replicas[0].metadata.write { tx in
                for draft in [
                    TagRuleDraft(
                        pattern: try NamePattern("v.*"), pushRole: .maintainer,
                        deleteRole: .owner),
                    TagRuleDraft(pattern: try NamePattern("release-.*"), isImmutable: true),
                ] {
                    _ = try tx.insertTagRule(
                        draft, projectID: projectID, format: Self.format, at: Sample.now)
                }
            }
            let refused = await HostedPackageTests.failure("tag_protected") {
                try await Self.publish("m1", to: developer, scopes, tags: ["main", "v1"])
            }
            #expect(refused?.code == .forbidden && refused?.detail["rule"] == "v.*")
            #expect(try await owner.find() == nil)
            let first = try await Self.publish(
                "m1", to: maintainer, scopes, tags: ["main", "v1", "release-1"])
            // The same again is fine, another version is not.
            try await Self.publish("m1", to: developer, scopes, tags: ["release-1"])
            let moved = await HostedPackageTests.failure("tag_immutable") {
                try await Self.publish("m2", to: owner, scopes, tags: ["release-1"])
            }
            #expect(moved?.code == .conflict)
            _ = await HostedPackageTests.failure("tag_protected") {
                _ = try await maintainer.removeTag("v1")
            }
            _ = await HostedPackageTests.failure("tag_immutable") {
                _ = try await owner.removeTag("release-1")
            }
            // By digest, every tag of it counts.
            _ = await HostedPackageTests.failure("tag_immutable") {
                _ = try await owner.trashVersion(first.version.name)
            }
            #expect(try await owner.removeTag("v1"))
            #expect(try await owner.removeTag("main"))
            #expect(try await !owner.removeTag("main"))
            #expect(
                try await owner.findFile(.tag("release-1"), path: "manifest")?.version.id
                    == first.version.id)
        }
    }

    @Test("sizes count a shared layer once", arguments: DatabaseKind.allCases)
    func packageSizes(kind: DatabaseKind) async throws {
        try await StoredScopes.run(on: kind) { scopes in
            let package = try scopes.package("api", format: Self.format)
            func size() async throws -> Int64? {
                let record = try #require(try await package.find())
                return try await scopes.replicas[0].metadata.read { tx in
                    try tx.findPackage(record.id)?.sizeBytes
                }
            }
            try await Self.upload("shared layer", to: package)
            #expect(try await size() == 0)
            let one = try await Self.publish("m1", layer: "shared layer", to: package, scopes)
            #expect(try await size() == 14)
            let two = try await Self.publish("m2", layer: "shared layer", to: package, scopes)
            #expect(try await size() == 16)
            try await Self.publish("m2", layer: "shared layer", to: package, scopes)
            #expect(try await size() == 16)
            #expect(try await package.trashVersion(one.version.name))
            #expect(try await size() == 14)
            #expect(try await package.trashVersion(two.version.name))
            #expect(try await size() == 0)
            let isRestored = try await scopes.replicas[0].metadata.write { tx in
                try tx.restoreVersion(one.version.id)
            }
            #expect(isRestored)
            #expect(try await size() == 14)
            let address = package.address
            let measured = try await scopes.replicas[0].metadata.read { tx in
                try tx.measureBlobs(format: Self.format, atOrBelow: address)
            }
            #expect(measured == 14)
        }
    }
}
