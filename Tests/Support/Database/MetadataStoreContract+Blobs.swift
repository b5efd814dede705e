import Registry
import Testing

extension MetadataStoreContract {
    static let blobChecks = [
        Check("the blob that was there first counts, and gets digests that it lacked") {
            try await $0.blobs()
        },
        Check("a lost blob's key is replaced once") { try await $0.replaceKeys() },
        Check("known keys and uploads, however many are asked for") { try await $0.known() },
        Check("a review only moves back") { try await $0.reviews() },
    ]

    static let concurrencyChecks = [
        Check("64 publishers of one package get 64 revisions and lose no file") {
            try await $0.concurrentPublishers()
        },
        Check("of 32 that claim one name, one gets it") { try await $0.concurrentClaims() },
    ]

    private func blobs() async throws {
        let first = Sample.blob(1, write: 1, md5: "m1")
        let second = Sample.blob(1, write: 2, md5: "m2", sha1: "s2")
        try await store.write { tx throws in
            #expect(try tx.findBlobKey(first.digest) == nil)
            #expect(try tx.upsertBlob(first, at: Sample.now) == first.key)
            #expect(try tx.upsertBlob(second, at: Sample.now) == first.key)
            #expect(try tx.findBlobKey(first.digest) == first.key)
            let project = try tx.insertSample("web")
            let file = try tx.insertSampleFile(project, blob: 1)
            #expect(
                file.file.digests == BlobDigests(sha256: first.digest, md5: "m1", sha1: "s2"))
        }
    }

    private func replaceKeys() async throws {
        let blob = Sample.blob(1)
        let new = StorageKey(stored: "new")
        try await store.write { tx throws in
            _ = try tx.upsertBlob(blob, at: Sample.now)
            #expect(try tx.replaceBlobKey(blob.digest, old: blob.key, new: new))
            #expect(try !tx.replaceBlobKey(blob.digest, old: blob.key, new: new))
            #expect(try tx.findBlobKey(blob.digest) == new)
        }
    }

    private func known() async throws {
        try await store.write { tx throws in
            for number in 0..<3 { _ = try tx.upsertBlob(Sample.blob(number), at: Sample.now) }
            let keys = (0..<1200).map { Sample.blob($0).key }
            #expect(try tx.filterKnownKeys(keys.reversed()) == Set(keys.prefix(3)))
            #expect(try tx.filterKnownKeys([]) == [])
            #expect(try tx.filterKnownUploads((0..<1200).map { "u\($0)" }) == [])
        }
    }

    private func reviews() async throws {
        try await store.write { tx throws in
            for seconds in [10, 5, 20] as [Int64] {
                let moment = Sample.now.advanced(bySeconds: seconds)
                for subject in [
                    ReviewSubject.blob(Sample.digest(1)), .version(1), .upload("u"),
                ] {
                    try tx.upsertReview(subject, event: "committed", after: moment)
                }
            }
        }
    }

    private func concurrentPublishers() async throws {
        let project = try await store.write { try $0.insertSample("web") }
        let count = 64
        try await withThrowingTaskGroup { group in
            for number in 0..<count {
                group.addTask {
                    try await store.write { tx throws in
                        try tx.insertSampleFile(
                            project, version: "\(number % 4)", path: "\(number)",
                            blob: number % 8)
                    }
                }
            }
            try await group.waitForAll()
        }
        try await store.read { tx throws in
            let package = try tx.findPackage(
                projectID: project.id, format: Sample.format, name: "tool")
            #expect(package?.revision == Int64(count))
            let versions = try tx.listVersions(
                VersionFilter(), in: .project(project.id), readableBy: .everything,
                page: PageRequest())
            #expect(versions.totalCount == 4)
            let paths = try versions.rows.flatMap { version in
                try tx.listFiles(
                    versionID: version.id, isDeleted: false, page: PageRequest(size: 100)
                ).rows.map(\.path)
            }
            #expect(Set(paths) == Set((0..<count).map(String.init)))
        }
    }

    private func concurrentClaims() async throws {
        let project = try await store.write { try $0.insertSample("web") }
        let claims: [@Sendable (any MetadataWriting, Int) throws -> Void] = [
            { tx, _ in try tx.insertSample("taken", .group) },
            { tx, _ in _ = try tx.insertSampleUser("zoe") },
            { tx, number in try tx.insertSampleFile(project, blob: number) },
        ]
        for claim in claims {
            let outcomes = await withTaskGroup { group in
                for number in 0..<32 {
                    group.addTask { () -> RegistryError.Code? in
                        do throws(RegistryError) {
                            try await store.write { try claim($0, number) }
                            return nil
                        } catch {
                            return error.code
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.filter { $0 == nil }.count == 1)
            #expect(outcomes.filter { $0 == .conflict }.count == 31)
        }
    }
}
