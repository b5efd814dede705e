import Registry

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Compares the bytes of blobs with their rows.
struct BlobVerifier: Sendable {
    /// Bytes that are read at once.
    static let readBytes = 1 << 20
    /// How often damage has to be seen before it counts.
    static let lookCount = 2

    let metadata: any MetadataStore
    let blobs: any RepairableBlobStore
    /// Whether bytes are read; else only their number is looked at.
    let reads: Bool
    /// Hears of bytes that were read, and may take its time.
    let onRead: @Sendable (_ bytes: Int64) async throws -> Void

    /// What is wrong with the blob that was listed; `nil` when nothing is, or when it was collected,
    /// or its bytes were replaced by right ones, since.
    ///
    /// A key is used once (I2), so a row that still has the key had it when the bytes were looked at.
    func confirmDamage(of listed: BlobRecord) async throws -> DamagedBlob? {
        var blob = listed
        var looks = 0
        while true {
            guard let damage = try await findDamage(of: blob, isAgain: looks > 0) else {
                return nil
            }
            let digest = blob.digests.sha256
            guard let current = try await metadata.read({ try $0.findBlobs([digest])[digest] })
            else { return nil }
            guard current.storageKey == blob.storageKey else {
                (blob, looks) = (current, 0)
                continue
            }
            looks += 1
            if looks == Self.lookCount { return DamagedBlob(blob: current, damage: damage) }
        }
    }

    private func findDamage(of blob: BlobRecord, isAgain: Bool) async throws -> BlobDamage? {
        do {
            guard reads else {
                guard let size = try await blobs.size(of: blob.storageKey) else { return .missing }
                return size == blob.size ? nil : .wrongSize(actual: size)
            }
            return try await read(blob, isAgain: isAgain)
        } catch let error as RegistryError {
            switch error.code {
            case .notFound: return .missing
            // A store that cannot be reached says nothing about its blobs.
            case .internalError: return .unreadable(error.description)
            default: throw error
            }
        }
    }

    private func read(_ blob: BlobRecord, isAgain: Bool) async throws -> BlobDamage? {
        var reader = try await blobs.openKept(blob.storageKey)
        if isAgain, let descriptor = reader.fileDescriptor {
            Self.forgetPages(of: descriptor)
            reader = try await blobs.openKept(blob.storageKey)
        }
        guard reader.size == blob.size else { return .wrongSize(actual: reader.size) }
        var hashes = ContentHashes(blob.digests.extraHashes)
        while hashes.countBytes < blob.size {
            let chunk = try await reader.read(
                at: hashes.countBytes, limitBytes: Self.readBytes)
            let count = hashes.update(chunk)
            guard count > 0 else { return .unreadable("it ends too early") }
            try await onRead(count)
        }
        let digests = hashes.digests()
        guard digests.sha256 == blob.digests.sha256 else {
            return .wrongDigest(actual: digests.sha256)
        }
        return digests == blob.digests ? nil : .wrongExtraDigests(actual: digests)
    }

    /// Makes the next read come from the disk and not from memory, where the system lets us.
    private static func forgetPages(of descriptor: CInt) {
        #if canImport(Glibc)
            _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        #endif
    }
}
