import Registry
import Testing

/// Blobs as packages see them: by a file, by a lease, or not at all.
extension MetadataStoreContract {
    static let heldChecks = [
        Check("a package has the blobs that it names or leases, and no others") {
            try await $0.heldBlobs()
        },
        Check("a lease only moves back, and needs its blob") { try await $0.leases() },
        Check("an upload goes on from its last state, until it expires") {
            try await $0.uploads()
        },
        Check("versions are found by what they link to") { try await $0.links() },
        Check("files whose blobs are there are inserted together, however many") {
            try await $0.manyFiles()
        },
    ]

    private func heldBlobs() async throws {
        let now = Sample.now
        let sha512 = String(repeating: "ab", count: 64)
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let named = try tx.insertSampleFile(project, package: "api", blob: 1)
            let package = named.version.package
            let blob = CommittedBlob(
                digests: BlobDigests(sha256: Sample.digest(2), sha512: sha512), size: 2,
                key: StorageKey(stored: "k2"))
            _ = try tx.upsertBlob(blob, at: now)
            _ = try tx.upsertBlob(Sample.blob(3), at: now)
            try tx.upsertLease(
                blob.digest, packageID: package.id, until: now.advanced(bySeconds: 10))

            func find(_ digest: Digest, in name: String = "api") throws -> HeldBlob? {
                try tx.findBlob(
                    BlobAddress(format: Sample.format, package: name, digest: digest),
                    projectID: project.id)
            }
            let one = try #require(try find(Sample.digest(1)))
            #expect(one.isNamed && one.leasedUntil == nil && one.packageID == package.id)
            #expect(one.blob.size == 1 && one.blob.storageKey == Sample.blob(1).key)
            let two = try #require(try find(try Digest(.sha512, hex: sha512)))
            #expect(try find(blob.digest) == two)
            #expect(!two.isNamed && two.isHeld(at: now.advanced(bySeconds: 9)))
            #expect(!two.isHeld(at: now.advanced(bySeconds: 10)))
            // It exists, and the package has nothing to do with it.
            #expect(try #require(try find(Sample.digest(3))).isHeld(at: now) == false)
            #expect(try find(Sample.digest(4)) == nil)
            #expect(try find(Sample.digest(1), in: "other") == nil)

            let several = try tx.findBlobs(
                [Sample.digest(1), Sample.digest(4), try Digest(.sha512, hex: sha512)],
                packageID: package.id)
            #expect(several == [Sample.digest(1): one, try Digest(.sha512, hex: sha512): two])
            // Whoever has it, if anybody.
            let anywhere = try tx.findBlobs(
                [Sample.digest(3), Sample.digest(4), try Digest(.sha512, hex: sha512)])
            #expect(Set(anywhere.keys) == [Sample.digest(3), try Digest(.sha512, hex: sha512)])
            #expect(anywhere[Sample.digest(3)]?.storageKey == Sample.blob(3).key)
            #expect(try anywhere[Digest(.sha512, hex: sha512)] == two.blob)

            #expect(try tx.trashVersion(named.version.id, at: now))
            #expect(try #require(try find(Sample.digest(1))).isHeld(at: now) == false)
            #expect(try tx.restoreVersion(named.version.id))
            #expect(try tx.trashFile(named.file.id, at: now))
            #expect(try #require(try find(Sample.digest(1))).isHeld(at: now) == false)
        }
    }

    private func leases() async throws {
        let now = Sample.now
        let package = try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let package = try tx.ensurePackage(
                projectID: project.id, format: Sample.format, name: "api", at: now)
            let again = try tx.ensurePackage(
                projectID: project.id, format: Sample.format, name: "api", at: now)
            #expect(package == again)
            _ = try tx.upsertBlob(Sample.blob(1), at: now)
            for seconds in [20, 10] as [Int64] {
                try tx.upsertLease(
                    Sample.digest(1), packageID: package.id,
                    until: now.advanced(bySeconds: seconds))
            }
            let held = try tx.findBlobs([Sample.digest(1)], packageID: package.id)
            #expect(held[Sample.digest(1)]?.leasedUntil == now.advanced(bySeconds: 20))
            #expect(try tx.removeLease(Sample.digest(1), packageID: package.id))
            #expect(try !tx.removeLease(Sample.digest(1), packageID: package.id))
            return package
        }
        await failure(.conflict) { tx throws in
            try tx.upsertLease(Sample.digest(9), packageID: package.id, until: now)
        }
    }

    private func uploads() async throws {
        let now = Sample.now
        let end = now.advanced(bySeconds: 60)
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let fresh = UploadRecord(
                id: "u1", projectID: project.id, format: Sample.format, package: "",
                creator: "user:zoe", hashes: [.sha512], state: nil, createdAt: now)
            try tx.insertUpload(fresh, expiresAt: end)
            #expect(try tx.findUpload("u1", at: now) == fresh)
            #expect(try tx.findUpload("u1", at: end) == nil)
            #expect(try tx.findUpload("u2", at: now) == nil)
            #expect(try tx.filterKnownUploads(["u1", "s1"]) == [])

            let state = UploadState(
                uploadID: "s1", offset: 7, hashes: [.sha512], hashState: [1, 2, 3])
            let other = UploadState(
                uploadID: "s2", offset: 8, hashes: [.sha512], hashState: [4])
            #expect(
                try tx.updateUpload(
                    "u1", replacing: nil, with: state, at: now, expiresAt: end))
            // Of two that bring the first bytes, one wins.
            #expect(
                try !tx.updateUpload(
                    "u1", replacing: nil, with: other, at: now, expiresAt: end))
            #expect(try tx.findUpload("u1", at: now)?.state == state)
            #expect(try tx.filterKnownUploads(["u1", "s1"]) == ["s1"])
            let later = UploadState(
                uploadID: "s1", offset: 9, hashes: [.sha512], hashState: [5])
            let longer = end.advanced(bySeconds: 60)
            #expect(
                try tx.updateUpload(
                    "u1", replacing: "s1", with: later, at: now, expiresAt: longer))
            #expect(try tx.findUpload("u1", at: end)?.state == later)
            #expect(try tx.removeUpload("u1"))
            #expect(try !tx.removeUpload("u1"))
            #expect(
                try !tx.updateUpload(
                    "u1", replacing: "s1", with: later, at: now, expiresAt: longer))
        }
    }

    private func links() async throws {
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let names = ["c", "a", "b"]
            var ids: [String: Int64] = [:]
            for (number, name) in names.enumerated() {
                let file = try tx.insertSampleFile(
                    project, package: "api", version: name, path: "manifest", blob: number + 1)
                ids[name] = file.version.id
                let links = [
                    VersionLink(.subject, target: "x", label: name == "b" ? "sbom" : "sig"),
                    VersionLink(.child, target: name == "a" ? "x" : "y"),
                ]
                try tx.insertLinks(links, versionID: file.version.id)
                try tx.insertLinks(links, versionID: file.version.id)
            }
            let package = try #require(
                try tx.findPackage(projectID: project.id, format: Sample.format, name: "api"))
            func list(
                _ label: String? = nil, after last: String? = nil, limit: Int = 10
            ) throws -> [String] {
                try tx.listLinkedFiles(
                    packageID: package.id, kind: .subject, target: "x", label: label,
                    path: "manifest", after: last, limit: limit
                ).map(\.version.name)
            }
            #expect(try list() == ["a", "b", "c"])
            #expect(try list("sig") == ["a", "c"])
            #expect(try list(after: "a", limit: 1) == ["b"])
            #expect(
                try tx.listLinkingVersions(
                    packageID: package.id, kind: .child, target: "x", limit: 5) == ["a"])
            #expect(
                try tx.filterKnownVersions(["a", "z", "c"], packageID: package.id) == ["a", "c"])
            #expect(try tx.trashVersion(try #require(ids["a"]), at: Sample.now))
            #expect(try list() == ["b", "c"])
            #expect(
                try tx.listLinkingVersions(
                    packageID: package.id, kind: .child, target: "x", limit: 5) == [])
            #expect(try tx.filterKnownVersions(["a"], packageID: package.id) == [])
        }
    }

    private func manyFiles() async throws {
        try await store.write { tx throws in
            let project = try tx.insertSample("web")
            let version = try tx.insertSampleFile(project, package: "api", path: "manifest")
                .version
            var references: [BlobReference] = []
            for number in 2..<1202 {
                _ = try tx.upsertBlob(Sample.blob(number), at: Sample.now)
                let digest = Sample.digest(number)
                references.append(BlobReference(digest: digest, path: digest.description))
            }
            try tx.insertFiles(references, version: version, at: Sample.now)
            let page = try tx.listFiles(
                versionID: version.id, isDeleted: false, page: PageRequest())
            #expect(page.totalCount == 1201)
            let listing = try #require(try tx.findPackage(version.package.id))
            #expect(listing.sizeBytes == Int64((1..<1202).reduce(0, +)))
        }
        await failure(.conflict) { tx throws in
            let project = try #require(try tx.findNamespace(.path("web", nil)))
            let version = try tx.insertSampleFile(project, package: "api", path: "manifest")
                .version
            try tx.insertFiles(
                [BlobReference(digest: Sample.digest(9999), path: "lost")], version: version,
                at: Sample.now)
        }
    }
}
