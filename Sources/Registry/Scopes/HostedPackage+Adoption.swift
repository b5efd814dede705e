/// Blobs that come to a package otherwise than from its clients: by whoever runs the registry, to
/// whom the rules about who may know of a blob do not apply.
extension RegistryServices {
    /// Those of `digests` that are stored with all of their bytes, whoever has them.
    public func findStoredBlobs(
        _ digests: [Digest]
    ) async throws(RegistryError) -> [Digest: BlobRecord] {
        var found = try await metadata.read { tx in try tx.findBlobs(digests) }
        for (digest, blob) in found where try await blobs.size(of: blob.storageKey) != blob.size {
            found[digest] = nil
        }
        return found
    }
}

extension HostedPackage {
    /// Makes blobs ones of the package, all of them in one transaction, for as long as it takes to
    /// publish what names them.
    ///
    /// - Parameters:
    ///   - blobs: bytes that the store was given just now.
    ///   - stored: blobs that there are already.
    /// - Throws: `conflict` when one of `stored` was removed meanwhile; nothing has changed then.
    public func adoptBlobs(
        _ blobs: [CommittedBlob], stored: [BlobRecord]
    ) async throws(RegistryError) {
        let (package, now) = (self, services.clock.now())
        let end = now.advanced(bySeconds: BlobLease.lifetimeSeconds)
        let keys = try await services.metadata.write { tx in
            let record = try tx.ensurePackage(
                projectID: package.project.id, format: package.format, name: package.name,
                at: now)
            var keys: [Digest: StorageKey] = [:]
            // In one order everywhere, so that two who do this cannot wait for each other.
            for blob in blobs.sorted(by: { $0.digest.hex < $1.digest.hex }) {
                keys[blob.digest] = try tx.upsertBlob(blob, at: now)
            }
            let digests = Set(blobs.map(\.digest) + stored.map(\.digests.sha256))
            for digest in digests.sorted(by: { $0.hex < $1.hex }) {
                try tx.upsertLease(digest, packageID: record.id, until: end)
                try tx.upsertReview(.blob(digest), event: "blob.leased", after: end)
            }
            return keys
        }
        for blob in blobs {
            try await services.settle(blob, keptKey: keys[blob.digest])
        }
    }
}
