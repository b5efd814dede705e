/// What came of removing a blob from a package.
public enum BlobRelease: Hashable, Sendable {
    /// The package does not have it.
    case absent
    /// The package no longer has it.
    case released
    /// A version names it: only without that version can it go.
    case named
}

extension HostedPackage {
    /// The blob, where the package has it.
    public func findBlob(_ digest: Digest) async throws(RegistryError) -> BlobRecord? {
        try await services.metadata.findBlob(
            blobAddress(digest), inProject: project.id, at: services.clock.now())?.blob
    }

    /// Opens the bytes of a blob, and checks that they have the right size.
    public func open(_ blob: BlobRecord) async throws(RegistryError) -> any BlobReader {
        try await services.openVerified(blob.storageKey, size: blob.size)
    }

    /// The blob, where the package has it and its bytes are there with the right size; it then stays
    /// there long enough for the client to publish what names it.
    ///
    /// Bytes that are lost are as good as no blob, so that the client uploads them again.
    public func holdBlob(_ digest: Digest) async throws(RegistryError) -> BlobRecord? {
        let now = services.clock.now()
        let held = try await services.metadata.findBlob(
            blobAddress(digest), inProject: project.id, at: now)
        guard let held, try await services.blobs.size(of: held.blob.storageKey) == held.blob.size
        else { return nil }
        if held.leasedUntil.map({ $0 < now.advanced(bySeconds: BlobLease.renewalSeconds) })
            ?? true
        {
            let isThere = try await lease(held.blob.digests.sha256, held.packageID, at: now)
            guard isThere else { return nil }
        }
        return held.blob
    }

    /// Makes a blob of another package one of this one, without its bytes travelling.
    ///
    /// - Returns: `nil` when the other does not have it.
    public func mountBlob(
        _ digest: Digest, from source: HostedPackage
    ) async throws(RegistryError) -> BlobRecord? {
        guard let blob = try await source.findBlob(digest),
            try await services.blobs.size(of: blob.storageKey) == blob.size
        else { return nil }
        let (target, now) = (self, services.clock.now())
        let package = try await services.metadata.write { tx in
            try tx.ensurePackage(
                projectID: target.project.id, format: target.format, name: target.name, at: now)
        }
        return try await lease(blob.digests.sha256, package.id, at: now) ? blob : nil
    }

    /// Takes a blob from the package, unless one of its versions names it.
    ///
    /// - Throws: `forbidden` when a rule about the package refuses.
    public func releaseBlob(_ digest: Digest) async throws(RegistryError) -> BlobRelease {
        let (address, project, actor, now) = (
            blobAddress(digest), project, actor, services.clock.now()
        )
        let authority = authority
        return try await services.metadata.write { tx in
            guard let held = try tx.findBlob(address, projectID: project.id),
                held.isHeld(at: now)
            else { return .absent }
            if held.isNamed { return .named }
            try tx.packageProtection(of: project.id, for: authority)
                .checkUntagging(address.format, address.package)
            let sha256 = held.blob.digests.sha256
            guard try tx.removeLease(sha256, packageID: held.packageID) else { return .absent }
            try tx.upsertReview(.blob(sha256), event: "blob.released", after: now)
            try tx.append(
                AuditEvent(
                    action: "blob.delete", actor: actor, namespaceID: project.id,
                    subject: "\(address.format)/\(address.package)@\(digest)"),
                at: now)
            return .released
        }
    }

    /// Stores a blob that arrives in one request.
    ///
    /// - Throws: `unprocessable` when the bytes are not those of `digest`.
    public func storeBlob(
        _ body: consuming RequestBody, expecting digest: Digest, size: Int64?
    ) async throws(RegistryError) -> BlobRecord {
        var upload = try await services.blobs.beginUpload(
            hashes: digest.algorithm == .sha512 ? .sha512 : [])
        try await upload.append(body: body)
        let blob = try await upload.commit(BlobExpectation(digest, size: size))
        return try await adopt(blob, ending: nil)
    }

    /// What the caller counts as where a rule asks.
    var authority: Authority { Authority(actor.principal, role: role) }

    func blobAddress(_ digest: Digest) -> BlobAddress {
        BlobAddress(format: format, package: name, digest: digest)
    }

    /// Makes a stored blob one of the package, and ends the upload that brought it.
    ///
    /// - Throws: `notFound` when the upload ended meanwhile.
    func adopt(
        _ blob: CommittedBlob, ending uploadID: String?
    ) async throws(RegistryError) -> BlobRecord {
        let (package, now) = (self, services.clock.now())
        let end = now.advanced(bySeconds: BlobLease.lifetimeSeconds)
        let key = try await services.metadata.write { tx in
            if let uploadID, try !tx.removeUpload(uploadID) {
                throw RegistryError.uploadUnknown()
            }
            let record = try tx.ensurePackage(
                projectID: package.project.id, format: package.format, name: package.name,
                at: now)
            let key = try tx.upsertBlob(blob, at: now)
            try tx.upsertLease(blob.digest, packageID: record.id, until: end)
            try tx.upsertReview(.blob(blob.digest), event: "blob.uploaded", after: end)
            return key
        }
        try await services.settle(blob, keptKey: key)
        return BlobRecord(digests: blob.digests, size: blob.size, storageKey: key)
    }

    /// - Returns: whether the blob was still there.
    private func lease(
        _ digest: Digest, _ packageID: Int64, at now: Timestamp
    ) async throws(RegistryError) -> Bool {
        let end = now.advanced(bySeconds: BlobLease.lifetimeSeconds)
        do throws(RegistryError) {
            try await services.metadata.write { tx in
                try tx.upsertLease(digest, packageID: packageID, until: end)
                try tx.upsertReview(.blob(digest), event: "blob.leased", after: end)
            }
            return true
        } catch {
            // The row went between the look and the lease: to the client it was never there.
            guard error.code == .conflict else { throw error }
            return false
        }
    }
}

extension BlobExpectation {
    /// The bytes of this digest, and of this size where it is known.
    public init(_ digest: Digest, size: Int64? = nil) {
        switch digest.algorithm {
        case .sha256: self.init(size: size, sha256: digest.hex)
        case .sha512: self.init(size: size, sha512: digest.hex)
        }
    }
}
